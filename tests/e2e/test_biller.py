"""The upstream is the biller: over a mix of cached, streamed, cut, aborted, refused, failed-over and hedged requests, what it would
charge is what the ledger, the sums and the metrics say, to the token and the cent.

Each request carries a number in its prompt. What the upstream answers, and so its bill, is drawn from that number alone.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from omniroute._fast.tokens import estimate_body
from omniroute.core.ledger import LedgerRow
from omniroute.routing.resolve import target as make_target
from running.fixtures import Server, Start, nodes, serving
from upstream.script import Fault, Script, Text, Usage
from upstream.server import Received, ScriptedUpstream

PRICES = {
    "oa": {"input": 2.5, "output": 10.0, "cached": 0.25, "cache_write": 3.125},
    "an": {"input": 3.0, "output": 15.0, "cached": 0.3, "cache_write": 3.75,
           "long_context": {"above": 200_000, "input": 6.0, "output": 22.5, "cached": 0.6, "cache_write": 7.5}},
    "re": {"input": 1.25, "output": 10.0, "cached": 0.125},
}  # fmt: skip
PIECES = [f"piece{number} " for number in range(12)]
SENT = 9
"""Pieces of an answer that come before it is cut or stalls."""
CONFIG = '[combos.both]\nsteps = ["oa/m", "an/m"]\nstrategy = "fill-first"\n'
_SUMS = ("input_tokens", "cached_tokens", "written_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True)
class Case:
    """``end``: how the first target's answer ends: whole, cut, left (by the client), refused (and the request with it)."""

    number: int
    model: str
    dialect: str
    stream: bool
    end: str
    usage: Usage

    @classmethod
    def draw(cls, number: int) -> Case:
        rng = random.Random(number)
        stream = rng.random() < 0.6
        ends = ["whole"] * 6 + ["refused"] + (["cut", "left"] if stream else [])
        end = rng.choice(ends)
        models = ["oa/m", "an/m", "re/m", "both"] if end in ("whole", "refused") else ["oa/m", "an/m"]
        given = rng.choice((0, 7, 900, 12_345, 199_999, 200_001, 250_000)) + 10
        cached = rng.choice((0, given // 2, given - 5))
        written = rng.choice((0, (given - cached) // 3))
        output = rng.randrange(1, 4000)
        return cls(
            number, rng.choice(models), rng.choice(("openai_chat", "anthropic")), stream, end,
            Usage(given, output, cached, written, rng.choice((0, output // 2))),
        )  # fmt: skip

    @property
    def body(self) -> bytes:
        messages = [{"role": "user", "content": f"This is case {self.number}. {'Words, words. ' * (self.number % 7)}"}]
        asked = {"model": self.model, "messages": messages, "stream": self.stream, "max_tokens": 5000}
        if self.dialect == "openai_chat" and self.stream:
            asked["stream_options"] = {"include_usage": True}
        return json.dumps(asked).encode()

    @property
    def path(self) -> str:
        return "/v1/messages" if self.dialect == "anthropic" else "/v1/chat/completions"

    def script(self, node: str) -> Script:
        """What the upstream answers where ``node`` is asked."""
        refused = self.end == "refused" and not (self.model == "both" and node == "an")
        if refused:
            return Script(status=400 if self.model != "both" else 503, message="no")
        fault = {"cut": Fault.CUT_BETWEEN_EVENTS, "left": Fault.STALL_MID_STREAM}.get(self.end)
        usage = self.usage
        if node == "re":  # that dialect tells nothing of cache writes
            usage = Usage(usage.input, usage.output, usage.cached, 0, usage.reasoning)
        before = 3 if node == "an" else 1  # message_start, ping, content_block_start; the role
        return Script([Text("".join(PIECES), PIECES)], usage, fault=fault, fault_after=before + SENT)

    def bill(self, node: str) -> dict[str, Any]:
        """What that call costs in tokens, and how the ledger should remember it."""
        script = self.script(node)
        if script.status != 200:
            return {"outcome": "error", "usage": Usage(0, 0)}
        usage = script.usage
        assert usage is not None
        if script.fault is None:
            return {"outcome": "ok", "usage": usage}
        seen = math.ceil(len("".join(PIECES[:SENT])) / 4)
        outcome = "truncated" if self.end == "cut" else "aborted"
        if node == "an":  # its first event has told of the input
            return {"outcome": outcome, "usage": Usage(usage.input, max(1, seen), usage.cached, usage.written, 0)}
        return {"outcome": outcome, "usage": Usage(estimate_body(self.body), seen)}


def cost(node: str, usage: Usage) -> float:
    """By the price list, in the words of the price list: long inputs pay the long price for everything."""
    rates: dict[str, Any] = PRICES[node]
    long = rates.get("long_context")
    if long is not None and usage.input > long["above"]:
        rates = long
    fresh = usage.input - usage.cached - usage.written
    parts = (
        (fresh, rates["input"]),
        (usage.cached, rates["cached"]),
        (usage.written, rates.get("cache_write", rates["input"])),
        (usage.output, rates["output"]),
    )
    return sum(count * rate for count, rate in parts) / 1e6


def node_of(received: Received) -> str:
    return {"/v1/chat/completions": "oa", "/v1/messages": "an", "/v1/responses": "re"}[received.path]


def case_of(received: Received) -> Case:
    found = re.search(rb"This is case (\d+)", received.body)
    assert found is not None
    return Case.draw(int(found[1]))


async def send(http: httpx.AsyncClient, case: Case, headers: dict[str, str]) -> None:
    headers = {"content-type": "application/json", **headers}
    if case.end != "left":
        await http.post(case.path, content=case.body, headers=headers)
        return
    async with http.stream("POST", case.path, content=case.body, headers=headers) as answer:
        text = ""
        async for part in answer.aiter_text():
            text += part
            if PIECES[SENT - 1].strip() in text:
                return  # everything that was sent has come through; leaving closes the connection


async def priced(server: Server) -> httpx.AsyncClient:
    """A client of the admin API; every node's model has its price."""
    token = {"authorization": f"Bearer {server.app.services.admin_token}"}
    admin = httpx.AsyncClient(base_url=server.url, headers=token)
    server.closing.push_async_callback(admin.aclose)
    for provider, rates in PRICES.items():
        stated = await admin.put("/api/pricing", json={"provider": provider, "model": "m", **rates})
        assert stated.status_code == 200, stated.text
    return admin


def billed(row: LedgerRow) -> tuple[Any, ...]:
    return (row.provider, row.outcome, *(getattr(row, name) for name in _SUMS))


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_ledger_is_the_upstreams_bill(start: Start, scripted_upstream: ScriptedUpstream, seed: int) -> None:
    cases = [Case.draw(seed * 1000 + number) for number in range(140)]
    scripted_upstream.default = lambda received: case_of(received).script(node_of(received))
    server = await start(nodes(scripted_upstream) + CONFIG)
    admin = await priced(server)
    _, plain = await server.app.installation.keys.create("k")
    await server.app.installation.reload()
    key = {"authorization": f"Bearer {plain}"}
    places = asyncio.Semaphore(8)

    async def one(case: Case) -> None:
        async with places:
            await send(server.http, case, key if case.number % 2 else {})

    await asyncio.gather(*(one(case) for case in cases))
    await server.app.settled()
    rows = await server.usage()
    bills = [(node_of(received), case_of(received)) for received in scripted_upstream.requests]
    expected = [(node, case.bill(node)) for node, case in bills]
    wanted = Counter(
        (node, bill["outcome"], *(getattr(bill["usage"], name.removesuffix("_tokens")) for name in _SUMS))
        for node, bill in expected
    )
    found = Counter(billed(row) for row in rows)
    assert (found - wanted, wanted - found) == (Counter(), Counter()), (
        "every call has its row, to the token, and no row is without a call"
    )
    assert {row.outcome for row in rows} == {"ok", "error", "aborted", "truncated"}
    dollars = math.fsum(cost(node, bill["usage"]) for node, bill in expected)
    assert math.fsum(row.cost_usd or 0.0 for row in rows) == pytest.approx(dollars, abs=1e-9)
    await agree(admin, server, expected, dollars)


async def agree(admin: httpx.AsyncClient, server: Server, expected: list[tuple[str, dict[str, Any]]], dollars: float) -> None:
    """Every sum there is says the same."""
    tokens = {name: sum(getattr(bill["usage"], name.removesuffix("_tokens")) for _, bill in expected) for name in _SUMS}
    for query in (
        "",
        "?group_by=provider",
        "?group_by=key_id",
        "?group_by=day",
        "?group_by=hour",
        "?group_by=outcome",
        "?since=1",
    ):
        groups = (await admin.get(f"/api/usage/totals{query}")).json()["data"]
        assert {name: sum(group[name] for group in groups) for name in _SUMS} == tokens, query
        assert math.fsum(group["cost_usd"] for group in groups) == pytest.approx(dollars, abs=1e-9), query
        assert sum(group["attempts"] for group in groups) == len(expected), query
        assert sum(group["unpriced"] for group in groups) == 0, query
    series = (await admin.get("/api/usage/series?group_by=provider")).json()["series"]
    assert math.fsum(math.fsum(one["cost_usd"]) for one in series) == pytest.approx(dollars, abs=1e-9)
    samples: dict[str, float] = {}
    for name, labels, value in re.findall(r"^(\w+)\{([^}]*)\} (\S+)$", (await admin.get("/metrics")).text, re.M):
        kind = re.search(r'type="(\w+)"', labels)
        samples[f"{name} {kind[1] if kind else ''}"] = samples.get(f"{name} {kind[1] if kind else ''}", 0.0) + float(value)
    for name, count in tokens.items():
        assert samples[f"omniroute_tokens_total {name.removesuffix('_tokens')}"] == count
    assert samples["omniroute_cost_usd_total "] == pytest.approx(dollars, abs=1e-9)
    spent = (await admin.post("/api/budgets", json={"usd": 1e6, "period": "monthly"})).json()["used"]
    assert spent["usd"] == pytest.approx(dollars, abs=1e-9)
    assert spent["tokens"] == tokens["input_tokens"] + tokens["output_tokens"]


async def test_a_lost_race_is_charged_for_its_prompt_and_the_winner_for_its_answer(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    won = Usage(input=1000, output=50, cached=300)
    scripted_upstream.default = lambda received: Script(usage=won, latency=5.0 if node_of(received) == "oa" else 0.0)
    server = await start(nodes(scripted_upstream) + CONFIG, OMNIROUTE_HEDGE="1", OMNIROUTE_HEDGE_SHARE="1")
    admin = await priced(server)
    snapshot = server.app.installation.snapshot
    provider = snapshot.catalogue.by_id("oa")
    assert provider is not None
    for _ in range(5):
        server.app.health.waited(make_target(snapshot, provider, "m"), 0.02)
    body = json.dumps({"model": "both", "messages": [{"role": "user", "content": "Hi " * 50}], "stream": True}).encode()
    answer = await server.http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.headers["x-omniroute-provider"] == "an"
    await server.app.settled()
    lost, winner = sorted(await server.usage(), key=lambda row: row.attempt)
    assert (lost.provider, lost.outcome, lost.hedge, lost.estimated) == ("oa", "aborted", False, True)
    assert (lost.input_tokens, lost.output_tokens) == (estimate_body(body), 0)
    assert lost.cost_usd == pytest.approx(cost("oa", Usage(lost.input_tokens, 0)))
    assert (winner.provider, winner.outcome, winner.hedge, winner.input_tokens) == ("an", "ok", True, 1000)
    assert winner.cost_usd == pytest.approx(cost("an", won))
    (total,) = (await admin.get("/api/usage/totals")).json()["data"]
    assert (total["requests"], total["attempts"], total["hedges"]) == (1, 2, 1)
    assert total["cost_usd"] == pytest.approx((lost.cost_usd or 0) + (winner.cost_usd or 0))


async def test_sums_survive_a_restart_and_a_batch_that_is_written_twice(
    tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    cases = [Case.draw(5000 + number) for number in range(30)]
    scripted_upstream.default = lambda received: case_of(received).script(node_of(received))
    async with serving(tmp_path / "data", nodes(scripted_upstream) + CONFIG) as server:
        await priced(server)
        for case in cases:
            await send(server.http, case, {})
        await server.app.settled()
        rows = await server.usage()
        assert await server.app._usage.insert_batch(rows) == 0, "a repeated batch is no news"
    async with serving(tmp_path / "data", nodes(scripted_upstream) + CONFIG) as server:
        token = {"authorization": f"Bearer {server.app.services.admin_token}"}
        bills = [(node_of(received), case_of(received)) for received in scripted_upstream.requests]
        dollars = math.fsum(cost(node, case.bill(node)["usage"]) for node, case in bills)
        (total,) = (await server.http.get("/api/usage/totals", headers=token)).json()["data"]
        assert (total["attempts"], total["cost_usd"]) == (len(bills), pytest.approx(dollars, abs=1e-9))
