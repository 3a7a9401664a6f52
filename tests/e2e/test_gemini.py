"""Gemini from the outside: Google's SDK against upstreams of every dialect, and the other SDKs against a Gemini upstream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import errors, types

from running.fixtures import Server
from upstream.gemini_dialect import CALL_SIGNATURE
from upstream.script import Fault, Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

MODELS = ["oa/gpt-test", "an/claude-test", "ge/gemini-test", "re/gpt-test", "ol/llama-test"]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}, "required": ["city"]}
USAGE = Usage(input=100, cached=64, output=25, reasoning=8)
CALLS = [
    ToolCall("get_weather", {"city": "Köln"}, id="call_1"),
    ToolCall("get_weather", {"city": "Bonn", "unit": "C"}, id="call_2"),
]
TOOLS = types.Tool(
    function_declarations=[types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=WEATHER)]
)
MANUAL = types.AutomaticFunctionCallingConfig(disable=True)


def counts(usage: types.GenerateContentResponseUsageMetadata | None) -> tuple[Any, ...]:
    assert usage is not None
    return (
        usage.prompt_token_count,
        usage.cached_content_token_count,
        usage.candidates_token_count,
        usage.thoughts_token_count,
        usage.total_token_count,
    )


def expected_counts(model: str) -> tuple[Any, ...]:
    """Of USAGE; Ollama counts neither cached nor reasoning tokens."""
    return (100, None, 25, None, 125) if model.startswith("ol/") else (100, 64, 17, 8, 125)


def events_before_text(model: str) -> int:
    """How many events a dialect's stream has before its fourth word at least."""
    return 8 if model.startswith("re/") else 4


@pytest.mark.parametrize("model", MODELS)
async def test_plain(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="Guten Tag, schöne Welt ☀", usage=USAGE))
    done = await server.gemini().aio.models.generate_content(
        model=model,
        contents="Hi",
        config=types.GenerateContentConfig(
            system_instruction="Be kind.", temperature=0.5, max_output_tokens=50, stop_sequences=["X"]
        ),
    )
    assert done.text == "Guten Tag, schöne Welt ☀"
    assert done.candidates is not None
    assert done.candidates[0].finish_reason == types.FinishReason.STOP
    assert counts(done.usage_metadata) == expected_counts(model)
    sent = scripted_upstream.last.json()
    assert scripted_upstream.last.model == model.partition("/")[2]
    assert "Be kind." in json.dumps(sent)


@pytest.mark.parametrize("model", MODELS)
async def test_stream(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Let me see."), Text("Guten Tag, schöne Welt ☀")], usage=USAGE))
    chunks = [chunk async for chunk in await server.gemini().aio.models.generate_content_stream(model=model, contents="Hi")]
    parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts if chunk.candidates else [])]
    assert "".join(part.text for part in parts if not part.thought) == "Guten Tag, schöne Welt ☀"
    assert "".join(part.text for part in parts if part.thought) == "Let me see."
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert counts(chunks[-1].usage_metadata) == expected_counts(model)
    (row,) = await server.usage()
    assert (row.input_tokens, row.output_tokens, row.estimated) == (100, 25, False)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", MODELS)
async def test_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    client = server.gemini().aio
    config = types.GenerateContentConfig(tools=[TOOLS], automatic_function_calling=MANUAL)
    history: list[Any] = [types.UserContent("Weather in Köln and Bonn?")]
    parts: list[types.Part] = []
    if streaming:
        async for chunk in await client.models.generate_content_stream(model=model, contents=history, config=config):
            parts += chunk.candidates[0].content.parts
        assert chunk.candidates[0].finish_reason == types.FinishReason.STOP
    else:
        first = await client.models.generate_content(model=model, contents=history, config=config)
        parts = first.candidates[0].content.parts
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == [
        ("get_weather", {"city": "Köln"}),
        ("get_weather", {"city": "Bonn", "unit": "C"}),
    ]
    ids = [call.id for call in calls]
    assert len(set(ids)) == 2 if model.startswith("ol/") else ids == ["call_1", "call_2"]
    answers = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": f"{n} degrees"}))
        for n, call in enumerate(calls, 21)
    ]
    history += [types.ModelContent([part for part in parts if part.text != ""]), types.Content(role="user", parts=answers)]
    second = await client.models.generate_content(model=model, contents=history, config=config)
    assert second.text == "Sunny in both."
    check_results(scripted_upstream.last.json(), model)


def check_results(sent: dict[str, Any], model: str) -> None:
    """Calls and results of the second request, in the upstream's own form."""
    if model.startswith("oa/"):
        call, *results = sent["messages"][-3:]
        assert [c["id"] for c in call["tool_calls"]] == ["call_1", "call_2"]
        assert [(r["role"], r["tool_call_id"], r["content"]) for r in results] == [
            ("tool", "call_1", "21 degrees"),
            ("tool", "call_2", "22 degrees"),
        ]
        assert sent["tools"][0]["function"]["parameters"] == WEATHER
    elif model.startswith("an/"):
        call, result = sent["messages"][-2:]
        assert [b["type"] for b in call["content"]] == ["text", "tool_use", "tool_use"]
        assert [(b["tool_use_id"], b["content"]) for b in result["content"]] == [
            ("call_1", "21 degrees"),
            ("call_2", "22 degrees"),
        ]
        assert sent["tools"][0]["input_schema"] == WEATHER
    elif model.startswith("re/"):
        outputs = [item for item in sent["input"] if item.get("type") == "function_call_output"]
        assert [(item["call_id"], item["output"]) for item in outputs] == [("call_1", "21 degrees"), ("call_2", "22 degrees")]
        assert sent["tools"][0]["parameters"] == WEATHER
    elif model.startswith("ol/"):
        results = [message for message in sent["messages"] if message["role"] == "tool"]
        assert [(r["tool_name"], r["content"]) for r in results] == [("get_weather", "21 degrees"), ("get_weather", "22 degrees")]
    else:
        call, result = sent["contents"][-2:]
        signed = [part.get("thoughtSignature") for part in call["parts"] if "functionCall" in part]
        assert signed == [CALL_SIGNATURE, None]
        assert [part["functionResponse"]["id"] for part in result["parts"]] == ["call_1", "call_2"]


@pytest.mark.parametrize("model", MODELS)
async def test_chat_session_with_automatic_function_calling(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    cities: list[str] = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        cities.append(city)
        return f"sunny in {city}"

    both = [ToolCall("get_weather", {"city": "Köln"}), ToolCall("get_weather", {"city": "Bonn"})]
    scripted_upstream.queue(Script(answer=both), Script(answer="Sunny."), Script(answer="You asked about two cities."))
    chat = server.gemini().aio.chats.create(model=model, config=types.GenerateContentConfig(tools=[get_weather]))
    assert (await chat.send_message("Weather?")).text == "Sunny."
    assert cities == ["Köln", "Bonn"]
    assert "sunny in Bonn" in json.dumps(scripted_upstream.last.json())
    assert (await chat.send_message("What did I ask?")).text == "You asked about two cities."
    assert "Sunny." in json.dumps(scripted_upstream.last.json())


@pytest.mark.parametrize("model", MODELS)
async def test_a_streamed_chat_keeps_its_history(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="One two three."), Script(answer="Indeed."))
    chat = server.gemini().aio.chats.create(model=model)
    text = "".join([chunk.text or "" async for chunk in await chat.send_message_stream("Count")])
    assert text == "One two three."
    assert (await chat.send_message("Right?")).text == "Indeed."
    assert [content.role for content in chat.get_history(curated=True)][-1] == "model"
    sent = json.dumps(scripted_upstream.last.json())
    assert "Count" in sent
    assert "three." in sent


@pytest.mark.parametrize("model", MODELS)
async def test_structured_output(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    scripted_upstream.queue(Script(answer='{"n": 4}'))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
    done = await server.gemini().aio.models.generate_content(model=model, contents="2+2 as JSON", config=config)
    assert json.loads(done.text or "") == {"n": 4}
    sent = scripted_upstream.last.json()
    if model.startswith("oa/"):
        assert sent["response_format"] == {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
    elif model.startswith("an/"):
        assert sent["output_config"]["format"] == {"type": "json_schema", "schema": schema}
    elif model.startswith("re/"):
        assert sent["text"]["format"]["schema"] == schema
    elif model.startswith("ol/"):
        assert sent["format"] == schema
    else:
        config_sent = sent["generationConfig"]
        assert config_sent.get("responseJsonSchema", config_sent.get("response_json_schema")) == schema


async def test_thinking_is_asked_for_and_shown(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("4")]))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=8192))
    done = await server.gemini().aio.models.generate_content(model="an/claude-test", contents="2+2", config=config)
    assert [(part.text, bool(part.thought)) for part in done.candidates[0].content.parts] == [("Hm.", True), ("4", False)]
    assert scripted_upstream.last.json()["thinking"] == {"type": "enabled", "budget_tokens": 8192, "display": "summarized"}


@pytest.mark.parametrize("model", MODELS)
async def test_count_tokens(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    counted = await server.gemini().aio.models.count_tokens(model=model, contents="How long is this?")
    assert counted.total_tokens is not None
    if model.startswith("ge/"):
        assert counted.total_tokens == 42
        assert scripted_upstream.last.path == "/v1beta/models/gemini-test:countTokens"
    else:
        assert 1 <= counted.total_tokens < 42
        assert scripted_upstream.requests == []


async def test_same_format_passes_the_body_untouched(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    body = b'{ "contents": [{"parts":[{"text":"h\\u00e9"}]}],\n "safetySettings":[], "x_unknown": {"a" : 1.50} }'
    answer = await server.http.post("/v1beta/models/ge/gemini-test:generateContent", content=body)
    assert answer.status_code == 200
    assert scripted_upstream.last.body == body
    assert scripted_upstream.last.header("x-goog-api-key") == "upstream-key-ge"


@pytest.mark.parametrize("model", MODELS)
async def test_without_alt_sse_a_stream_is_one_array(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="One two three.", usage=USAGE))
    body = {"contents": [{"parts": [{"text": "Count"}]}]}
    answer = await server.http.post(f"/v1beta/models/{model}:streamGenerateContent", json=body)
    assert answer.headers["content-type"] == "application/json"
    elements = answer.json()
    assert len(elements) > 2
    texts = [part["text"] for element in elements for part in element["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "One two three."
    assert elements[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("model", MODELS)
async def test_an_error_in_an_array_stream_is_its_last_element(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    after = events_before_text(model)
    broken = Script(answer="One two three four five six.", fault=Fault.ERROR_IN_STREAM, fault_after=after, message="broke off")
    scripted_upstream.queue(broken)
    body = {"contents": [{"parts": [{"text": "Count"}]}]}
    elements = (await server.http.post(f"/v1beta/models/{model}:streamGenerateContent", json=body)).json()
    assert elements[-1]["error"]["message"] == "broke off"
    assert isinstance(elements[-1]["error"]["code"], int)
    assert "candidates" in elements[0]


@pytest.mark.parametrize("model", MODELS)
async def test_a_truncated_stream_is_an_error(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(
        Script(answer="One two three four five six.", fault=Fault.END_EARLY, fault_after=events_before_text(model))
    )
    body = {"contents": [{"parts": [{"text": "Count"}]}]}
    answer = await server.http.post(f"/v1/models/{model}:streamGenerateContent?alt=sse", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\r\n\r\n") if event.strip()]
    assert events[-1]["error"]["code"] == 502
    assert not any("finishReason" in event.get("candidates", [{}])[0] for event in events)


@pytest.mark.parametrize("model", MODELS)
async def test_errors_before_the_stream_keep_their_status(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    client = server.gemini().aio
    for status, word in ((400, "INVALID_ARGUMENT"), (404, "NOT_FOUND")):
        scripted_upstream.queue(Script(status=status, message="not like this"))
        stream = await client.models.generate_content_stream(model=model, contents="Hi")
        with pytest.raises(errors.ClientError) as caught:
            await anext(stream)
        assert (caught.value.code, caught.value.status) == (status, word)
        assert "not like this" in (caught.value.message or "")
    answer = await server.http.post(
        "/v1beta/models/nobody/x:streamGenerateContent", json={"contents": [{"parts": [{"text": "x"}]}]}
    )
    assert [item["error"]["status"] for item in answer.json()] == ["NOT_FOUND"]


async def test_a_wait_is_told_in_the_details(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(*[Script(status=429, message="slow down", headers={"retry-after": "7"})] * 3)
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    answer = await server.http.post("/v1beta/models/oa/gpt-test:generateContent", json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    details = {item["@type"].rpartition(".")[2]: item for item in answer.json()["error"]["details"]}
    assert details["RetryInfo"]["retryDelay"] == "7s"
    assert details["ErrorInfo"]["reason"] == "RATE_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/oa/gpt-test:generateContent",
        "/v1beta/models/oa%2Fgpt-test:generateContent",
        "/v1/models/oa/gpt-test:generateContent",
        "/models/oa/gpt-test:generateContent",
        "/v1/v1beta/models/oa/gpt-test:generateContent",
        "/v1/providers/oa/v1beta/models/gpt-test:generateContent",
    ],
)
async def test_paths(server: Server, scripted_upstream: ScriptedUpstream, path: str) -> None:
    answer = await server.http.post(path, json={"contents": [{"parts": [{"text": "x"}]}]})
    assert answer.status_code == 200
    assert answer.json()["candidates"][0]["content"]["parts"] == [{"text": "Hello from upstream."}]
    assert scripted_upstream.last.model == "gpt-test"
    assert (await server.http.get(path)).json()["error"]["status"] == "INVALID_ARGUMENT"


async def test_models(server: Server) -> None:
    listed = [model async for model in await server.gemini().aio.models.list()]
    names = [model.name for model in listed]
    assert "models/demo/echo" in names
    one = await server.gemini().aio.models.get(model="demo/echo")
    assert one.name == "models/demo/echo"
    assert "generateContent" in (one.supported_actions or [])
    missing = await server.http.get("/v1beta/models/nobody/x")
    assert (missing.status_code, missing.json()["error"]["status"]) == (404, "NOT_FOUND")
    openai_shape = await server.http.get("/v1/models/demo/echo")
    assert openai_shape.json()["object"] == "model"
    beta = await server.http.get("/v1beta/models")
    assert [entry["name"] for entry in beta.json()["models"]] == names
    unknown = await server.http.post("/v1beta/nothing", json={})
    assert unknown.json()["error"]["status"] == "NOT_FOUND"


# -- other clients, Gemini upstream ------------------------------------------------------------------------------------

CHAT_TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": WEATHER}}]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
async def test_openai_sdk_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS], usage=USAGE), Script(answer="Sunny in both."))
    client = server.openai()
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Köln and Bonn?"}]
    if streaming:
        async with client.chat.completions.stream(
            model="ge/gemini-test", messages=messages, tools=CHAT_TOOLS, stream_options={"include_usage": True}
        ) as stream:
            first = await stream.get_final_completion()
    else:
        first = await client.chat.completions.create(model="ge/gemini-test", messages=messages, tools=CHAT_TOOLS)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Looking."
    calls = choice.message.tool_calls or []
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("call_1", "get_weather", {"city": "Köln"}),
        ("call_2", "get_weather", {"city": "Bonn", "unit": "C"}),
    ]
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (100, 25)
    sent = scripted_upstream.last.json()
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert sent["tools"] == [
        {"functionDeclarations": [{"name": "get_weather", "description": "Weather", "parametersJsonSchema": WEATHER}]}
    ]
    messages += [
        {
            "role": "assistant",
            "content": choice.message.content,
            "tool_calls": [c.model_dump(include={"id", "type", "function"}) for c in calls],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "22 degrees"},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 21}'},
    ]
    second = await client.chat.completions.create(model="ge/gemini-test", messages=messages, tools=CHAT_TOOLS)
    assert second.choices[0].message.content == "Sunny in both."
    user, called, results = scripted_upstream.last.json()["contents"]
    assert [user["role"], called["role"], results["role"]] == ["user", "model", "user"]
    responses = [part["functionResponse"] for part in results["parts"]]
    assert [(r["id"], r["name"], r["response"]) for r in responses] == [
        ("call_1", "get_weather", {"degrees": 21}),
        ("call_2", "get_weather", {"output": "22 degrees"}),
    ]
    signed = [bool(part.get("thoughtSignature")) for part in called["parts"] if "functionCall" in part]
    assert signed == [True, False]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
async def test_anthropic_sdk_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    unnamed = [ToolCall("get_weather", {"city": "Köln"}), ToolCall("get_weather", {"city": "Bonn"})]
    scripted_upstream.queue(Script(answer=[Thinking("Two cities."), *unnamed], usage=USAGE), Script(answer="Sunny in both."))
    client = server.anthropic()
    tools: Any = [{"name": "get_weather", "description": "Weather", "input_schema": WEATHER}]
    messages: list[Any] = [{"role": "user", "content": "Weather in Köln and Bonn?"}]
    if streaming:
        async with client.messages.stream(
            model="ge/gemini-test",
            max_tokens=200,
            messages=messages,
            tools=tools,
            thinking={"type": "enabled", "budget_tokens": 2048},
        ) as stream:
            first = await stream.get_final_message()
    else:
        first = await client.messages.create(
            model="ge/gemini-test",
            max_tokens=200,
            messages=messages,
            tools=tools,
            thinking={"type": "enabled", "budget_tokens": 2048},
        )
    assert first.stop_reason == "tool_use"
    assert [b.type for b in first.content] == ["thinking", "tool_use", "tool_use"]
    ids = [b.id for b in first.content if b.type == "tool_use"]
    assert len(set(ids)) == 2
    assert all(ids)
    assert (first.usage.input_tokens, first.usage.cache_read_input_tokens, first.usage.output_tokens) == (36, 64, 25)
    config = scripted_upstream.last.json()["generationConfig"]
    assert config["thinkingConfig"] == {"includeThoughts": True, "thinkingBudget": 2048}
    results = [{"type": "tool_result", "tool_use_id": i, "content": f"sunny {n}", "is_error": n == 1} for n, i in enumerate(ids)]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = await client.messages.create(model="ge/gemini-test", max_tokens=200, messages=messages, tools=tools)
    assert second.content[0].text == "Sunny in both."
    _, called, answered = scripted_upstream.last.json()["contents"]
    assert [part["functionCall"]["args"] for part in called["parts"]] == [{"city": "Köln"}, {"city": "Bonn"}]
    assert [part["functionResponse"]["response"] for part in answered["parts"]] == [{"output": "sunny 0"}, {"error": "sunny 1"}]


async def test_a_blocked_prompt_is_a_filtered_answer(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(
        *[Script(body={"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})] * 3
    )
    chat = await server.openai().chat.completions.create(model="ge/gemini-test", messages=[{"role": "user", "content": "x"}])
    assert chat.choices[0].finish_reason == "content_filter"
    message = await server.anthropic().messages.create(
        model="ge/gemini-test", max_tokens=10, messages=[{"role": "user", "content": "x"}]
    )
    assert message.stop_reason == "refusal"
    ours = await server.gemini().aio.models.generate_content(model="ge/gemini-test", contents="x")
    assert ours.prompt_feedback is not None
    assert ours.prompt_feedback.block_reason == types.BlockedReason.SAFETY


async def test_openai_structured_output_and_parameters(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer='{"n":4}'))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    await server.openai().chat.completions.create(
        model="ge/gemini-test",
        messages=[{"role": "user", "content": "2+2"}],
        response_format={"type": "json_schema", "json_schema": {"name": "sum", "schema": schema, "strict": True}},
        temperature=1.5,
        top_p=0.9,
        stop=["a", "b"],
        max_completion_tokens=77,
        seed=5,
        reasoning_effort="high",
    )
    sent = scripted_upstream.last.json()
    assert sent["generationConfig"] == {
        "temperature": 1.5,
        "topP": 0.9,
        "seed": 5,
        "maxOutputTokens": 77,
        "stopSequences": ["a", "b"],
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 24576},
    }
    assert "model" not in sent
    assert "stream" not in sent
