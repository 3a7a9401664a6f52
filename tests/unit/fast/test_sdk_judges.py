"""The official SDKs read what we write: their own stream classes over a transport that never leaves the process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from unit.fast.streams import as_anthropic, as_chat, bridge, collect, run, vector, vectors

GOOD = [(d, n) for d in ("openai_chat", "anthropic") for n in vectors(d) if n != "error"]


def _http(default_client: type, stream: bytes) -> Any:
    """A client of the HTTP library this SDK is built on, answering every request with the stream."""
    library = next(
        sys.modules[cls.__module__.partition(".")[0]] for cls in default_client.__mro__ if cls.__module__.startswith("httpx")
    )

    def answer(_request: Any) -> Any:
        return library.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    return library.Client(transport=library.MockTransport(answer))


@pytest.fixture
def openai_client() -> Callable[[bytes], openai.OpenAI]:
    def client(stream: bytes) -> openai.OpenAI:
        http = _http(openai.DefaultHttpxClient, stream)
        return openai.OpenAI(api_key="k", base_url="http://127.0.0.1/v1", http_client=http, max_retries=0)

    return client


@pytest.fixture
def anthropic_client() -> Callable[[bytes], anthropic.Anthropic]:
    def client(stream: bytes) -> anthropic.Anthropic:
        http = _http(anthropic.DefaultHttpxClient, stream)
        return anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1", http_client=http, max_retries=0)

    return client


def _chat_answer(client: openai.OpenAI) -> dict[str, Any]:
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as events:
        for _ in events:
            pass
        snapshot = events.current_completion_snapshot
    message = snapshot.choices[0].message
    return {
        "content": message.content or "",
        "reasoning": getattr(message, "reasoning_content", None) or "",
        "refusal": message.refusal or "",
        "calls": [
            {"id": call.id, "name": call.function.name, "arguments": call.function.arguments} for call in message.tool_calls or ()
        ],
    }


@pytest.mark.parametrize(("dialect", "name"), GOOD)
def test_openai_adds_up_our_chunks(dialect: str, name: str, openai_client: Callable[[bytes], openai.OpenAI]) -> None:
    expected = collect(dialect, vector(dialect, name))
    client = openai_client(run(bridge(dialect, "openai_chat"), vector(dialect, name)))
    assert _chat_answer(client) == as_chat(expected)


@pytest.mark.parametrize("name", ["text", "reasoning", "no_arguments", "no_done", "no_final_blank"])
def test_openai_reads_what_passed_through(name: str, openai_client: Callable[[bytes], openai.OpenAI]) -> None:
    expected = collect("openai_chat", vector("openai_chat", name))
    client = openai_client(run(bridge("openai_chat", None), vector("openai_chat", name)))
    got = []
    for chunk in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True):
        got += [choice.delta.content or "" for choice in chunk.choices]
    assert "".join(got) == as_chat(expected)["content"]


@pytest.mark.parametrize(("dialect", "name"), GOOD)
def test_anthropic_adds_up_our_events(dialect: str, name: str, anthropic_client: Callable[[bytes], anthropic.Anthropic]) -> None:
    expected = collect(dialect, vector(dialect, name))
    client = anthropic_client(run(bridge(dialect, "anthropic"), vector(dialect, name)))
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events:
        message = events.get_final_message()
    got = []
    for block in message.content:
        if block.type == "text":
            got.append({"type": "text", "text": block.text})
        elif block.type == "thinking":
            got.append({"type": "thinking", "thinking": block.thinking, "signature": block.signature})
        elif block.type == "tool_use":
            got.append({"type": "tool_use", "id": block.id, "name": block.name, "input": block.input})
        else:
            assert block.type == "redacted_thinking"
            got.append({"type": "redacted_thinking", "data": block.data})
    wanted = as_anthropic(expected, signed=True)
    for block in wanted:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["input"])
    assert got == wanted
    if expected["usage"][3] >= 0:
        assert message.usage.output_tokens == expected["usage"][3]
        read, written = message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens
        assert message.usage.input_tokens + read + written == expected["usage"][0]


@pytest.mark.parametrize("name", [n for n in vectors("anthropic") if n not in ("error", "untyped")])
def test_anthropic_reads_what_passed_through(name: str, anthropic_client: Callable[[bytes], anthropic.Anthropic]) -> None:
    expected = collect("anthropic", vector("anthropic", name))
    client = anthropic_client(run(bridge("anthropic", None), vector("anthropic", name)))
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events:
        message = events.get_final_message()
    assert "".join(b.text for b in message.content if b.type == "text") == as_chat(expected)["content"]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("cut", ["error", "truncated"])
def test_openai_raises_our_errors(dialect: str, cut: str, openai_client: Callable[[bytes], openai.OpenAI]) -> None:
    stream = vector(dialect, "error") if cut == "error" else vector(dialect, "text")[:700]
    client = openai_client(run(bridge(dialect, "openai_chat"), stream))
    with pytest.raises(openai.APIError) as raised:
        _chat_answer(client)
    assert str(raised.value)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("cut", ["error", "truncated"])
def test_anthropic_raises_our_errors(dialect: str, cut: str, anthropic_client: Callable[[bytes], anthropic.Anthropic]) -> None:
    stream = vector(dialect, "error") if cut == "error" else vector(dialect, "text")[:700]
    client = anthropic_client(run(bridge(dialect, "anthropic"), stream))
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events,
    ):
        events.get_final_message()


def test_a_failure_in_the_middle_of_a_call_is_raised(anthropic_client: Callable[[bytes], anthropic.Anthropic]) -> None:
    joined = bridge("openai_chat", "anthropic")
    stream = vector("openai_chat", "tools_interleaved")
    out = joined.feed(stream[: stream.index(b"call_b")]) + joined.fail(504, "upstream_timeout", "silent")
    with (
        pytest.raises(anthropic.APIStatusError, match="silent"),
        anthropic_client(out).messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events,
    ):
        events.get_final_message()
