"""The Responses dialect from the outside: its official SDK against every upstream, and the other SDKs against its upstream."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from running.fixtures import Server, Start, nodes
from upstream.script import Fault, Script, Text, Thinking, ToolCall, Usage
from upstream.server import ScriptedUpstream

UPSTREAMS = ["oa/gpt-test", "an/claude-test", "re/gpt-test"]
USAGE = Usage(input=100, cached=64, output=25, reasoning=8)
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL: Any = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": WEATHER, "strict": False}
CALLS = [
    ToolCall("get_weather", {"city": "Köln"}, id="call_1"),
    ToolCall("get_weather", {"city": "Bonn", "unit": "C"}, id="call_2"),
]
each_upstream = pytest.mark.parametrize("model", UPSTREAMS)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture
async def server(start: Start, scripted_upstream: ScriptedUpstream) -> Server:
    node = f"""
[nodes.re]
format = "openai_responses"
base_url = "{scripted_upstream.openai_base_url}"
api_key = "upstream-key-re"
"""
    known = nodes(scripted_upstream)
    return await start(known if "[nodes.re]" in known else known + node)


async def ask(server: Server, streaming: bool, **request: Any) -> Any:
    client = server.openai()
    if not streaming:
        return await client.responses.create(**request)
    async with client.responses.stream(**request) as stream:
        return await stream.get_final_response()


def as_input(item: Any) -> dict[str, Any]:
    """An output item as clients send it back: without what the SDK's helper adds."""
    dumped: dict[str, Any] = item.model_dump(exclude_none=True, exclude={"parsed_arguments"})
    for part in dumped.get("content") or []:
        part.pop("parsed", None)
    return dumped


@both_ways
@each_upstream
async def test_plain(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer="Guten Tag, schöne Welt ☀", usage=USAGE))
    done = await ask(server, streaming, model=model, instructions="Be kind.", input="Hi", max_output_tokens=50)
    assert done.output_text == "Guten Tag, schöne Welt ☀"
    assert done.status == "completed"
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (100, 25, 125)
    assert done.usage.input_tokens_details.cached_tokens == 64
    sent = scripted_upstream.last.json()
    assert "Be kind." in json.dumps(sent)
    assert 50 in (sent.get("max_tokens"), sent.get("max_output_tokens"), sent.get("max_completion_tokens"))


@each_upstream
async def test_events_arrive_in_order(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer=[Text("Hello there")]))
    stream = await server.openai().responses.create(model=model, input="Hi", stream=True)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello there"
    assert events[-1].type == "response.completed"


@both_ways
@each_upstream
async def test_tool_loop(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    conversation: list[Any] = [{"role": "user", "content": "Weather in Köln and Bonn?"}]
    first = await ask(server, streaming, model=model, input=conversation, tools=[TOOL], store=False)
    assert first.status == "completed"
    assert [item.type for item in first.output] == ["message", "function_call", "function_call"]
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.call_id, call.name, json.loads(call.arguments)) for call in calls] == [
        ("call_1", "get_weather", {"city": "Köln"}),
        ("call_2", "get_weather", {"city": "Bonn", "unit": "C"}),
    ]
    conversation += [as_input(item) for item in first.output]
    conversation += [
        {"type": "function_call_output", "call_id": "call_2", "output": "22 degrees"},
        {"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"},
    ]
    second = await ask(server, streaming, model=model, input=conversation, tools=[TOOL], store=False)
    assert second.output_text == "Sunny in both."
    sent = scripted_upstream.last.json()
    if model.startswith("oa/"):
        assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool"]
        assert [message["content"] for message in sent["messages"][2:]] == ["21 degrees", "22 degrees"]
    elif model.startswith("an/"):
        assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
        assert [block["content"] for block in sent["messages"][2]["content"]] == ["21 degrees", "22 degrees"]
    else:
        assert sent["input"] == conversation, "the same dialect passes as it is"


@both_ways
async def test_claude_thinks_on_in_the_next_turn(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    """The signed thinking travels through the client inside of the reasoning item and comes back byte for byte."""
    scripted_upstream.queue(Script(answer=[Thinking("Let me see.\u2028 Ja."), CALLS[0]]), Script(answer="Done."))
    request: dict[str, Any] = {
        "model": "an/claude-test",
        "tools": [TOOL],
        "store": False,
        "reasoning": {"effort": "high", "summary": "auto"},
    }
    conversation: list[Any] = [{"role": "user", "content": "Weather?"}]
    first = await ask(server, streaming, input=conversation, **request)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert first.output[0].summary[0].text == "Let me see.\u2028 Ja."
    assert first.output[0].encrypted_content
    conversation += [as_input(item) for item in first.output]
    conversation.append({"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"})
    await ask(server, streaming, input=conversation, **request)
    sent = scripted_upstream.last.json()
    assert sent["thinking"]["type"] == "enabled"
    assert sent["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Let me see.\u2028 Ja.",
        "signature": Thinking("").signature,
    }


@pytest.mark.parametrize("model", ["oa/gpt-test", "re/gpt-test"])
async def test_claudes_proof_goes_to_nobody_else(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Secret."), Text("A.")]), Script(answer="B."))
    conversation: list[Any] = [{"role": "user", "content": "Q"}]
    first = await ask(server, False, model="an/claude-test", input=conversation, reasoning={"effort": "low"}, store=False)
    conversation += [item.model_dump(exclude_none=True) for item in first.output]
    conversation.append({"role": "user", "content": "And now?"})
    done = await ask(server, False, model=model, input=conversation, store=False)
    assert done.output_text == "B."
    assert b"omniroute" not in scripted_upstream.last.body
    assert b"Secret." not in scripted_upstream.last.body


async def test_encrypted_reasoning_travels_through_an_anthropic_client(
    server: Server, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Sum up.", signature="gAAA-enc"), CALLS[0]]), Script(answer="Done."))
    client = server.anthropic()
    tools: Any = [{"name": "get_weather", "input_schema": WEATHER}]
    messages: list[Any] = [{"role": "user", "content": "Weather?"}]
    thinking: Any = {"type": "enabled", "budget_tokens": 2000}
    async with client.messages.stream(
        model="re/gpt-test", max_tokens=4000, messages=messages, tools=tools, thinking=thinking
    ) as stream:
        first = await stream.get_final_message()
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "21 degrees"}]},
    ]
    await client.messages.create(model="re/gpt-test", max_tokens=4000, messages=messages, tools=tools, thinking=thinking)
    sent = scripted_upstream.last.json()
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert [item["type"] for item in sent["input"]] == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent["input"][1] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA-enc"}
    assert sent["tools"][0]["strict"] is False


class Answer(BaseModel):
    city: str
    degrees: int


@both_ways
@each_upstream
async def test_structured_output(server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer='{"city":"Köln","degrees":21}'))
    client = server.openai()
    if streaming:
        async with client.responses.stream(model=model, input="Weather?", text_format=Answer) as stream:
            done = await stream.get_final_response()
    else:
        done = await client.responses.parse(model=model, input="Weather?", text_format=Answer)
    assert done.output_parsed == Answer(city="Köln", degrees=21)
    assert '"degrees"' in json.dumps(scripted_upstream.last.json())


@both_ways
@pytest.mark.parametrize("model", ["oa/gpt-test", "an/claude-test"])
async def test_edge_059_060_custom_and_namespaced_tools(
    server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool
) -> None:
    patch = '*** Begin Patch\n+"quoted" \\ é\n*** End Patch'
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: LINE+"}
    tools: Any = [
        {"type": "custom", "name": "apply_patch", "description": "Edit files", "format": grammar},
        {"type": "namespace", "name": "files", "description": "Files", "tools": [{**TOOL, "name": "read"}]},
        {"type": "namespace", "name": "mail", "description": "Mail", "tools": [{**TOOL, "name": "read"}]},
        {"type": "local_shell"},
        {"type": "web_search"},
    ]
    answer = [
        ToolCall("apply_patch", {"input": patch}, id="c1"),
        ToolCall("mail__read", {"city": "x"}, id="c2"),
        ToolCall("local_shell", {"command": ["ls", "-l"], "workdir": "/tmp"}, id="c3"),
    ]
    scripted_upstream.queue(Script(answer=answer), Script(answer="Done."))
    conversation: list[Any] = [{"role": "user", "content": "Go."}]
    request = {"model": model, "tools": tools, "store": False}
    if streaming:
        stream = await server.openai().responses.create(**request, input=conversation, stream=True)
        done = [event async for event in stream][-1].response
    else:
        done = await server.openai().responses.create(**request, input=conversation)
    sent = json.dumps(scripted_upstream.last.json())
    assert "start: LINE+" in sent
    assert "files__read" in sent
    assert ('"type": "web_search_20250305"' in sent) is model.startswith("an/"), "carried where the vendor has one"
    assert sent.count("web_search") == (2 if model.startswith("an/") else 0), "never as a function"
    custom, named, shell = done.output
    assert (custom.type, custom.call_id, custom.name, custom.input) == ("custom_tool_call", "c1", "apply_patch", patch)
    assert (named.type, named.call_id, named.name, named.namespace) == ("function_call", "c2", "read", "mail")
    assert (shell.type, shell.call_id) == ("local_shell_call", "c3")
    assert (shell.action.command, shell.action.working_directory) == (["ls", "-l"], "/tmp")
    conversation += [item.model_dump(exclude_none=True) for item in done.output]
    conversation += [
        {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "patched"}]},
        {"type": "function_call_output", "call_id": "c2", "output": "mail"},
        {"type": "local_shell_call_output", "id": "c3", "output": '{"output":"files"}'},
    ]
    await server.openai().responses.create(**request, input=conversation)
    body = scripted_upstream.last.json()
    if model.startswith("oa/"):
        calls = body["messages"][1]["tool_calls"]
        assert [call["function"]["name"] for call in calls] == ["apply_patch", "mail__read", "local_shell"]
        assert json.loads(calls[0]["function"]["arguments"]) == {"input": patch}
        assert [message["content"] for message in body["messages"][2:]] == ["patched", "mail", '{"output":"files"}']
    else:
        uses = body["messages"][1]["content"]
        assert [use["name"] for use in uses] == ["apply_patch", "mail__read", "local_shell"]
        assert uses[2]["input"] == {"command": ["ls", "-l"], "workdir": "/tmp"}


@each_upstream
async def test_truncation_is_incomplete(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="One two", finish="length"), Script(answer="One two", finish="length"))
    whole = await server.openai().responses.create(model=model, input="Count.")
    stream = await server.openai().responses.create(model=model, input="Count.", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.incomplete"
    for response in (whole, last.response):
        assert response.status == "incomplete"
        assert response.incomplete_details.reason == "max_output_tokens"
        assert response.output_text == "One two"


@each_upstream
async def test_errors_have_the_dialects_envelope(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.default = Script(status=400, message="Your input is wrong", code="invalid_prompt")
    with pytest.raises(openai.BadRequestError) as caught:
        await server.openai().responses.create(model=model, input="x", stream=True)
    assert "Your input is wrong" in caught.value.message
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "invalid_request_error"


@each_upstream
async def test_an_error_in_the_stream_fails_the_response(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.default = Script(
        answer="One two three four five", fault=Fault.ERROR_IN_STREAM, fault_after=6, status=200, message="It broke"
    )
    stream = await server.openai().responses.create(model=model, input="x", stream=True)
    events = [event async for event in stream]
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.message == "It broke"
    assert events[0].response.id == events[-1].response.id


@pytest.mark.parametrize(
    ("fields", "param", "status"),
    [
        ({"conversation": "conv_1"}, "conversation", 400),
        ({"background": True}, "background", 400),
        ({"prompt": {"id": "p"}}, "prompt", 400),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type", 400),
        ({"input": [{"type": "message", "role": "robot", "content": "x"}]}, "input[0].role", 400),
        ({"previous_response_id": "resp_nowhere"}, "previous_response_id", 404),
    ],
)
async def test_what_only_openai_has_stored_is_refused(server: Server, fields: dict[str, Any], param: str, status: int) -> None:
    answer = await server.http.post("/v1/responses", json={"model": "an/claude-test", "input": "x", **fields})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@both_ways
async def test_openai_chat_sdk_against_responses(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("Looking."), *CALLS], usage=USAGE), Script(answer="Sunny."))
    client = server.openai()
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Weather?"}]
    request: dict[str, Any] = {"model": "re/gpt-test", "tools": tools, "max_tokens": 5, "stop": ["x"], "user": "u1"}
    if streaming:
        options = {"include_usage": True}
        async with client.chat.completions.stream(messages=messages, stream_options=options, **request) as stream:
            first = await stream.get_final_completion()
    else:
        first = await client.chat.completions.create(messages=messages, **request)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert (choice.message.content, choice.message.reasoning_content) == ("Looking.", "Hm.")
    assert [(call.id, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []] == [
        ("call_1", {"city": "Köln"}),
        ("call_2", {"city": "Bonn", "unit": "C"}),
    ]
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (100, 25)
    sent = scripted_upstream.last.json()
    assert (sent["instructions"], sent["max_output_tokens"], sent["safety_identifier"]) == ("Be kind.", 16, "u1")
    assert not {"stop", "max_tokens", "user", "stream_options", "messages"} & sent.keys()
    messages += [
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [call.model_dump(include={"id", "type", "function"}) for call in choice.message.tool_calls or []],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
        {"role": "tool", "tool_call_id": "call_2", "content": "22 degrees"},
    ]
    second = await client.chat.completions.create(messages=messages, **request)
    assert second.choices[0].message.content == "Sunny."
    items = scripted_upstream.last.json()["input"]
    assert [item["type"] for item in items] == [
        "message", "reasoning", "message", "function_call", "function_call", "function_call_output", "function_call_output",
    ]  # fmt: skip
    assert items[1]["encrypted_content"], "a Chat client cannot send it back, so it was remembered"
    assert items[2]["content"] == [{"type": "output_text", "text": "Looking.", "annotations": []}]
    assert [item["output"] for item in items[5:]] == ["21 degrees", "22 degrees"]


@both_ways
async def test_anthropic_sdk_against_responses(server: Server, scripted_upstream: ScriptedUpstream, streaming: bool) -> None:
    scripted_upstream.queue(Script(answer=[Text("Looking."), *CALLS], usage=USAGE))
    client = server.anthropic()
    request: dict[str, Any] = {
        "model": "re/gpt-test",
        "max_tokens": 100,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": "Weather?"}],
        "tools": [{"name": "get_weather", "input_schema": WEATHER}],
    }
    if streaming:
        async with client.messages.stream(**request) as stream:
            done = await stream.get_final_message()
    else:
        done = await client.messages.create(**request)
    assert done.stop_reason == "tool_use"
    assert [block.type for block in done.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in done.content[1:]] == [{"city": "Köln"}, {"city": "Bonn", "unit": "C"}]
    assert (done.usage.input_tokens, done.usage.cache_read_input_tokens, done.usage.output_tokens) == (36, 64, 25)


async def test_same_dialect_leaves_the_bytes_alone(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    body = b'{ "model" : "re/gpt-test",\n "input": [ {"type":"brand_new","x":1.50} ], "x_unknown":{"a":[ ]}, "store":false }'
    answer = await server.http.post("/v1/responses", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert scripted_upstream.last.body == body.replace(b"re/gpt-test", b"gpt-test")


async def test_images_and_files_reach_the_other_dialects(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    parts: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{pixel}", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]
    await server.openai().responses.create(model="an/claude-test", input=[{"role": "user", "content": parts}])
    content = scripted_upstream.last.json()["messages"][0]["content"]
    assert content[1] == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}
    assert (content[2]["type"], content[2]["title"]) == ("document", "a.pdf")
