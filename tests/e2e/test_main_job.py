"""The main job from the outside: official SDKs on both client dialects, against upstreams of both dialects."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from running.fixtures import Server
from upstream.script import Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

MODELS = ["oa/gpt-test", "an/claude-test"]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}, "required": ["city"]}
USAGE = Usage(input=100, cached=64, output=25, reasoning=8)


@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_plain(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="Guten Tag, schöne Welt ☀", usage=USAGE))
    done = await server.openai().chat.completions.create(
        model=model, messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    )
    assert done.choices[0].message.content == "Guten Tag, schöne Welt ☀"
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (100, 25, 125)
    assert done.usage.prompt_tokens_details is not None
    assert done.usage.prompt_tokens_details.cached_tokens == 64


@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_stream(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="Guten Tag, schöne Welt ☀", usage=USAGE))
    stream = await server.openai().chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hi"}], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Guten Tag, schöne Welt ☀"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert len({c.id for c in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (100, 25)


@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_stream_without_usage_gets_none(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    stream = await server.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], stream=True)
    chunks = [chunk async for chunk in stream]
    assert all(c.choices for c in chunks)
    (row,) = await server.usage()
    assert (row.input_tokens, row.output_tokens, row.estimated) == (11, 7, False)


@pytest.mark.parametrize("model", MODELS)
async def test_anthropic_sdk_plain(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="Hello there", usage=USAGE))
    done = await server.anthropic().messages.create(
        model=model, max_tokens=100, system="Be kind.", messages=[{"role": "user", "content": "Hi"}]
    )
    assert [block.type for block in done.content] == ["text"]
    assert done.content[0].text == "Hello there"
    assert done.stop_reason == "end_turn"
    assert (done.usage.input_tokens, done.usage.cache_read_input_tokens, done.usage.output_tokens) == (36, 64, 25)


@pytest.mark.parametrize("model", MODELS)
async def test_anthropic_sdk_stream(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Let me see."), Text("Hello there")], usage=USAGE))
    async with server.anthropic().messages.stream(
        model=model, max_tokens=100, messages=[{"role": "user", "content": "Hi"}]
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == "Hello there"
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].thinking == "Let me see."
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens, final.usage.output_tokens) == (36, 64, 25)


CALLS = [
    ToolCall("get_weather", {"city": "Köln"}, id="call_1"),
    ToolCall("get_weather", {"city": "Bonn", "unit": "C"}, id="call_2"),
]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    client = server.openai()
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": WEATHER}}]
    messages: list[Any] = [{"role": "user", "content": "Weather in Köln and Bonn?"}]
    if streaming:
        async with client.chat.completions.stream(model=model, messages=messages, tools=tools) as stream:
            first = await stream.get_final_completion()
    else:
        first = await client.chat.completions.create(model=model, messages=messages, tools=tools)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Looking."
    calls = choice.message.tool_calls or []
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("call_1", "get_weather", {"city": "Köln"}),
        ("call_2", "get_weather", {"city": "Bonn", "unit": "C"}),
    ]
    messages += [
        {
            "role": "assistant",
            "content": choice.message.content,
            "tool_calls": [c.model_dump(include={"id", "type", "function"}) for c in calls],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
        {"role": "tool", "tool_call_id": "call_2", "content": "22 degrees"},
    ]
    second = await client.chat.completions.create(model=model, messages=messages, tools=tools)
    assert second.choices[0].message.content == "Sunny in both."
    _check_results(scripted_upstream.last.json(), model)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", MODELS)
async def test_anthropic_sdk_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    client = server.anthropic()
    tools: Any = [{"name": "get_weather", "description": "Weather", "input_schema": WEATHER}]
    messages: list[Any] = [{"role": "user", "content": "Weather in Köln and Bonn?"}]
    if streaming:
        async with client.messages.stream(model=model, max_tokens=200, messages=messages, tools=tools) as stream:
            first = await stream.get_final_message()
    else:
        first = await client.messages.create(model=model, max_tokens=200, messages=messages, tools=tools)
    assert first.stop_reason == "tool_use"
    assert [b.type for b in first.content] == ["text", "tool_use", "tool_use"]
    assert [(b.id, b.name, b.input) for b in first.content[1:]] == [
        ("call_1", "get_weather", {"city": "Köln"}),
        ("call_2", "get_weather", {"city": "Bonn", "unit": "C"}),
    ]
    messages += [
        {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in first.content]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "21 degrees"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "22 degrees"},
            ],
        },
    ]
    second = await client.messages.create(model=model, max_tokens=200, messages=messages, tools=tools)
    assert second.content[0].text == "Sunny in both."
    _check_results(scripted_upstream.last.json(), model)


def _check_results(body: dict[str, Any], model: str) -> None:
    """Both results reached the upstream, in order, right behind their calls."""
    messages = body["messages"]
    if model.startswith("oa/"):
        assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool"]
        assert [(m["tool_call_id"], m["content"]) for m in messages[2:]] == [("call_1", "21 degrees"), ("call_2", "22 degrees")]
        assert [json.loads(c["function"]["arguments"]) for c in messages[1]["tool_calls"]] == [
            {"city": "Köln"},
            {"city": "Bonn", "unit": "C"},
        ]
        return
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    results = messages[2]["content"]
    assert [r["tool_use_id"] for r in results] == ["call_1", "call_2"]
    assert [b["input"] for b in messages[1]["content"] if b["type"] == "tool_use"] == [
        {"city": "Köln"},
        {"city": "Bonn", "unit": "C"},
    ]


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def test_images_reach_the_other_dialect(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    await server.openai().chat.completions.create(
        model="an/claude-test",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                ],
            }
        ],
    )
    content = scripted_upstream.last.json()["messages"][0]["content"]
    assert content[1] == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}

    await server.anthropic().messages.create(
        model="oa/gpt-test",
        max_tokens=10,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
    )
    content = scripted_upstream.last.json()["messages"][0]["content"]
    assert content[0]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


EQUAL = {
    "chat": ("/v1/chat/completions", "oa/gpt-test", b'"messages": [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00"} ]'),
    "messages": ("/v1/messages", "an/claude-test", b'"messages": [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00"} ]'),
    "responses": (
        "/v1/responses",
        "re/gpt-test",
        b'"store":false, "input": [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00"} ]',
    ),
    "ollama": ("/api/chat", "ol/llama-test", b'"messages": [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00"} ]'),
}


@pytest.mark.parametrize(("path", "model", "content"), EQUAL.values(), ids=EQUAL)
async def test_equal_dialects_leave_the_bytes_alone(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, model: str, content: bytes
) -> None:
    """Odd spacing, unknown fields and key order survive; only the model's name changes."""
    body = b'{ "stream":false,"model" : "%s",\n %s, "x_unknown":{"b":1.50,"a":[ ]}, "max_tokens":5 }' % (model.encode(), content)
    answer = await server.http.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    sent = body.replace(model.encode(), model.partition("/")[2].encode())
    assert hashlib.sha256(scripted_upstream.last.body).hexdigest() == hashlib.sha256(sent).hexdigest()


async def test_a_gemini_body_passes_untouched(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    """Its model stands in the URL, so not a byte changes."""
    body = b'{ "contents" : [ {"parts":[{"text":"h\\u00e9"}] ,"role":"user"} ],\n"x_unknown":{"b":1.50} }'
    answer = await server.http.post("/v1beta/models/ge/gemini-test:generateContent", content=body)
    assert answer.status_code == 200
    assert scripted_upstream.last.body == body
    assert "/models/gemini-test:generateContent" in scripted_upstream.last.path


async def test_our_credential_replaces_the_clients(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    await server.anthropic("client-secret").messages.create(
        model="an/claude-test",
        max_tokens=5,
        messages=[{"role": "user", "content": "x"}],
        extra_headers={"anthropic-beta": "b1,b2"},
    )
    last = scripted_upstream.last
    assert last.header("x-api-key") == "upstream-key-an"
    assert last.header("anthropic-beta") == "b1,b2"
    assert "client-secret" not in str(last.headers)
    await server.openai("client-secret").chat.completions.create(model="oa/gpt-test", messages=[{"role": "user", "content": "x"}])
    assert scripted_upstream.last.header("authorization") == "Bearer upstream-key-oa"


async def test_count_tokens(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    counted = await server.anthropic().messages.count_tokens(
        model="an/claude-test", messages=[{"role": "user", "content": "Hello world"}]
    )
    assert counted.input_tokens >= 1
    assert scripted_upstream.last.path.endswith("/count_tokens")
    seen = len(scripted_upstream.received_requests) if hasattr(scripted_upstream, "received_requests") else None
    estimated = await server.anthropic().messages.count_tokens(
        model="oa/gpt-test", messages=[{"role": "user", "content": "Hello world, how are you today? " * 40}]
    )
    assert 200 <= estimated.input_tokens <= 600
    assert seen is None or len(scripted_upstream.received_requests) == seen
