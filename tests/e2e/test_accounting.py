"""Prices, budgets, captured payloads and running requests of a real server, asked for through the admin API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from running.fixtures import Server, Start, nodes, serving
from upstream.script import Fault, Script, Usage
from upstream.server import ScriptedUpstream

USER = [{"role": "user", "content": "Hi"}]
TEXT = "one two three four five six"
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_chat": ("/v1/chat/completions", {"messages": USER}),
    "anthropic": ("/v1/messages", {"messages": USER, "max_tokens": 50}),
    "openai_responses": ("/v1/responses", {"input": "Hi"}),
    "gemini": ("/v1beta/models/{model}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
    "ollama": ("/api/chat", {"messages": USER, "stream": False}),
}
USED = Usage(input=1000, cached=400, written=100, output=50, reasoning=20)
COST = (500 * 10 + 400 * 1 + 100 * 12 + 50 * 40) / 1e6


def asked(dialect: str, model: str = "oa/m", **more: Any) -> tuple[str, dict[str, Any]]:
    path, body = REQUESTS[dialect]
    return path.format(model=model), {**(body if "{model}" in path else {"model": model, **body}), **more}


class Admin:
    """The admin API of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._headers = {"authorization": f"Bearer {server.app.services.admin_token}"}

    async def __call__(self, method: str, path: str, *, expect: int = 200, **more: Any) -> Any:
        answer = await self._server.http.request(method, path, headers=self._headers, **more)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else answer.text

    async def price(self, model: str = "m", provider: str = "oa", **more: Any) -> Any:
        stated = {"provider": provider, "model": model, "input": 10, "output": 40, "cached": 1, "cache_write": 12, **more}
        return await self("PUT", "/api/pricing", json=stated)

    async def audit(self) -> list[str]:
        return [row["action"] for row in (await self("GET", "/api/compliance/audit-log"))["data"]]


@pytest.fixture
def admin(server: Server) -> Admin:
    return Admin(server)


async def key(server: Server, name: str = "k") -> tuple[str, dict[str, str]]:
    made, plain = await server.app.installation.keys.create(name)
    await server.app.installation.reload()
    return made.id, {"authorization": f"Bearer {plain}"}


# -- prices ------------------------------------------------------------------------------------------------------------


async def test_a_stated_price_holds_from_the_next_request_on_and_stays_with_its_rows(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(usage=USED)
    path, body = asked("openai_chat")
    await server.http.post(path, json=body)
    stated = await admin.price()
    assert (stated["source"], stated["basis"], stated["override"]) == ("override", "list", True)
    await server.http.post(path, json=body)
    dearer = await admin.price(input=20)
    await server.http.post(path, json=body)
    before, at, after = await server.usage()
    assert (before.cost_usd, before.price_version) == (None, None)
    assert at.cost_usd == pytest.approx(COST)
    assert after.cost_usd == pytest.approx(COST + 500 * 10 / 1e6)
    assert (at.price_version, after.price_version) == (stated["version"], dearer["version"])
    used = await admin("GET", f"/api/pricing/versions/{at.price_version}")
    assert (used["provider"], used["model"], used["input"], used["cache_write"]) == ("oa", "m", 10, 12)
    gone = await admin("DELETE", "/api/pricing/oa/m")
    assert (gone["source"], gone["input"], gone["override"]) == ("none", None, False)
    await admin("DELETE", "/api/pricing/oa/m", expect=404)
    assert (await admin.audit())[:3] == ["price.unset", "price.set", "price.set"]


async def test_a_long_input_is_dear_and_a_plan_costs_nothing_but_casts_a_shadow(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(usage=Usage(input=2000, output=100))
    await admin.price(long_context={"above": 1999, "input": 20, "output": 60})
    await admin.price(provider="an", basis="equivalent")
    for dialect, model in (("openai_chat", "oa/m"), ("anthropic", "an/m")):
        path, body = asked(dialect, model)
        await server.http.post(path, json=body)
    long, planned = await server.usage()
    assert long.cost_usd == pytest.approx((2000 * 20 + 100 * 60) / 1e6)
    assert (planned.cost_usd, planned.price_basis) == (0.0, "equivalent")
    assert planned.shadow_cost_usd == pytest.approx((2000 * 10 + 100 * 40) / 1e6)


async def test_prices_are_listed_with_their_sources(server: Server, admin: Admin) -> None:
    await admin.price("mine/with a slash")
    (mine,) = (await admin("GET", "/api/pricing?source=override"))["data"]
    assert (mine["provider"], mine["model"]) == ("oa", "mine/with a slash")
    page = await admin("GET", "/api/pricing?source=catalogue&limit=3")
    assert len(page["data"]) == 3
    following = await admin("GET", f"/api/pricing?source=catalogue&limit=3&cursor={page['next_cursor']}")
    assert not {(p["provider"], p["model"]) for p in page["data"]} & {(p["provider"], p["model"]) for p in following["data"]}
    second = (await admin("GET", "/api/pricing?source=genai-prices&limit=1000"))["data"]
    assert all(p["input"] is not None and p["version"] for p in second)
    assert second, "the second source knows what the catalogue does not"
    await admin("DELETE", "/api/pricing/oa/mine%2Fwith%20a%20slash")
    await admin("PUT", "/api/pricing", expect=400, json={"provider": "oa", "model": "m", "input": -1, "output": 1})
    await admin("PUT", "/api/pricing", expect=400, json={"provider": "nobody", "model": "m", "input": 1, "output": 1})


# -- budgets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["402", "429"])
@pytest.mark.parametrize("dialect", sorted(REQUESTS))
async def test_beyond_a_budget_requests_are_refused_in_their_dialect(
    start: Start, scripted_upstream: ScriptedUpstream, dialect: str, status: str
) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_BUDGET_STATUS=status)
    admin = Admin(server)
    scripted_upstream.default = Script(usage=USED)
    await admin.price()
    key_id, headers = await key(server)
    await admin("POST", "/api/budgets", expect=201, json={"key_id": key_id, "period": "daily", "usd": COST * 0.9})
    path, body = asked(dialect)
    assert (await server.http.post(path, json=body, headers=headers)).status_code == 200
    refused = await server.http.post(path, json=body, headers=headers)
    assert refused.status_code == int(status), refused.text
    assert "daily budget" in refused.text
    assert 0 < int(refused.headers["retry-after"]) <= 90_000
    assert (await server.http.post(path, json=body)).status_code == 200, "others are not concerned"
    (budget,) = (await admin("GET", "/api/budgets"))["data"]
    assert (budget["state"], budget["refused"], budget["reserved"]["tokens"]) == ("exceeded", 1, 0)
    assert budget["used"]["usd"] == pytest.approx(COST)
    assert budget["window"]["start"] <= server.app.installation.clock.now() < budget["window"]["end"]
    kind = {"openai_chat": {"402": "insufficient_quota"}, "anthropic": {"402": "billing_error", "429": "rate_limit_error"}}
    wanted = kind.get(dialect, {}).get(status)
    assert wanted is None or refused.json()["error"]["type"] == wanted


async def test_a_budget_warns_and_its_limit_can_be_raised_at_once(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(usage=USED)
    path, body = asked("openai_chat")
    limit = {"period": "monthly", "tokens": 2000, "warn_at": 0.5}
    made = await admin("POST", "/api/usage/budget", expect=201, json=limit)
    first = await server.http.post(path, json=body)
    second = await server.http.post(path, json=body)
    assert "x-omniroute-budget" not in first.headers
    assert second.headers["x-omniroute-budget"].startswith("monthly 5")
    assert "of 2000 tokens; resets 20" in second.headers["x-omniroute-budget"]
    assert (await server.http.post(path, json=body)).status_code == 402
    raised = await admin("PATCH", f"/api/budgets/{made['id']}", json={"tokens": 1_000_000})
    assert (raised["state"], raised["used"]["tokens"]) == ("ok", 2100)
    assert (await server.http.post(path, json=body)).status_code == 200
    await admin("PATCH", f"/api/budgets/{made['id']}", json={"tokens": 100, "action": "warn"})
    assert (await server.http.post(path, json=body)).status_code == 200, "it warns, it does not refuse"
    await admin("PATCH", f"/api/budgets/{made['id']}", expect=400, json={"tokens": None})
    again = await admin("POST", "/api/budgets", json={"period": "month", "limit": 5, "action": "warn"})
    assert (again["id"], again["usd"], again["tokens"]) == (made["id"], 5, None)
    await admin("DELETE", f"/api/usage/budget?id={made['id']}")
    await admin("DELETE", f"/api/budgets/{made['id']}", expect=404)
    assert (await admin("GET", "/api/budgets"))["data"] == []


async def test_budgets_are_known_after_a_restart_and_count_what_was_before_them(
    start: Start, scripted_upstream: ScriptedUpstream, tmp_path: Any
) -> None:
    scripted_upstream.default = Script(usage=USED)
    path, body = asked("openai_chat")
    async with serving(tmp_path / "data", nodes(scripted_upstream)) as server:
        admin = Admin(server)
        await admin.price()
        for _ in range(3):
            await server.http.post(path, json=body)
        made = await admin("POST", "/api/budgets", expect=201, json={"period": "weekly", "usd": COST * 10, "tokens": 10_000})
        assert made["used"] == {"usd": pytest.approx(COST * 3), "tokens": 3150}
    async with serving(tmp_path / "data", nodes(scripted_upstream)) as server:
        admin = Admin(server)
        (found,) = (await admin("GET", "/api/budgets"))["data"]
        assert found["used"] == {"usd": pytest.approx(COST * 3), "tokens": 3150}
        await admin("PATCH", f"/api/budgets/{made['id']}", json={"usd": COST * 2})
        assert (await server.http.post(path, json=body)).status_code == 402
        metrics = await admin("GET", "/metrics")
        assert "omniroute_budget_refusals_total 1" in metrics
        assert f'omniroute_budget_used_ratio{{budget="{made["id"]}",period="weekly",key=""}} 1.5' in metrics


async def test_many_at_once_cannot_run_far_past_a_budget(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(usage=Usage(input=10, output=500), latency=0.2)
    await admin("POST", "/api/budgets", expect=201, json={"period": "daily", "tokens": 2000})
    path, body = asked("openai_chat")
    answers = await asyncio.gather(*(server.http.post(path, json=body) for _ in range(40)))
    served = sum(answer.status_code == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (served, len(refused)) == (4, 36)
    assert all("under way" in answer.text and answer.headers["retry-after"] == "2" for answer in refused)
    (budget,) = (await admin("GET", "/api/budgets"))["data"]
    assert (budget["used"]["tokens"], budget["reserved"]["tokens"]) == (2040, 0)


# -- captured payloads -------------------------------------------------------------------------------------------------


async def captured(server: Server, admin: Admin, request_id: str) -> Any:
    await server.app.accounting.writer.flush()
    return await admin("GET", f"/api/usage/requests/{request_id}/payload")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("dialect", "model"), [("openai_chat", "oa/m"), ("anthropic", "oa/m"), ("openai_chat", "an/m")])
async def test_the_four_stages_of_a_captured_request(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream, dialect: str, model: str, stream: bool
) -> None:
    scripted_upstream.default = Script(answer=TEXT)
    key_id, headers = await key(server)
    await admin("PUT", "/api/capture", json={"key_id": key_id, "seconds": 900})
    secret = "sk-ant-api03-abcdefghijklmnop"
    path, body = asked(dialect, model, stream=stream, messages=[{"role": "user", "content": f"My key is {secret}"}])
    answer = await server.http.post(path, json=body, headers=headers)
    found = await captured(server, admin, answer.headers["x-request-id"])
    assert secret not in json.dumps(found)
    assert headers["authorization"].removeprefix("Bearer ") not in json.dumps(found)
    assert "upstream-key" not in json.dumps(found)
    assert (found["client_request"]["method"], found["client_request"]["path"]) == ("POST", path)
    assert "My key is [redacted]" in found["client_request"]["body"]
    (tried,) = found["tries"]
    assert tried["upstream_request"]["url"].startswith(scripted_upstream.url)
    assert "My key is [redacted]" in tried["upstream_request"]["body"]
    assert (tried["upstream_answer"]["status"], tried["upstream_answer"]["error"]) == (200, None)
    for stage in (tried["upstream_answer"], found["client_answer"]):
        assert all(word in stage["body"] for word in TEXT.split())
    assert found["client_answer"]["body"].encode() == answer.content
    assert (found["client_answer"]["bytes"], found["client_answer"]["truncated"]) == (len(answer.content), False)
    await server.usage()
    detail = await admin("GET", f"/api/usage/requests/{answer.headers['x-request-id']}")
    assert (detail["captured"], detail["active"], len(detail["tries"])) == (True, False, 1)
    assert (await admin.audit())[0] == "capture.read"


async def test_only_what_is_asked_for_is_captured_and_no_longer_than_that(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    path, body = asked("openai_chat")
    key_id, headers = await key(server)
    other = await server.http.post(path, json=body)
    await admin("PUT", "/api/capture", json={"key_id": key_id})
    await server.http.post(path, json=body)
    await server.http.post(path, json=body, headers=headers)
    await server.app.accounting.writer.flush()
    assert (await admin("GET", "/api/capture"))["stored"]["count"] == 1
    assert (await admin("DELETE", "/api/capture"))["removed"] == 1
    await server.http.post(path, json=body, headers=headers)
    await server.app.accounting.writer.flush()
    state = await admin("GET", "/api/capture")
    assert (state["data"], state["stored"]["count"]) == ([], 1)
    await admin("GET", f"/api/usage/requests/{other.headers['x-request-id']}/payload", expect=404)
    await admin("PUT", "/api/capture", expect=400, json={"key_id": "key_nobody"})
    await admin("PUT", "/api/capture", expect=400, json={"seconds": 0})
    assert (await admin("DELETE", "/api/capture/stored"))["removed"] == 1


async def test_a_captured_fallback_shows_both_tries_and_large_bodies_are_cut(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    config = nodes(scripted_upstream) + '[combos.both]\nsteps = ["oa/m", "an/m"]\n'
    server = await start(config, OMNIROUTE_CAPTURE_PART="1kb")
    admin = Admin(server)
    scripted_upstream.queue(Script(status=500), model="m", path="/v1/chat/completions")
    await admin("PUT", "/api/capture", json={})
    path, body = asked("openai_chat", "both", messages=[{"role": "user", "content": "x" * 5000}])
    answer = await server.http.post(path, json=body)
    found = await captured(server, admin, answer.headers["x-request-id"])
    assert [(one["attempt"], one["upstream_answer"]["status"]) for one in found["tries"]] == [(1, 500), (2, 200)]
    request = found["client_request"]
    assert (len(request["body"]), request["truncated"]) == (1024, True)
    assert request["bytes"] > 5000


# -- running requests --------------------------------------------------------------------------------------------------


async def active(admin: Admin, state: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            found = (await admin("GET", "/api/requests/active"))["data"]
            if [one["state"] for one in found] == [state]:
                return found[0]
            await asyncio.sleep(0.02)


async def gone(admin: Admin) -> None:
    async with asyncio.timeout(10):
        while (await admin("GET", "/api/requests/active"))["data"]:  # noqa: ASYNC110 - the server tells only when asked
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "openai_responses"])
@pytest.mark.parametrize("given_id", [None, "mine-1"])
async def test_a_stream_can_be_cancelled_by_the_operator(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream, dialect: str, given_id: str | None
) -> None:
    scripted_upstream.default = Script(answer=TEXT * 100, fault=Fault.STALL_MID_STREAM, fault_after=12)
    path, body = asked(dialect, stream=True)
    headers = {} if given_id is None else {"x-request-id": given_id}
    request = asyncio.ensure_future(server.http.post(path, json=body, headers=headers))
    running = await active(admin, "streaming")
    assert (running["model"], running["provider"], running["attempts"], running["stream"]) == ("oa/m", "oa", 1, True)
    assert running["bytes_out"] > 0
    cancelled = await admin("POST", f"/api/requests/{running['request_id']}/cancel", expect=202)
    assert cancelled["cancelled"] == 1
    answer = await request
    assert "The operator of this OmniRoute cancelled the request." in answer.text
    if dialect == "anthropic":
        assert "event: error" in answer.text
    await scripted_upstream.last.disconnected.wait()
    await gone(admin)
    (row,) = await server.usage()
    assert (row.outcome, row.error_kind, row.status) == ("aborted", "cancelled_by_operator", 499)
    assert row.output_tokens > 0
    await admin("POST", f"/api/requests/{running['request_id']}/cancel", expect=404)
    assert "request.cancel" in await admin.audit()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
async def test_a_request_that_waits_for_its_upstream_can_be_cancelled(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream, dialect: str, stream: bool
) -> None:
    scripted_upstream.default = Script(fault=Fault.STALL_BEFORE_HEADERS)
    path, body = asked(dialect, stream=stream)
    request = asyncio.ensure_future(server.http.post(path, json=body))
    running = await active(admin, "waiting")
    assert (running["input_tokens"] > 0, running["output_tokens"]) == (True, 0)
    await admin("POST", f"/api/requests/{running['request_id']}/cancel", expect=202)
    answer = await request
    assert answer.status_code == 499
    assert "cancelled the request" in answer.json()["error"]["message"]
    await scripted_upstream.last.disconnected.wait()
    await gone(admin)
    (row,) = await server.usage()
    assert (row.outcome, row.error_kind, row.status) == ("aborted", "cancelled_by_operator", 499)


async def test_a_shared_answer_is_cancelled_for_all_who_read_it(
    server: Server, admin: Admin, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(fault=Fault.STALL_BEFORE_HEADERS)
    path, body = asked("openai_chat")
    headers = {"idempotency-key": "one"}
    first = asyncio.ensure_future(server.http.post(path, json=body, headers=headers))
    running = await active(admin, "waiting")
    second = asyncio.ensure_future(server.http.post(path, json=body, headers=headers))
    await asyncio.sleep(0.05)
    await admin("POST", f"/api/requests/{running['request_id']}/cancel", expect=202)
    assert [answer.status_code for answer in await asyncio.gather(first, second)] == [499, 499]
    await gone(admin)


async def test_no_accounting_route_answers_without_a_credential(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as stranger:
        for path in ("/api/pricing", "/api/budgets", "/api/capture", "/api/requests/active", "/api/usage/requests/x/payload"):
            assert (await stranger.get(path)).status_code == 401, path
