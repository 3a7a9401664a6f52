"""The scripted upstream itself: it must be right, or nothing tested against it is."""

from __future__ import annotations

import asyncio

import anthropic
import httpx
import openai
import pytest

from upstream.script import Fault, Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

ASK = [{"role": "user", "content": "hello"}]
USAGE = Usage(input=100, output=20, cached=60, written=10, reasoning=5)
TOOLS = [ToolCall("weather", {"city": "Zürich"}, id="call_a"), ToolCall("clock", {}, id="call_b")]


def openai_client(upstream: ScriptedUpstream) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=upstream.openai_base_url, api_key="k", max_retries=0)


def anthropic_client(upstream: ScriptedUpstream) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=upstream.anthropic_base_url, api_key="k", max_retries=0)


async def test_openai_sdk_reads_a_finished_answer(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script([Thinking("hm"), Text("Grüezi"), *TOOLS], usage=USAGE))
    async with openai_client(scripted_upstream) as client:
        answer = await client.chat.completions.create(model="m1", messages=ASK)
    assert answer.model == "m1"
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content == "Grüezi"
    assert [(c.id, c.function.name, c.function.arguments) for c in answer.choices[0].message.tool_calls] == [
        ("call_a", "weather", '{"city":"Zürich"}'),
        ("call_b", "clock", "{}"),
    ]
    assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (100, 60)
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5


async def test_openai_sdk_accumulates_a_stream_with_two_tools(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script([Text("one two three"), *TOOLS], usage=USAGE))
    async with (
        openai_client(scripted_upstream) as client,
        client.chat.completions.stream(model="m1", messages=ASK, stream_options={"include_usage": True}) as stream,
    ):
        answer = await stream.get_final_completion()
    assert answer.choices[0].message.content == "one two three"
    assert [c.function.arguments for c in answer.choices[0].message.tool_calls] == ['{"city":"Zürich"}', "{}"]
    assert answer.usage.total_tokens == 120


async def test_anthropic_sdk_accumulates_a_stream_with_thinking_and_tools(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script([Thinking("let me see", "c2ln"), Text("one two"), *TOOLS], usage=USAGE))
    async with (
        anthropic_client(scripted_upstream) as client,
        client.messages.stream(model="m2", max_tokens=10, messages=ASK) as stream,
    ):
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert message.content[0].signature == "c2ln"
    assert message.content[2].input == {"city": "Zürich"}
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (30, 60, 20)


async def test_anthropic_sdk_reads_a_finished_answer(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script([Text("hi"), *TOOLS], finish="length"))
    async with anthropic_client(scripted_upstream) as client:
        message = await client.messages.create(model="m2", max_tokens=10, messages=ASK)
        counted = await client.messages.count_tokens(model="m2", messages=ASK)
        listed = [model.id async for model in client.models.list()]
    assert message.stop_reason == "max_tokens"
    assert message.content[1].id == "call_a"
    assert counted.input_tokens == 42
    assert listed == ["scripted-1", "scripted-2"]


async def test_requests_are_kept_as_they_came(scripted_upstream: ScriptedUpstream) -> None:
    body = b'{ "model": "m", "x":1e3 }'
    async with httpx.AsyncClient() as client:
        await client.post(
            f"{scripted_upstream.url}/v1/messages?beta=true", content=body, headers={"X-Odd": "ü".encode("latin-1")}
        )
    received = await scripted_upstream.received(1)
    assert (received.body, received.path, received.query) == (body, "/v1/messages", "beta=true")
    assert received.header("x-odd") == "ü"
    assert received.finished.is_set()
    assert not received.disconnected.is_set()


async def test_scripts_are_handed_out_in_order_and_by_model(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script("for b"), model="b")
    scripted_upstream.queue(Script("first"), Script("second"))
    async with openai_client(scripted_upstream) as client:
        texts = [
            (await client.chat.completions.create(model=model, messages=ASK)).choices[0].message.content
            for model in ("a", "b", "a", "a")
        ]
    assert texts == ["first", "for b", "second", "Hello from upstream."]


async def test_a_wanted_key_is_checked(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.key = "right"
    async with openai_client(scripted_upstream) as client, anthropic_client(scripted_upstream) as other:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="m", messages=ASK)
        with pytest.raises(anthropic.AuthenticationError):
            await other.messages.create(model="m", max_tokens=1, messages=ASK)


async def test_errors_carry_status_headers_and_the_dialects_body(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(status=429, message="slow down", code="rate_limit_exceeded", headers={"retry-after": "7"}))
    scripted_upstream.queue(Script(status=529, message="busy"))
    async with openai_client(scripted_upstream) as client, anthropic_client(scripted_upstream) as other:
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=ASK)
        with pytest.raises(anthropic.APIStatusError) as busy:
            await other.messages.create(model="m", max_tokens=1, messages=ASK)
    assert (limited.value.response.headers["retry-after"], limited.value.code) == ("7", "rate_limit_exceeded")
    assert busy.value.body["error"] == {"type": "overloaded_error", "message": "busy"}


async def post(upstream: ScriptedUpstream, path: str, stream: bool) -> tuple[httpx.Response, bytes, Exception | None]:
    """The answer, the bytes that came, and how reading ended."""
    data = b""
    async with httpx.AsyncClient(timeout=0.3) as client:
        request = client.build_request("POST", upstream.url + path, json={"model": "m", "stream": stream, "messages": ASK})
        reply = await client.send(request, stream=True)
        try:
            async for part in reply.aiter_raw():
                data += part
        except httpx.HTTPError as error:
            return reply, data, error
        finally:
            await reply.aclose()
    return reply, data, None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.CUT_MID_EVENT, httpx.RemoteProtocolError),
        (Fault.CUT_BETWEEN_EVENTS, httpx.RemoteProtocolError),
        (Fault.RESET_MID_STREAM, httpx.ReadError),
        (Fault.STALL_AFTER_HEADERS, httpx.ReadTimeout),
        (Fault.STALL_MID_STREAM, httpx.ReadTimeout),
        (Fault.END_EARLY, None),
        (Fault.EMPTY_BODY, None),
        (Fault.SLOW_DRIP, None),
        (Fault.ERROR_IN_STREAM, None),
        (Fault.WRONG_CONTENT_TYPE, None),
        (Fault.HTML_PAGE, None),
        (Fault.JSON_ERROR_200, None),
        (Fault.HALF_UTF8, None),
        (Fault.SPLIT_UTF8, None),
    ],
)
async def test_faults_after_the_head(
    scripted_upstream: ScriptedUpstream, fault: Fault, error: type[Exception] | None, stream: bool, path: str
) -> None:
    scripted_upstream.queue(Script("Grüezi mitenand", fault=fault))
    reply, data, ended = await post(scripted_upstream, path, stream)
    assert reply.status_code == 200
    assert type(ended) is (error or type(None))
    terminated = b"[DONE]" in data or b"message_stop" in data
    match fault:
        case Fault.SLOW_DRIP | Fault.SPLIT_UTF8 | Fault.WRONG_CONTENT_TYPE:
            assert "mitenand" in data.decode()
            assert terminated is stream
        case Fault.HALF_UTF8:
            with pytest.raises(UnicodeDecodeError):
                data.decode()
        case Fault.HTML_PAGE:
            assert reply.headers["content-type"].startswith("text/html")
        case Fault.ERROR_IN_STREAM | Fault.JSON_ERROR_200:
            assert b"scripted failure" in data
            assert not terminated
        case Fault.EMPTY_BODY | Fault.STALL_AFTER_HEADERS:
            assert data == b""
        case _:
            assert data
            assert not terminated
    if fault is Fault.WRONG_CONTENT_TYPE:
        assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.STALL_BEFORE_HEADERS, httpx.ReadTimeout),
        (Fault.RESET_BEFORE_HEADERS, httpx.ReadError),
        (Fault.CLOSE_BEFORE_HEADERS, httpx.RemoteProtocolError),
    ],
)
async def test_faults_instead_of_a_head(scripted_upstream: ScriptedUpstream, fault: Fault, error: type[Exception]) -> None:
    scripted_upstream.queue(Script(fault=fault))
    with pytest.raises(error):
        await post(scripted_upstream, "/v1/messages", True)
    await scripted_upstream.last.gone.wait()
    assert scripted_upstream.last.disconnected.is_set() is (fault is Fault.STALL_BEFORE_HEADERS)


async def test_it_knows_when_the_client_left_in_the_middle(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script("one two three four", cadence=30))
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", f"{scripted_upstream.url}/v1/messages", json={"model": "m", "stream": True}) as reply,
    ):
        async for _ in reply.aiter_raw():
            break
    received = await scripted_upstream.received(1)
    async with asyncio.timeout(5):
        await received.disconnected.wait()
    assert received.disconnected_at is not None
    assert not received.finished.is_set()
