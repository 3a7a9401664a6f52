"""Ollama's API from the outside: its official SDK as the judge, against upstreams of every dialect, and the other way round."""

from __future__ import annotations

import json
from typing import Any

import ollama
import pytest

from running.fixtures import Server, Start, nodes
from upstream.script import Fault, Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

MODELS = ["oa/gpt-test", "an/claude-test", "ol/llama-test"]
USAGE = Usage(input=100, output=25)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
each = pytest.mark.parametrize("model", MODELS)
both = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


def sdk(server: Server) -> ollama.AsyncClient:
    client = ollama.AsyncClient(host=server.url)
    server.closing.push_async_callback(client._client.aclose)
    return client


async def chat(server: Server, *, streaming: bool, **request: Any) -> tuple[ollama.Message, ollama.ChatResponse]:
    """The message as a client puts it together, and the last (or only) response."""
    if not streaming:
        done = await sdk(server).chat(**request)
        return done.message, done
    lines = [part async for part in await sdk(server).chat(**request, stream=True)]
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    content = "".join(line.message.content or "" for line in lines)
    thinking = "".join(line.message.thinking or "" for line in lines)
    calls = [call for line in lines for call in line.message.tool_calls or ()]
    whole = ollama.Message(role="assistant", content=content, thinking=thinking or None, tool_calls=calls or None)
    return whole, lines[-1]


@both
@each
async def test_chat(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Let me see."), Text("Guten Tag, schöne Welt ☀")], usage=USAGE))
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    message, last = await chat(
        server, streaming=streaming, model=model, messages=messages, options={"num_predict": 50, "seed": 3}
    )
    assert message.content == "Guten Tag, schöne Welt ☀"
    assert message.thinking == "Let me see."
    assert last.done_reason == "stop"
    assert (last.prompt_eval_count, last.eval_count) == (100, 25)
    assert last.created_at
    asked = scripted_upstream.last.json()
    assert (asked.get("options") or {}).get("num_predict", asked.get("max_tokens")) == 50
    assert asked.get("stream", False) is streaming
    (row,) = await server.usage()
    assert (row.input_tokens, row.output_tokens, row.estimated, row.stream) == (100, 25, False, streaming)


CALLS = [ToolCall("get_weather", {"city": "Köln"}), ToolCall("get_weather", {"city": "Bonn", "unit": "C"}), ToolCall("now")]
SIGNATURE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": SIGNATURE}},
    {
        "type": "function",
        "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}},
    },
]


@both
@each
async def test_edge_045_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    """The SDK knows no call ids: results come back by name only, two of one name in the order of calling."""
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    messages: list[Any] = [{"role": "user", "content": "Weather in Köln and Bonn?"}]
    message, last = await chat(server, streaming=streaming, model=model, messages=messages, tools=TOOLS)
    assert last.done_reason == "stop"
    assert message.content == "Looking."
    got = [(call.function.name, dict(call.function.arguments)) for call in message.tool_calls or ()]
    assert got == [("get_weather", {"city": "Köln"}), ("get_weather", {"city": "Bonn", "unit": "C"}), ("now", {})]
    messages += [
        message,
        {"role": "tool", "tool_name": "now", "content": "noon"},
        {"role": "tool", "tool_name": "get_weather", "content": "21 degrees"},
        {"role": "tool", "tool_name": "get_weather", "content": "22 degrees"},
    ]
    answer, _ = await chat(server, streaming=streaming, model=model, messages=messages, tools=TOOLS)
    assert answer.content == "Sunny in both."
    assert _results(scripted_upstream.last.json(), model) == [
        ("get_weather", {"city": "Köln"}, "21 degrees"),
        ("get_weather", {"city": "Bonn", "unit": "C"}, "22 degrees"),
        ("now", {}, "noon"),
    ]


def _results(body: dict[str, Any], model: str) -> list[tuple[str, Any, str]]:
    """What the upstream learns of each call: name, arguments, result; for Ollama's own dialect the bytes are the client's."""
    messages = body["messages"]
    if model.startswith("an/"):
        calls = [block for block in messages[1]["content"] if block["type"] == "tool_use"]
        results = {block["tool_use_id"]: block["content"] for block in messages[2]["content"]}
        assert [block["tool_use_id"] for block in messages[2]["content"]] == [call["id"] for call in calls]
        return [(call["name"], call["input"], results[call["id"]]) for call in calls]
    if model.startswith("oa/"):
        calls = messages[1]["tool_calls"]
        results = {message["tool_call_id"]: message["content"] for message in messages[2:]}
        return [(c["function"]["name"], json.loads(c["function"]["arguments"]), results[c["id"]]) for c in calls]
    assert [message["tool_name"] for message in messages[2:]] == ["now", "get_weather", "get_weather"]
    found = [call["function"] for call in messages[1]["tool_calls"]]
    return [(f["name"], f["arguments"], messages[at]["content"]) for f, at in zip(found, (3, 4, 2), strict=True)]


@each
async def test_images(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    await sdk(server).chat(model=model, messages=[{"role": "user", "content": "What is this?", "images": [PIXEL]}])
    (message,) = scripted_upstream.last.json()["messages"]
    if model.startswith("oa/"):
        assert message["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"
    elif model.startswith("an/"):
        assert message["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    else:
        assert message["images"] == [PIXEL]


@each
async def test_format_schema(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    scripted_upstream.queue(Script(answer='{"answer":4}'))
    done = await sdk(server).chat(model=model, messages=[{"role": "user", "content": "2+2?"}], format=schema)
    assert json.loads(done.message.content or "") == {"answer": 4}
    body = scripted_upstream.last.json()
    if model.startswith("oa/"):
        assert body["response_format"]["json_schema"]["schema"] == schema
    elif model.startswith("an/"):
        assert body["output_config"]["format"]["schema"] == schema
    else:
        assert body["format"] == schema


@both
@each
async def test_generate(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("Blue, mostly.")], usage=USAGE, finish="length"))
    request: dict[str, Any] = {
        "model": model, "prompt": "Why?", "system": "Be brief.", "keep_alive": "5m", "options": {"num_ctx": 4096, "temperature": 0.5}
    }  # fmt: skip
    if streaming:
        lines = [part async for part in await sdk(server).generate(**request, stream=True)]
    else:
        lines = [await sdk(server).generate(**request)]
    assert "".join(line.response or "" for line in lines) == "Blue, mostly."
    assert "".join(line.thinking or "" for line in lines) == "Hm."
    assert lines[-1].done
    assert (lines[-1].done_reason, lines[-1].prompt_eval_count, lines[-1].eval_count) == ("length", 100, 25)
    body = scripted_upstream.last.json()
    assert "Be brief." in json.dumps(body)
    if model.startswith("ol/"):
        assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
        assert (body["keep_alive"], body["options"], body["stream"]) == ("5m", {"num_ctx": 4096, "temperature": 0.5}, streaming)
    else:
        assert not {"keep_alive", "options"} & body.keys()


@pytest.mark.parametrize("field", [{"template": "{{ .Prompt }}"}, {"suffix": "end"}, {"raw": True}, {"context": [1, 2]}])
async def test_generate_refuses_what_chat_cannot_do(server: Server, field: dict[str, Any]) -> None:
    with pytest.raises(ollama.ResponseError) as refused:
        await sdk(server).generate(**{"model": "oa/m", "prompt": "x", **field})
    assert refused.value.status_code == 400
    assert next(iter(field)) in refused.value.error


@each
async def test_edge_163_no_word_on_streaming_means_a_stream(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    scripted_upstream.queue(Script(answer="one two"))
    answer = await server.http.post("/api/chat", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.removesuffix("\n").split("\n")]
    assert "".join(line["message"]["content"] for line in lines) == "one two"
    assert lines[-1]["done"] is True
    (row,) = await server.usage()
    assert row.stream
    whole = await server.http.post(
        "/v1/api/chat", json={"model": model, "stream": False, "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert whole.headers["content-type"].startswith("application/json")
    assert whole.json()["done"] is True


async def test_edge_154_time_of_creation(server: Server) -> None:
    done = await sdk(server).chat(model="oa/m", messages=[{"role": "user", "content": "Hi"}])
    assert done.created_at is not None
    assert done.created_at[10] == "T"
    assert done.created_at.endswith("Z")


async def test_same_dialect_leaves_the_bytes_alone(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    """Odd spacing, unknown fields and options survive; only the model's name changes. The answer's bytes are the upstream's."""
    body = (
        b'{ "model" : "ol/llama",\n "messages": [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00","images":[]} ], '
        b'"options":{"num_ctx":9032,"x":1.50}, "truncate":false, "shift" :false,"think":false }'
    )
    answer = await server.http.post("/api/chat", content=body, headers={"content-type": "application/json"})
    assert scripted_upstream.last.body == body.replace(b"ol/llama", b"llama")
    direct = await server.http.post(f"{scripted_upstream.url}/api/chat", json={"model": "llama", "messages": []})
    assert answer.content == direct.content


@each
async def test_errors(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(status=429, message="slow down, please", headers={"retry-after": "7"}))
    answer = await server.http.post("/api/chat", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json().keys() == {"error", "retryable", "scope", "retry_after"}
    assert "slow down, please" in answer.json()["error"]
    server.app.health.unlock(None)
    scripted_upstream.queue(
        Script(answer="one two three four", fault=Fault.ERROR_IN_STREAM, fault_after=4, message="out of memory")
    )
    with pytest.raises(ollama.ResponseError, match="out of memory"):
        await chat(server, streaming=True, model=model, messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize("fault", [Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.END_EARLY, Fault.RESET_MID_STREAM])
@each
async def test_a_broken_stream_ends_with_an_error_line(
    server: Server, scripted_upstream: ScriptedUpstream, model: str, fault: Fault
) -> None:
    scripted_upstream.queue(Script(answer="one two three four five six", fault=fault, fault_after=5))
    answer = await server.http.post("/api/chat", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]})
    lines = [json.loads(line) for line in answer.text.removesuffix("\n").split("\n")]
    assert lines[-1].keys() == {"error"}
    assert not any(line.get("done") for line in lines)
    (row,) = await server.usage()
    assert row.outcome == "truncated"


@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.SPLIT_UTF8, Fault.WRONG_CONTENT_TYPE])
async def test_odd_but_whole_streams_are_served(server: Server, scripted_upstream: ScriptedUpstream, fault: Fault) -> None:
    for model in MODELS:
        scripted_upstream.queue(Script(answer="schöne ☀ Welt", fault=fault))
        message, _ = await chat(server, streaming=True, model=model, messages=[{"role": "user", "content": "Hi"}])
        assert message.content == "schöne ☀ Welt"


# -- other clients before an Ollama upstream -----------------------------------------------------------------------------------


@both
async def test_edge_141_openai_sdk_before_ollama(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("Looking."), *CALLS], usage=USAGE))
    client = server.openai()
    request: dict[str, Any] = {"model": "ol/llama", "messages": [{"role": "user", "content": "Weather?"}], "tools": TOOLS}
    if streaming:
        async with client.chat.completions.stream(**request) as stream:
            done = await stream.get_final_completion()
    else:
        done = await client.chat.completions.create(**request, reasoning_effort="high", max_tokens=9)
    choice = done.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Looking."
    calls = choice.message.tool_calls or []
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [(c.name, c.arguments) for c in CALLS]
    assert len({c.id for c in calls}) == 3
    asked = scripted_upstream.last.json()
    assert asked["stream"] is streaming
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["get_weather", "now"]
    if not streaming:
        assert (asked["think"], asked["options"]) == (True, {"num_predict": 9})
        assert done.usage is not None
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (100, 25)


@both
async def test_anthropic_sdk_before_ollama(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS], usage=USAGE), Script(answer="Sunny."))
    client = server.anthropic()
    tools: Any = [{"name": "get_weather", "input_schema": SIGNATURE}, {"name": "now", "input_schema": {"type": "object"}}]
    messages: list[Any] = [{"role": "user", "content": "Weather?"}]
    if streaming:
        async with client.messages.stream(model="ol/llama", max_tokens=99, messages=messages, tools=tools) as stream:
            first = await stream.get_final_message()
    else:
        first = await client.messages.create(model="ol/llama", max_tokens=99, messages=messages, tools=tools)
    assert first.stop_reason == "tool_use"
    assert (first.usage.input_tokens, first.usage.output_tokens) == (100, 25)
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [(use.name, use.input) for use in uses] == [(c.name, c.arguments) for c in CALLS]
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    results: list[Any] = [{"type": "tool_result", "tool_use_id": use.id, "content": f"result {use.name}"} for use in uses]
    results[2] |= {"is_error": True, "content": [{"type": "text", "text": "no clock"}, picture]}
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [*results, {"type": "text", "text": "So?"}]},
    ]
    second = await client.messages.create(model="ol/llama", max_tokens=99, messages=messages, tools=tools)
    assert second.content[0].type == "text"
    sent = scripted_upstream.last.json()["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "tool", "user"]
    assert [call["function"]["arguments"] for call in sent[1]["tool_calls"]] == [c.arguments for c in CALLS]
    assert [(m["tool_name"], m["content"]) for m in sent[2:5]] == [
        ("get_weather", "result get_weather"),
        ("get_weather", "result get_weather"),
        ("now", "Error: no clock"),
    ]
    assert sent[4]["images"] == [PIXEL]
    assert sent[5] == {"role": "user", "content": "So?"}


@pytest.mark.parametrize("fault", [Fault.CUT_BETWEEN_EVENTS, Fault.END_EARLY])
async def test_a_truncated_ollama_answer_never_looks_finished(
    server: Server, scripted_upstream: ScriptedUpstream, fault: Fault
) -> None:
    scripted_upstream.queue(Script(answer="one two three four", fault=fault, fault_after=3))
    answer = await server.http.post(
        "/v1/chat/completions", json={"model": "ol/m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert "one" in answer.text
    assert '"error"' in answer.text
    assert '"finish_reason":"' not in answer.text


async def test_edge_118_lines_although_a_whole_answer_was_asked_for(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    lines = [{"message": {"content": text}, "done": False} for text in ("one ", "two")]
    body = "".join(json.dumps(line) + "\n" for line in [*lines, {"message": {"content": ""}, "done": True, "eval_count": 2}])
    for kind in ("application/x-ndjson", "application/json"):
        scripted_upstream.queue(Script(body=body, content_type=kind))
        done = await server.openai().chat.completions.create(model="ol/m", messages=[{"role": "user", "content": "Hi"}])
        assert done.choices[0].message.content == "one two"


async def test_edge_117_a_whole_answer_although_lines_were_asked_for(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(body={"message": {"content": "all at once"}, "done": True, "done_reason": "stop"}))
    chunks = await server.openai().chat.completions.create(
        model="ol/m", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    assert "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices]) == "all at once"


# -- models --------------------------------------------------------------------------------------------------------------------


async def test_list_show_version(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream, 'models = ["big", "small"]'), GROQ_API_KEY="gsk_test")
    listed = {model.model for model in (await sdk(server).list()).models}
    assert {"demo/echo", "oa/big", "an/small", "ol/big", "groq/llama-3.3-70b-versatile"} <= listed
    shown = await sdk(server).show("groq/llama-3.3-70b-versatile")
    assert "completion" in (shown.capabilities or [])
    assert "tools" in (shown.capabilities or [])
    lengths = [value for key, value in (shown.modelinfo or {}).items() if key.endswith(".context_length")]
    assert lengths[0] > 8000
    assert shown.details is not None
    assert shown.details.family == "groq"
    older = await server.http.post("/api/show", json={"name": "oa/big"})
    assert older.json()["modelfile"] == "FROM oa/big"
    missing = await server.http.post("/api/show", json={"model": "oa/never"})
    assert missing.status_code == 404
    assert isinstance(missing.json()["error"], str)
    assert (await server.http.post("/api/show", json={})).status_code == 400
    assert (await server.http.get("/api/version")).json()["version"].count(".") == 2
    assert (await server.http.get("/api/chat")).json().keys() == {"error", "retryable", "scope"}


async def test_keys_apply(start: Start) -> None:
    server = await start(REQUIRE_API_KEY="true")
    _, key = await server.app.installation.keys.create("laptop", models=("demo/e*",))
    await server.app.installation.reload()
    assert (await server.http.get("/api/tags")).status_code == 401
    allowed = ollama.AsyncClient(host=server.url, headers={"authorization": f"Bearer {key}"})
    server.closing.push_async_callback(allowed._client.aclose)
    assert {model.model for model in (await allowed.list()).models} == {"demo/echo", "demo/error-429"}
    with pytest.raises(ollama.ResponseError) as refused:
        await allowed.show("demo/slow")
    assert refused.value.status_code == 403


@both
async def test_requests_without_a_prompt_load_and_unload(
    server: Server, scripted_upstream: ScriptedUpstream, streaming: bool
) -> None:
    """Answered here for providers that load nothing, passed on to an Ollama upstream, refused for models that are not there."""
    for keep_alive, reason in ((None, "load"), ("5m", "load"), (0, "unload")):
        _, last = await chat(server, streaming=streaming, model="oa/m", messages=[], keep_alive=keep_alive)
        assert (last.done, last.done_reason, last.model) == (True, reason, "oa/m")
    generated = await sdk(server).generate(model="ol/m", prompt="", keep_alive=0)
    assert (generated.response, generated.done_reason) == ("", "unload")
    assert scripted_upstream.requests == []
    await sdk(server).chat(model="ol/m", messages=[])
    assert scripted_upstream.last.json()["messages"] == []
    with pytest.raises(ollama.ResponseError) as refused:
        await sdk(server).chat(model="nowhere/m", messages=[])
    assert refused.value.status_code == 404


# -- completions and routes of one provider ------------------------------------------------------------------------------------


@each
async def test_completions(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    client = server.openai()
    scripted_upstream.queue(*[Script(answer=[Thinking("Hm."), Text("Blue, mostly.")], usage=USAGE)] * 3)
    done = await client.completions.create(model=model, prompt="The sky is", max_tokens=20, stop=["\n"], best_of=1)
    assert (done.object, done.choices[0].text, done.choices[0].finish_reason) == ("text_completion", "Blue, mostly.", "stop")
    assert done.id.startswith("cmpl-")
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (100, 25)
    (message,) = scripted_upstream.last.json()["messages"]
    assert message == {"role": "user", "content": "The sky is"}
    assert "best_of" not in scripted_upstream.last.json()
    options: dict[str, Any] = {"include_usage": True}
    chunks = [c async for c in await client.completions.create(model=model, prompt=["Why?"], stream=True, stream_options=options)]
    assert "".join(c.choices[0].text for c in chunks if c.choices) == "Blue, mostly."
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 125
    assert len({c.id for c in chunks}) == 1
    bare = [c async for c in await client.completions.create(model=model, prompt="Why?", stream=True)]
    assert all(c.choices for c in bare)


@pytest.mark.parametrize("field", [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": ""}, {"suffix": "x"}, {"echo": True}])
async def test_completions_refuse_what_chat_cannot_do(server: Server, field: dict[str, Any]) -> None:
    answer = await server.http.post("/v1/completions", json={"model": "oa/m", "prompt": "x", **field})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(field))


@pytest.mark.parametrize("model", ["oa/gpt", "gpt", "vendor/gpt"])
async def test_routes_of_one_provider(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    for path in ("chat/completions", "messages", "api/chat"):
        body = {"model": model, "max_tokens": 5, "stream": False, "messages": messages}
        answer = await server.http.post(f"/v1/providers/oa/{path}", json=body)
        assert answer.status_code == 200, answer.text
        assert scripted_upstream.last.path == "/v1/chat/completions"
        assert scripted_upstream.last.model == model.removeprefix("oa/")


async def test_routes_of_one_provider_refuse_others(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    body = {"model": "an/claude", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    chat = await server.http.post("/v1/providers/oa/chat/completions", json=body)
    assert chat.status_code == 400
    assert chat.json()["error"]["param"] == "model"
    messages = await server.http.post("/v1/providers/oa/messages", json=body)
    assert (messages.status_code, messages.json()["type"]) == (400, "error")
    assert (await server.http.post("/v1/providers/nobody/chat/completions", json=body)).status_code == 404
    assert (await server.http.post("/v1/providers/oa/nowhere", json=body)).status_code == 404
    assert (await server.http.get("/v1/providers/oa/chat/completions")).status_code == 405
    assert scripted_upstream.requests == []
