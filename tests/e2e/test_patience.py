"""Streams that keep-alives had begun before anybody answered; requests whose proofs of thinking are refused; second tries."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import pytest

from omniroute.core.ids import FakeClock
from running.fixtures import Server, Start, nodes
from upstream.script import Fault, Script
from upstream.server import Received, ScriptedUpstream

TURN = [{"role": "user", "content": "Hi"}]
STALLED = Script("never", fault=Fault.STALL_AFTER_HEADERS)
COMBO = '[combos.c]\nstrategy = "fill-first"\nsteps = ["oa/m", "an/m"]\n'


async def silence(server: Server, upstream: ScriptedUpstream) -> Received:
    """The first upstream has been asked and says nothing until the keep-alive interval is over."""
    stalled = await upstream.received(1)
    heartbeat = server.app.gateway.pipeline.heartbeat
    clock = heartbeat._clock
    assert isinstance(clock, FakeClock)
    clock.advance(16)
    heartbeat.beat()
    return stalled


async def patient(start: Start, upstream: ScriptedUpstream, config: str = COMBO) -> Server:
    server: Server = await start(config + nodes(upstream))
    server.app.gateway.pipeline.heartbeat._clock = FakeClock()
    return server


async def test_after_a_keep_alive_another_target_serves(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await patient(start, scripted_upstream)
    scripted_upstream.queue(STALLED, Script("at last"))
    waiting = asyncio.ensure_future(silence(server, scripted_upstream))
    asked = {"model": "c", "stream": True, "max_tokens": 9, "messages": TURN}
    async with server.http.stream("POST", "/v1/messages", json=asked) as answer:
        stream = answer.aiter_raw()
        assert (await anext(stream)).startswith(b"event: ping")
        stalled = await waiting
        await stalled.hang_up(reset=False)
        rest = b"".join([chunk async for chunk in stream])
    assert answer.status_code == 200
    assert rest.count(b"event: message_start") == rest.count(b"event: message_stop") == 1
    assert b"at " in rest
    assert b"last" in rest
    assert [(row.provider, row.outcome) for row in await server.usage()] == [("oa", "error"), ("an", "ok")]


async def test_the_anthropic_sdk_raises_its_own_error_when_nobody_serves_in_the_end(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    server = await patient(start, scripted_upstream)
    scripted_upstream.queue(STALLED, Script(status=529, message="all are busy"))
    client = server.anthropic()
    asking = asyncio.ensure_future(client.messages.create(model="c", max_tokens=9, messages=TURN, stream=True))  # type: ignore[call-overload]
    stalled = await silence(server, scripted_upstream)
    stream = await asking
    await stalled.hang_up(reset=False)
    with pytest.raises(anthropic.APIStatusError) as raised:
        await anext(aiter(stream))
    assert raised.value.body["type"] == "error"  # type: ignore[index]
    assert "all are busy" in str(raised.value)


async def test_a_request_that_cannot_be_served_is_told_in_band_as_well(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await patient(start, scripted_upstream)
    scripted_upstream.queue(Script("never", fault=Fault.STALL_AFTER_HEADERS), Script(status=400, message="no such knob"))
    asked = {"model": "c", "stream": True, "max_tokens": 9, "messages": TURN}
    waiting = asyncio.ensure_future(silence(server, scripted_upstream))
    async with server.http.stream("POST", "/v1/messages", json=asked) as answer:
        stream = answer.aiter_raw()
        await anext(stream)
        stalled = await waiting
        await stalled.hang_up(reset=False)
        text = b"".join([chunk async for chunk in stream]).decode()
    (event,) = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert (event["type"], event["error"]["type"]) == ("error", "invalid_request_error")
    assert "no such knob" in event["error"]["message"]


# -- edge 66 ---------------------------------------------------------------------------------------------------------

REFUSAL = "messages.1.content.0: Invalid `signature` in `thinking` block"
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "Zm9yZ2Vk"}


def thoughtful(*, stream: bool = False) -> dict[str, Any]:
    answer = {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Hello"}]}
    return {
        "model": "an/m", "max_tokens": 2000, "stream": stream, "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [*TURN, answer, {"role": "user", "content": "And now?"}],
    }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_edge_066_refused_thinking_is_left_out_once(
    server: Server, scripted_upstream: ScriptedUpstream, stream: bool
) -> None:
    scripted_upstream.queue(Script(status=400, message=REFUSAL, error_type="invalid_request_error"), Script("Going on."))
    answer = await server.http.post("/v1/messages", json=thoughtful(stream=stream))
    assert answer.status_code == 200, answer.text
    assert "Going" in answer.text
    assert answer.headers["x-omniroute-attempts"] == "2"
    first, second = scripted_upstream.requests
    assert b"Zm9yZ2Vk" in first.body
    assert b"Zm9yZ2Vk" not in second.body
    assert first.header("x-api-key") == second.header("x-api-key")
    told = second.json()["messages"]
    assert told[1]["content"] == [{"type": "text", "text": "Hello"}]
    assert told[2] == thoughtful()["messages"][2]
    rows = await server.usage()
    assert [(row.attempt, row.outcome, row.status, row.fallback) for row in rows] == [
        (1, "error", 400, False),
        (2, "ok", 200, True),
    ]
    assert rows[0].account_id == rows[1].account_id


async def test_edge_066_refused_again_it_is_the_clients(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    refusal = Script(status=400, message=REFUSAL, error_type="invalid_request_error")
    scripted_upstream.queue(refusal, refusal)
    answer = await server.http.post("/v1/messages", json=thoughtful())
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert len(scripted_upstream.requests) == 2


@pytest.mark.parametrize(
    "refusal",
    [Script(status=400, message="max_tokens is too large"), Script(status=403, message=REFUSAL)],
    ids=["another 400", "another status"],
)
async def test_edge_066_other_refusals_are_not_asked_again(
    server: Server, scripted_upstream: ScriptedUpstream, refusal: Script
) -> None:
    scripted_upstream.queue(refusal)
    answer = await server.http.post("/v1/messages", json=thoughtful())
    assert answer.status_code == refusal.status
    assert len(scripted_upstream.requests) == 1


async def test_edge_066_nothing_to_leave_out(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(status=400, message=REFUSAL))
    answer = await server.http.post("/v1/messages", json={"model": "an/m", "max_tokens": 9, "messages": TURN})
    assert answer.status_code == 400
    assert len(scripted_upstream.requests) == 1


# -- second tries ----------------------------------------------------------------------------------------------------


async def test_a_second_try_serves_and_the_first_upstream_sees_its_call_end(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    server: Server = await start(COMBO + nodes(scripted_upstream), OMNIROUTE_HEDGE="true", OMNIROUTE_HEDGE_SHARE="1")
    asked = {"model": "c", "stream": True, "messages": TURN}
    for _ in range(5):  # its usual time to the first token becomes known
        await server.http.post("/v1/chat/completions", json=asked)
    known = len(scripted_upstream.requests)
    another = [{"role": "user", "content": "A conversation whose prompt cache is nowhere yet"}]
    scripted_upstream.queue(Script("never", fault=Fault.STALL_BEFORE_HEADERS), Script("quick"))
    answer: httpx.Response = await server.http.post("/v1/chat/completions", json={**asked, "messages": another})
    assert "quick" in answer.text
    assert answer.headers["x-omniroute-provider"] == "an"
    assert answer.headers["x-omniroute-decision"].endswith("; beside a slow try")
    stalled = scripted_upstream.requests[known]
    await stalled.disconnected.wait()
    rows = (await server.usage())[-2:]
    assert sorted((row.provider, row.outcome, row.hedge) for row in rows) == [("an", "ok", True), ("oa", "aborted", False)]


# -- other ways in -----------------------------------------------------------------------------------------------------


async def test_several_choices_go_on_elsewhere_when_one_call_of_them_fails(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    config = '[combos.c]\nstrategy = "fill-first"\nsteps = ["an/m", "oa/m"]\n'
    server: Server = await start(config + nodes(scripted_upstream), OMNIROUTE_HEDGE="true", OMNIROUTE_HEDGE_SHARE="1")
    scripted_upstream.queue(Script("one"), Script(status=429, message="slow down"), path="/v1/messages")
    answer = await server.http.post("/v1/chat/completions", json={"model": "c", "n": 2, "messages": TURN})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-omniroute-provider"] == "oa"
    assert [request.path for request in scripted_upstream.requests] == ["/v1/messages", "/v1/messages", "/v1/chat/completions"]
    rows = await server.usage()
    assert sorted(row.provider for row in rows) == ["an", "an", "oa"]
    assert not any(row.hedge for row in rows)
    assert server.app.health.describe(0.0)["in_flight"] == {}
