"""Every way an answer goes wrong, in every client's dialect, with one account, two, and a combo to turn to.

One server and one scripted upstream serve the whole module, and the cells run many at a time before the first is judged: stalled
upstreams cost their timeouts together. Each cell has a provider of its own, so that no fault is held against another.
What is promised: while nothing has reached the client, a fault is made good by whatever else can answer; after that nothing is
tried again, and the client is told in its own dialect. Nothing hangs, and no answer is put together from two.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from upstream.script import Fault, Script
from upstream.server import Received, ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

GOOD = "alpha bravo charlie delta echo foxtrot golf hotel"
BAD = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce"
ODD = "schöne ☀ Welt — alles gut"
TIMEOUTS = "timeouts = { connect = 2, first_token = 1.5, between_tokens = 1 }"
HANG = 20.0  # seconds
AT_ONCE, STALLS_AT_ONCE = 12, 60
MOST_CALLS = 3  # of one account that only fails: the first, one more in its place, one on a connection found dead
LATE = 8  # events: past the preamble of every dialect and some words into the text

CLIENTS = {"chat": "oa", "messages": "an", "responses": "re", "gemini": "ge", "ollama": "ol"}
FORMATS = {"oa": "openai_chat", "an": "anthropic", "re": "openai_responses", "ge": "gemini", "ol": "ollama"}
ANOTHER = {"oa": "an", "an": "oa", "re": "ge", "ge": "oa", "ol": "re"}  # an upstream dialect that is not the client's

_ANYWHERE = (
    Fault.STALL_MID_STREAM, Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.END_EARLY, Fault.RESET_MID_STREAM,
    Fault.ERROR_IN_STREAM, Fault.SHORT_BODY,
)  # fmt: skip
_BEFORE = (
    Fault.STALL_BEFORE_HEADERS, Fault.STALL_AFTER_HEADERS, Fault.RESET_BEFORE_HEADERS, Fault.CLOSE_BEFORE_HEADERS,
    Fault.EMPTY_BODY, Fault.HTML_PAGE, Fault.JSON_ERROR_200,
)  # fmt: skip
_ODDITIES = (Fault.SLOW_DRIP, Fault.SPLIT_UTF8, Fault.WRONG_CONTENT_TYPE, Fault.HALF_UTF8)
_STATUSES = (401, 402, 403, 404, 408, 429, 500, 502, 503, 529)

FAULTS: dict[str, Script] = {
    **{str(fault): Script(BAD, fault=fault) for fault in _BEFORE},
    **{f"early_{fault}": Script(BAD, fault=fault, fault_after=0) for fault in _ANYWHERE},
    **{f"late_{fault}": Script(BAD, fault=fault, fault_after=LATE) for fault in _ANYWHERE},
    **{f"status_{status}": Script(status=status, message=f"scripted {status}") for status in _STATUSES},
    "status_400": Script(status=400, message="no such knob"),
    **{str(fault): Script(ODD, fault=fault) for fault in _ODDITIES},
}
TOPOLOGIES = ("single", "accounts", "combo")


@dataclass(frozen=True)
class Cell:
    """``upstream``: the prefix of its dialect. The first account or step has the fault; the second, where there is one, has not."""

    number: int
    fault: str
    streamed: bool
    client: str
    upstream: str
    topology: str

    @property
    def id(self) -> str:
        kind = "stream" if self.streamed else "whole"
        return f"{self.fault}-{kind}-{self.client}-{self.upstream}-{self.topology}"

    @property
    def name(self) -> str:
        """Of its provider, its combo and its model."""
        return f"c{self.number}"

    @property
    def model(self) -> str:
        """What the client asks for."""
        return self.name if self.topology == "combo" else f"{self.name}/{self.name}"

    @property
    def committed(self) -> bool:
        """The fault strikes when some of the answer has reached the client."""
        return self.streamed and self.fault.startswith("late_")

    @property
    def harmless(self) -> bool:
        """The answer is whole all the same. Half a character makes a finished body unreadable, in a stream it is one odd sign."""
        return self.fault in set(_ODDITIES) and (self.streamed or self.fault != Fault.HALF_UTF8)

    def config(self, upstream: ScriptedUpstream) -> str:
        """Its nodes and its combo. The two steps of a combo speak different dialects."""
        bad, good = (f'{{ name = "{name}", api_key = "{name}", priority = {rank} }}' for rank, name in enumerate(("bad", "good")))
        if self.topology == "combo":
            first = self._node(upstream, f"{self.name}-1", self.upstream, bad)
            second = self._node(upstream, f"{self.name}-2", ANOTHER[self.upstream], good)
            steps = f'"{self.name}-1/{self.name}", "{self.name}-2/{self.name}"'
            return f'{first}{second}[combos.{self.name}]\nstrategy = "fill-first"\nsteps = [{steps}]\n'
        return self._node(upstream, self.name, self.upstream, bad if self.topology == "single" else f"{bad}, {good}")

    def _node(self, upstream: ScriptedUpstream, name: str, dialect: str, accounts: str) -> str:
        bases = {"an": upstream.anthropic_base_url, "ge": upstream.gemini_base_url, "ol": upstream.ollama_base_url}
        base = bases.get(dialect, upstream.openai_base_url)
        # A drip of single bytes takes as long as the machine needs for thousands of writes: no timer is to judge that.
        timers = "" if self.fault == Fault.SLOW_DRIP else TIMEOUTS
        return f'[nodes.{name}]\nformat = "{FORMATS[dialect]}"\nbase_url = "{base}"\n{timers}\naccounts = [{accounts}]\n'


@dataclass
class Outcome:
    """What came back. ``status`` 0: nothing did in time."""

    status: int
    body: str
    content_type: str
    bad_calls: int = 0
    good_calls: int = 0


def cells() -> list[Cell]:
    shapes = [(topology, translated) for topology in TOPOLOGIES for translated in (False, True)]
    shapes.remove(("combo", True))  # its second step is of another dialect anyway
    kinds = product(FAULTS, (False, True), CLIENTS.items(), shapes)
    return [
        Cell(number, fault, streamed, client, ANOTHER[own] if translated else own, topology)
        for number, (fault, streamed, (client, own), (topology, translated)) in enumerate(kinds)
    ]


def asked(cell: Cell) -> tuple[str, dict[str, Any]]:
    """Path and body of the question."""
    turn = [{"role": "user", "content": "Hi"}]
    if cell.client == "gemini":
        verb = "streamGenerateContent?alt=sse" if cell.streamed else "generateContent"
        return f"/v1beta/models/{cell.model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    body: dict[str, Any] = {"model": cell.model, "stream": cell.streamed}
    if cell.client == "responses":
        return "/v1/responses", body | {"input": "Hi", "store": False}
    if cell.client == "messages":
        return "/v1/messages", body | {"messages": turn, "max_tokens": 100}
    return "/api/chat" if cell.client == "ollama" else "/v1/chat/completions", body | {"messages": turn}


def _wanted(request: pytest.FixtureRequest) -> list[Cell]:
    """The cells of the tests that will run."""
    chosen = [getattr(item, "callspec", None) for item in request.session.items if item.path == Path(__file__)]
    return [spec.params["cell"] for spec in chosen if spec is not None and "cell" in spec.params]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[Cell, Outcome]]:
    """Every wanted cell, asked."""
    wanted = _wanted(request)
    by_name = {cell.name: cell for cell in wanted}
    calls = {(cell.name, account): 0 for cell in wanted for account in ("bad", "good")}

    def answering(received: Received) -> Script:
        cell = by_name[received.model or ""]
        account = "good" if "good" in (_credential(received) or "") else "bad"
        calls[cell.name, account] += 1
        return FAULTS[cell.fault] if account == "bad" else Script(GOOD)

    async with ScriptedUpstream().run() as upstream:
        upstream.default = answering
        config = "\n".join(cell.config(upstream) for cell in wanted)
        async with serving(tmp_path_factory.mktemp("faults") / "data", config) as server:
            found = await _ask_all(server, [cell for cell in wanted if "stall" not in cell.fault], AT_ONCE)
            found |= await _ask_all(server, [cell for cell in wanted if "stall" in cell.fault], STALLS_AT_ONCE)
    for cell, outcome in found.items():
        outcome.bad_calls, outcome.good_calls = calls[cell.name, "bad"], calls[cell.name, "good"]
    yield found


def _credential(received: Received) -> str | None:
    return received.header("authorization") or received.header("x-api-key") or received.header("x-goog-api-key")


async def _ask_all(server: Server, wanted: list[Cell], at_once: int) -> dict[Cell, Outcome]:
    gate = asyncio.Semaphore(at_once)
    return dict(zip(wanted, await asyncio.gather(*(_ask(server, cell, gate) for cell in wanted)), strict=True))


async def _ask(server: Server, cell: Cell, gate: asyncio.Semaphore) -> Outcome:
    path, body = asked(cell)
    async with gate:
        try:
            async with asyncio.timeout(HANG):
                answer = await server.http.post(path, json=body)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(0, "", "")
        except httpx.HTTPError as error:
            return Outcome(-1, repr(error), "")
    return Outcome(answer.status_code, answer.text, answer.headers["content-type"])


# what an answer says --------------------------------------------------------------------------------------------------------


def events(cell: Cell, body: str) -> list[dict[str, Any]]:
    if cell.client == "ollama":
        return [json.loads(line) for line in body.splitlines() if line.strip()]
    return [json.loads(line[5:]) for line in body.splitlines() if line.startswith("data:") and "[DONE]" not in line]


def said(cell: Cell, body: str) -> str:
    """The text of the answer, as far as it goes."""
    if cell.streamed:
        return "".join(_words(cell.client, event) for event in events(cell, body))
    value = json.loads(body)
    match cell.client:
        case "chat":
            return str(value["choices"][0]["message"]["content"])
        case "messages":
            return "".join(part["text"] for part in value["content"])
        case "responses":
            return "".join(part["text"] for item in value["output"] for part in item["content"])
        case _:
            return _words(cell.client, value)


def _words(client: str, event: dict[str, Any]) -> str:
    match client:
        case "chat":
            return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
        case "messages":
            return str(event["delta"].get("text", "")) if event["type"] == "content_block_delta" else ""
        case "responses":
            return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""
        case "gemini":
            candidates = event.get("candidates") or ({},)
            return "".join(part.get("text", "") for part in candidates[0].get("content", {}).get("parts", ()))
        case _:
            return str(event.get("message", {}).get("content", ""))


def ended(cell: Cell, body: str) -> bool:
    """The stream came to its proper end in the client's dialect."""
    found = events(cell, body)
    match cell.client:
        case "chat":
            return any(choice.get("finish_reason") for event in found for choice in event.get("choices", ()))
        case "messages":
            return any(event["type"] == "message_stop" for event in found)
        case "responses":
            return any(event["type"] in ("response.completed", "response.incomplete") for event in found)
        case "gemini":
            return any(candidate.get("finishReason") for event in found for candidate in event.get("candidates", ()))
        case _:
            return any(event.get("done") for event in found)


def told(cell: Cell, body: str) -> str | None:
    """The message of the error that ends a stream."""
    last = events(cell, body)[-1]
    if cell.client == "responses" and last["type"] == "response.failed":
        return str(last["response"]["error"]["message"])
    error = last if cell.client == "responses" and last["type"] == "error" else last.get("error")
    return (error if isinstance(error, str) else error.get("message")) if error else None


def refusal(cell: Cell, outcome: Outcome) -> str:
    """The message of an error answer in the client's own envelope."""
    assert outcome.content_type.startswith("application/json")
    error = json.loads(outcome.body)["error"]
    if cell.client == "ollama":
        return str(error)
    if cell.client == "gemini":
        assert error["code"] == outcome.status
    return str(error["message"])


# what is promised -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in cells()])
async def test_a_fault_is_made_good_or_told(outcomes: dict[Cell, Outcome], cell: Cell) -> None:
    outcome = outcomes[cell]
    assert outcome.status > 0, f"no answer: {outcome.body or 'it hangs'}"
    assert 1 <= outcome.bad_calls <= MOST_CALLS
    if cell.harmless:
        check_harmless(cell, outcome)
    elif cell.committed:
        check_committed(cell, outcome)
    elif cell.fault == "status_400":
        assert outcome.status == 400
        assert "no such knob" in refusal(cell, outcome)
        assert (outcome.bad_calls, outcome.good_calls) == (1, 0)  # the client's own mistake: nobody else is asked
    elif cell.topology == "single":
        assert outcome.status >= 400
        assert refusal(cell, outcome)
    else:
        assert outcome.status == 200, outcome.body
        assert said(cell, outcome.body) == GOOD
        assert outcome.good_calls == 1
        if cell.streamed:
            assert ended(cell, outcome.body)


def check_harmless(cell: Cell, outcome: Outcome) -> None:
    """Odd, but a whole answer: it is served, and nobody else is asked."""
    assert outcome.status == 200, outcome.body
    assert (outcome.bad_calls, outcome.good_calls) == (1, 0)
    text = said(cell, outcome.body)
    assert text.startswith(ODD) if cell.fault == Fault.HALF_UTF8 else text == ODD
    assert not cell.streamed or ended(cell, outcome.body)


def check_committed(cell: Cell, outcome: Outcome) -> None:
    """What came is delivered, then the error; nobody is asked again, and nothing of another answer is mixed in."""
    assert outcome.status == 200, outcome.body
    assert (outcome.bad_calls, outcome.good_calls) == (1, 0)
    text = said(cell, outcome.body)
    assert text
    assert BAD.startswith(text.rstrip())
    assert told(cell, outcome.body)
    assert not ended(cell, outcome.body)


# one account, and a fault that passes ----------------------------------------------------------------------------------------

_PASSING = (
    "reset_before_headers", "close_before_headers", "early_cut_mid_event", "early_cut_between_events", "early_reset_mid_stream",
    "early_short_body", "status_408", "status_500", "status_502", "status_503", "status_529",
)  # fmt: skip


async def test_a_fault_that_passes_costs_a_single_account_one_more_try(tmp_path: Path) -> None:
    """Nobody else could answer: it is asked again in its place, once, as long as the client has seen nothing."""
    kinds = product(_PASSING, (False, True), CLIENTS.items())
    asking = [
        Cell(number, fault, streamed, client, own, "single") for number, (fault, streamed, (client, own)) in enumerate(kinds)
    ]
    by_name = {cell.name: cell for cell in asking}
    calls = dict.fromkeys(by_name, 0)

    def answering(received: Received) -> Script:
        cell = by_name[received.model or ""]
        calls[cell.name] += 1
        return FAULTS[cell.fault] if calls[cell.name] == 1 else Script(GOOD)

    async with ScriptedUpstream().run() as upstream:
        upstream.default = answering
        config = "\n".join(cell.config(upstream) for cell in asking)
        async with serving(tmp_path / "data", config, OMNIROUTE_COMBO_RETRIES="1") as server:
            found = await _ask_all(server, asking, STALLS_AT_ONCE)
    texts = {cell.id: said(cell, one.body) if one.status == 200 else f"{one.status}: {one.body}" for cell, one in found.items()}
    assert {name: text for name, text in texts.items() if text != GOOD} == {}
    assert set(calls.values()) == {2}
