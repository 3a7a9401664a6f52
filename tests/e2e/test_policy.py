"""Keys with limits, addresses, equal requests, bytes, prompts and measures of thinking, through real sockets in every dialect."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from omniroute.gateway.addresses import AddressRules
from running.fixtures import Server, Start, nodes
from upstream.script import Script
from upstream.server import ScriptedUpstream

TEXT = "one two three four five six"
USER = [{"role": "user", "content": "Hi"}]
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_chat": ("/v1/chat/completions", {"messages": USER}),
    "anthropic": ("/v1/messages", {"messages": USER, "max_tokens": 50}),
    "openai_responses": ("/v1/responses", {"input": "Hi"}),
    "gemini": ("/v1beta/models/{model}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
    "ollama": ("/api/chat", {"messages": USER, "stream": False}),
}
NODES = {"openai_chat": "oa", "anthropic": "an", "openai_responses": "re", "gemini": "ge", "ollama": "ol"}


def asked(dialect: str, model: str = "oa/m") -> tuple[str, dict[str, Any]]:
    path, body = REQUESTS[dialect]
    return path.format(model=model), body if "{model}" in path else {"model": model, **body}


async def key(server: Server, **limits: Any) -> dict[str, str]:
    """Headers with a new key that has these limits."""
    _, plain = await server.app.installation.keys.create("k", **limits)
    await server.app.installation.reload()
    return {"authorization": f"Bearer {plain}"}


def chat(model: str = "oa/m", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": USER, **fields}


# -- limits of keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", sorted(REQUESTS))
async def test_over_its_rate_a_key_is_told_when_to_come_back_in_its_dialect(server: Server, dialect: str) -> None:
    headers = await key(server, rpm=1)
    path, body = asked(dialect)
    assert (await server.http.post(path, json=body, headers=headers)).status_code == 200
    refused = await server.http.post(path, json=body, headers=headers)
    assert refused.status_code == 429
    assert 55 <= int(refused.headers["retry-after"]) <= 61
    assert "requests per minute" in refused.text
    assert (await server.http.post(path, json=body)).status_code == 200, "others are not concerned"


async def test_streams_at_once_are_limited_and_given_back(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    headers = await key(server, streams=1)
    scripted_upstream.queue(Script(answer=TEXT * 50, cadence=0.05))
    async with server.http.stream("POST", "/v1/chat/completions", json=chat(stream=True), headers=headers) as first:
        assert first.status_code == 200
        refused = await server.http.post("/v1/chat/completions", json=chat(stream=True), headers=headers)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert (await server.http.post("/v1/chat/completions", json=chat(), headers=headers)).status_code == 200
    await server.app.settled()
    assert (await server.http.post("/v1/chat/completions", json=chat(stream=True), headers=headers)).status_code == 200


async def test_a_key_for_combos_may_use_these_and_nothing_else(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream) + '[combos.night]\nsteps = ["oa/m"]\n[combos.day]\nsteps = ["oa/m"]\n')
    headers = await key(server, combos=("nig*",))
    statuses = {}
    for model in ("night", "day", "oa/m"):
        statuses[model] = (await server.http.post("/v1/chat/completions", json=chat(model), headers=headers)).status_code
    assert statuses == {"night": 200, "day": 403, "oa/m": 403}


async def test_a_key_has_a_proxy_of_its_own(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    dead = "http://127.0.0.1:9"
    server = await start(nodes(scripted_upstream), OMNIROUTE_PROXY=dead)
    direct, other = await key(server, proxy="direct"), await key(server, proxy="http://127.0.0.1:1")
    assert (await server.http.post("/v1/chat/completions", json=chat(), headers=direct)).status_code == 200
    refused = await server.http.post("/v1/chat/completions", json=chat(), headers=other)
    assert refused.status_code == 502
    assert "proxy" in refused.text


@pytest.mark.parametrize("where", ["combo", "account", "node"])
async def test_combos_accounts_and_nodes_have_proxies_of_their_own(
    start: Start, scripted_upstream: ScriptedUpstream, where: str
) -> None:
    table = f'[nodes.oa]\nformat = "openai_chat"\nbase_url = "{scripted_upstream.openai_base_url}"\n'
    account = 'accounts = [{ name = "a", api_key = "k"%s }]\n' % (', proxy = "direct"' if where == "account" else "")
    node = 'proxy = "direct"\n' if where == "node" else ""
    combo = '[combos.night]\nsteps = ["oa/m"]\n' + ('proxy = "direct"\n' if where == "combo" else "")
    server = await start(table + account + node + combo, OMNIROUTE_PROXY="http://127.0.0.1:9")
    assert (await server.http.post("/v1/chat/completions", json=chat("night"))).status_code == 200
    alone = await server.http.post("/v1/chat/completions", json=chat())
    assert alone.status_code == (502 if where == "combo" else 200)


# -- addresses ---------------------------------------------------------------------------------------------------------


async def test_behind_a_proxy_the_lists_hold_for_everything_but_probes(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_IP_BLOCK="203.0.113.0/24", OMNIROUTE_TRUSTED_PROXIES="127.0.0.1")
    bad, good = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}, {"x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    for method, path in (("POST", "/v1/chat/completions"), ("POST", "/v1/messages"), ("GET", "/api/settings"), ("GET", "/")):
        refused = await server.http.request(method, path, json=chat(), headers=bad)
        assert (refused.status_code, "203.0.113.9" in refused.text) == (403, True)
        assert (await server.http.request(method, path, json=chat(), headers=good)).status_code != 403 or path.startswith("/api")
    assert not scripted_upstream.requests or all("203" not in str(r.headers) for r in scripted_upstream.requests)
    assert (await server.http.get("/healthz", headers=bad)).status_code == 200
    assert (await server.http.post("/v1/chat/completions", json=chat())).status_code == 200, "a direct call is always let in"


async def test_lists_can_be_changed_while_running(server: Server) -> None:
    assert server.app.gateway.address_rules() is None
    await server.app.services.setting_store.put("ip_block", ["203.0.113.0/24"])
    await server.app.installation.reload()
    assert isinstance(server.app.gateway.address_rules(), AddressRules)


# -- equal requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_equal_requests_are_one_upstream_call(server: Server, scripted_upstream: ScriptedUpstream, stream: bool) -> None:
    scripted_upstream.queue(Script(answer=TEXT, cadence=0.01, latency=0.05))
    headers = {"idempotency-key": "once"}
    ask = server.http.post
    answers = await asyncio.gather(*(ask("/v1/chat/completions", json=chat(stream=stream), headers=headers) for _ in range(5)))
    late = await ask("/v1/chat/completions", json=chat(stream=stream), headers=headers)
    assert len({answer.content for answer in (*answers, late)}) == 1
    assert sorted(answer.headers.get("x-omniroute-idempotent", "") for answer in answers) == ["", *["replayed"] * 4]
    assert late.headers["x-omniroute-idempotent"] == "replayed"
    assert len({answer.headers["x-request-id"] for answer in answers}) == 5
    assert len(scripted_upstream.requests) == 1
    assert len(await server.usage()) == 1


async def test_the_leader_may_leave_and_the_follower_gets_all(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer=TEXT, cadence=0.03))
    headers = {"idempotency-key": "once"}
    async with server.http.stream("POST", "/v1/chat/completions", json=chat(stream=True), headers=headers) as leader:
        await anext(leader.aiter_bytes())
        follower = asyncio.ensure_future(server.http.post("/v1/chat/completions", json=chat(stream=True), headers=headers))
        while server.app.gateway.in_flight < 2:  # noqa: ASYNC110 - there is no event for this
            await asyncio.sleep(0)
    answer = await follower
    assert answer.text.rstrip().endswith("data: [DONE]")
    assert len(scripted_upstream.requests) == 1


async def test_the_upstream_call_ends_with_its_last_reader(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer=TEXT * 100, cadence=0.05))
    headers = {"idempotency-key": "once"}
    async with server.http.stream("POST", "/v1/chat/completions", json=chat(stream=True), headers=headers) as leader:
        await anext(leader.aiter_bytes())
    received = await scripted_upstream.received(1)
    async with asyncio.timeout(5):
        await received.disconnected.wait()


async def test_a_failed_answer_is_not_replayed(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(status=500, message="oops"))
    headers = {"x-stainless-retry-count": "1"}
    failed = await server.http.post("/v1/chat/completions", json=chat(), headers=headers)
    assert failed.status_code >= 500
    again = await server.http.post("/v1/chat/completions", json=chat(), headers=headers)
    assert "x-omniroute-idempotent" not in again.headers
    assert len(scripted_upstream.requests) == 2 or again.status_code in (429, 503)


# -- bytes -------------------------------------------------------------------------------------------------------------


async def test_bodies_wait_for_room_and_are_refused_when_there_is_none(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_BODIES_IN_FLIGHT="2MiB", OMNIROUTE_BODY_WAIT="0")
    large = json.dumps(chat(user="x" * 1_200_000)).encode()
    kind = {"content-type": "application/json"}
    scripted_upstream.queue(Script(answer=TEXT * 100, cadence=0.05))
    streamed = json.dumps(chat(stream=True, user="x" * 1_200_000)).encode()
    async with server.http.stream("POST", "/v1/chat/completions", content=streamed, headers=kind) as first:
        assert first.status_code == 200
        refused = await server.http.post("/v1/chat/completions", content=large, headers=kind)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await server.http.post("/v1/chat/completions", json=chat())).status_code == 200
    await server.app.settled()
    assert (await server.http.post("/v1/chat/completions", content=large, headers=kind)).status_code == 200
    assert server.app.gateway.gate.describe()["bodies"]["large"]["bytes"] == 0  # type: ignore[index]


# -- what the operator adds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", sorted(NODES.values()))
@pytest.mark.parametrize("dialect", sorted(REQUESTS))
async def test_system_prompts_arrive_from_every_dialect_at_every_upstream(
    start: Start, scripted_upstream: ScriptedUpstream, dialect: str, target: str
) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_SYSTEM_PROMPT="Of-all.")
    headers = await key(server, system_prompt="Of-the-key.", system_prompt_position="append")
    path, body = asked(dialect, f"{target}/m")
    answer = await server.http.post(path, json=body, headers={**headers, "x-omniroute-explain": "true"})
    assert answer.status_code == 200
    sent = scripted_upstream.last.body.decode()
    assert 0 < sent.index("Of-all.") < sent.index("Of-the-key.")
    assert int(answer.headers["x-omniroute-ops"]) >= 2


@pytest.mark.parametrize(
    ("target", "field", "value"),
    [("oa", "reasoning_effort", "high"), ("re", "reasoning", {"effort": "high", "summary": "auto"}), ("ol", "think", True)],
)
async def test_thinking_is_measured_by_the_operator(
    start: Start, scripted_upstream: ScriptedUpstream, target: str, field: str, value: Any
) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_REASONING_MODE="custom", OMNIROUTE_REASONING_EFFORT="high")
    for body in (chat(f"{target}/m", reasoning_effort="low"), chat(f"{target}/m")):
        assert (await server.http.post("/v1/chat/completions", json=body)).status_code == 200
    asked_for, not_asked_for = (json.loads(request.body) for request in scripted_upstream.requests)
    assert asked_for[field] == value
    assert field not in not_asked_for, "a model of which nothing is known is not made to think"


async def test_answers_are_untouched_when_everything_is_off(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    body = b'{ "model":"oa/m", "odd": 1.50, "messages":[{"role":"user","content":"Hi"}] }'
    answer: httpx.Response = await server.http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 200
    assert scripted_upstream.last.body == body.replace(b'"oa/m"', b'"m"')
