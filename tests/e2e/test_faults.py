"""What goes wrong upstream reaches the client in its own dialect: with its status before the first byte, in-band after it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import openai
import pytest

from running.fixtures import Server, Start, nodes
from upstream.script import Fault, Script
from upstream.server import ScriptedUpstream

QUICK = "timeouts = { connect = 0.5, first_token = 0.3, between_tokens = 0.3 }"
TEXT = "one two three four five six"
CLIENTS = [("/v1/chat/completions", "oa/m"), ("/v1/chat/completions", "an/m"), ("/v1/messages", "oa/m"), ("/v1/messages", "an/m")]
IDS = [f"{'chat' if 'chat' in path else 'messages'}-{model[:2]}" for path, model in CLIENTS]


def body(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "stream": stream, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}


def check_dialect(path: str, answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error body has the dialect's shape; its error object is returned."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    value = answer.json()
    if path == "/v1/messages":
        assert value["type"] == "error"
        assert value["request_id"] == answer.headers["x-request-id"]
    else:
        assert set(value["error"]) >= {"message", "type", "param", "code"}
    return value["error"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_upstream_error_keeps_status_message_and_retry_after(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str, stream: bool
) -> None:
    scripted_upstream.queue(Script(status=429, message="slow down, please", headers={"retry-after": "7"}))
    answer = await server.http.post(path, json=body(model, stream=stream))
    error = check_dialect(path, answer, 429)
    assert "slow down, please" in error["message"]
    assert error["type"] == "rate_limit_error"
    assert answer.headers["retry-after"] == "7"
    (row,) = await server.usage()
    assert (row.status, row.outcome, row.input_tokens, row.output_tokens) == (429, "error", 0, 0)


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault.RESET_BEFORE_HEADERS, {502}),
        (Fault.CLOSE_BEFORE_HEADERS, {502}),
        (Fault.STALL_BEFORE_HEADERS, {504}),
        (Fault.STALL_AFTER_HEADERS, {504}),
        (Fault.EMPTY_BODY, {502}),
        (Fault.HTML_PAGE, {502}),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_fault_before_the_first_token_is_a_real_status(
    start: Start, scripted_upstream: ScriptedUpstream, path: str, model: str, stream: bool, fault: Fault, statuses: set[int]
) -> None:
    server = await start(nodes(scripted_upstream, QUICK))
    for _ in range(4):
        scripted_upstream.queue(Script(answer=TEXT, fault=fault))
    answer = await server.http.post(path, json=body(model, stream=stream))
    assert answer.status_code in statuses
    check_dialect(path, answer, answer.status_code)


@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_error_object_in_a_200_is_a_real_status(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str
) -> None:
    scripted_upstream.queue(Script(fault=Fault.JSON_ERROR_200, message="the engine is on fire"))
    answer = await server.http.post(path, json=body(model, stream=True))
    assert answer.status_code >= 400
    error = check_dialect(path, answer, answer.status_code)
    assert "the engine is on fire" in error["message"]


@pytest.mark.parametrize(
    "fault", [Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.END_EARLY, Fault.RESET_MID_STREAM, Fault.STALL_MID_STREAM]
)
@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_broken_stream_ends_with_the_dialects_error(
    start: Start, scripted_upstream: ScriptedUpstream, path: str, model: str, fault: Fault
) -> None:
    """What came is delivered, then an error event, never a fake normal end; the ledger says truncated."""
    server = await start(nodes(scripted_upstream, QUICK))
    scripted_upstream.queue(Script(answer=TEXT, fault=fault, fault_after=4))
    answer = await server.http.post(path, json=body(model, stream=True))
    assert answer.status_code == 200
    text = answer.text
    assert "one" in text
    if path == "/v1/messages":
        assert "event: error" in text
        assert "message_stop" not in text
        last = json.loads(text.strip().rpartition("data: ")[2])
        assert last["type"] == "error"
    else:
        events = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        assert "error" in json.loads(events[-2])
        assert '"finish_reason":"' not in text.replace(" ", "")
    (row,) = await server.usage()
    assert row.outcome == "truncated"
    assert row.output_tokens > 0
    assert row.estimated


@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_error_event_after_the_first_token_is_told_in_band(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str
) -> None:
    scripted_upstream.queue(Script(answer=TEXT, fault=Fault.ERROR_IN_STREAM, fault_after=4, message="out of memory"))
    answer = await server.http.post(path, json=body(model, stream=True))
    assert answer.status_code == 200
    assert "one" in answer.text
    assert "out of memory" in answer.text
    assert "message_stop" not in answer.text


@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.SPLIT_UTF8, Fault.WRONG_CONTENT_TYPE])
@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_odd_but_whole_streams_are_served(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str, fault: Fault
) -> None:
    scripted_upstream.queue(Script(answer="schöne ☀ Welt", fault=fault))
    if path == "/v1/messages":
        async with server.anthropic().messages.stream(
            model=model, max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            text = "".join([piece async for piece in stream.text_stream])
    else:
        chunks = await server.openai().chat.completions.create(
            model=model, stream=True, messages=[{"role": "user", "content": "x"}]
        )
        text = "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])
    assert text == "schöne ☀ Welt"


async def test_sdks_raise_their_own_errors(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(
        Script(status=400, message="bad tool"), Script(status=529, message="overloaded"), Script(status=401, message="no")
    )
    with pytest.raises(openai.BadRequestError, match="bad tool"):
        await server.openai().chat.completions.create(model="an/m", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        await server.anthropic().messages.create(model="an/m", max_tokens=5, messages=[{"role": "user", "content": "x"}])
    assert overloaded.value.status_code == 529
    with pytest.raises(openai.AuthenticationError) as refused:
        await server.openai().chat.completions.create(model="oa/m", messages=[{"role": "user", "content": "x"}])
    assert "upstream-key" not in str(refused.value)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("path", "model"), CLIENTS, ids=IDS)
async def test_client_gone_cancels_the_upstream_call(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str, stream: bool
) -> None:
    """In mid-stream, and while the first byte is still awaited."""
    scripted_upstream.queue(Script(answer=TEXT * 20, cadence=0.05) if stream else Script(latency=30))
    request = server.http.build_request("POST", path, json=body(model, stream=stream))
    if stream:
        answer = await server.http.send(request, stream=True)
        await anext(answer.aiter_raw())
        await answer.aclose()
    else:
        with pytest.raises(httpx.ReadTimeout):
            await server.http.post(path, json=body(model, stream=False), timeout=0.2)
    received = await scripted_upstream.received(1)
    await asyncio.wait_for(received.disconnected.wait(), 5)
    for _ in range(100):
        if not server.app.busy():
            break
        await asyncio.sleep(0.01)
    (row,) = await server.usage()
    assert (row.outcome, row.status) == ("aborted", 499)


async def test_no_such_server(start: Start) -> None:
    server = await start('[nodes.gone]\nformat = "openai_chat"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "k"\n')
    answer = await server.http.post("/v1/chat/completions", json=body("gone/m", stream=False))
    error = check_dialect("/v1/chat/completions", answer, 502)
    assert "127.0.0.1:9" in error["message"]
