"""The built-in wire, asked the way the pipeline asks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.core.errors import BadAnswer
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Call
from omniroute.upstream.wires import registry
from omniroute.upstream.wires.builtin import BuiltinReply, BuiltinTransport

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "time"}}


class Sleeps:
    """Records instead of sleeping."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


async def send(
    request: Any, transport: BuiltinTransport | None = None, url: str = "builtin://demo/chat/completions"
) -> BuiltinReply:
    body = request if isinstance(request, bytes) else json.dumps({"model": "echo", **request}).encode()
    transport = transport or BuiltinTransport(clock=FakeClock(), sleep=Sleeps())
    return await transport.send(Call(method="POST", url=url, headers=[], body=body))


async def finished(request: Any, transport: BuiltinTransport | None = None) -> dict[str, Any]:
    reply = await send(request, transport)
    answer: dict[str, Any] = json.loads(await reply.read(1_000_000))
    await reply.close()
    return answer


async def streamed(request: dict[str, Any], transport: BuiltinTransport | None = None) -> list[dict[str, Any]]:
    reply = await send({**request, "stream": True}, transport)
    assert (reply.status, reply.header("Content-Type")) == (200, "text/event-stream")
    events = [chunk async for chunk in reply.chunks()]
    await reply.close()
    assert events.pop() == b"data: [DONE]\n\n"
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": content}]}


async def test_echo_says_it_back() -> None:
    answer = await finished(user("Grüezi  mitenand,\nwie goots?"))
    assert answer["choices"][0]["message"]["content"] == "Grüezi  mitenand,\nwie goots?"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["object"] == "chat.completion"
    assert answer["created"] == 1_800_000_000
    usage = answer["usage"]
    assert min(usage.values()) > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_a_stream_goes_word_by_word() -> None:
    events = await streamed(user("one two  three "))
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "one"},
        {"content": " two"},
        {"content": "  three"},
        {"content": " "},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * 5 + ["stop"]
    assert len({(event["id"], event["model"], event["created"]) for event in events}) == 1
    assert all("usage" not in event for event in events)


async def test_usage_is_streamed_when_asked_for() -> None:
    events = await streamed({**user("one two"), "stream_options": {"include_usage": True}})
    assert [event["usage"] for event in events[:-1]] == [None] * (len(events) - 1)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == (await finished(user("one two")))["usage"] | events[-1]["usage"]
    assert events[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}], "look [image]"),
        ([{"type": "input_audio", "input_audio": {}}, {"type": "file", "file": {}}], "[audio] [file]"),
        ("", "Say something and I will say it back."),
        (None, "Say something and I will say it back."),
    ],
)
async def test_what_is_said_of_other_content(content: Any, said: str) -> None:
    assert (await finished(user(content)))["choices"][0]["message"]["content"] == said


async def test_the_last_user_message_counts() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "second"},
    ]
    assert (await finished({"messages": messages}))["choices"][0]["message"]["content"] == "second"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_output_limit_is_kept(field: str) -> None:
    text = " ".join(f"word{i}" for i in range(200))
    answer = await finished({**user(text), field: 20})
    assert answer["choices"][0]["finish_reason"] == "length"
    assert text.startswith(answer["choices"][0]["message"]["content"])
    assert 0 < answer["usage"]["completion_tokens"] <= 20
    enough = await finished({**user(text), field: 5000})
    assert enough["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("text", "extra", "name"),
    [
        ("please use a tool", {}, "get_weather"),
        ("any tools?", {}, "get_weather"),
        ("call CLOCK now", {}, "clock"),
        ("hello", {"tool_choice": "required"}, "get_weather"),
        ("hello", {"tool_choice": {"type": "function", "function": {"name": "clock"}}}, "clock"),
        ("hello", {}, None),
        ("toolbox", {}, None),
        ("please use a tool", {"tool_choice": "none"}, None),
        ("hello", {"tool_choice": {"type": "function", "function": {"name": "missing"}}}, None),
    ],
)
async def test_when_a_tool_is_called(text: str, extra: dict[str, Any], name: str | None) -> None:
    choice = (await finished({**user(text), "tools": [WEATHER, CLOCK], **extra}))["choices"][0]
    calls = choice["message"].get("tool_calls")
    assert (calls[0]["function"]["name"] if calls else None) == name
    assert choice["finish_reason"] == ("tool_calls" if name else "stop")
    assert (choice["message"]["content"] is None) is (name is not None)


async def test_a_call_has_valid_arguments_and_streams_in_two_parts() -> None:
    request = {**user("use a tool"), "tools": [WEATHER]}
    whole = (await finished(request))["choices"][0]["message"]["tool_calls"][0]
    assert json.loads(whole["function"]["arguments"]) == {"city": "example"}
    assert whole["type"] == "function"
    deltas = [event["choices"][0]["delta"] for event in await streamed(request)]
    first, second = deltas[1]["tool_calls"][0], deltas[2]["tool_calls"][0]
    assert (first["index"], first["function"]) == (0, {"name": "get_weather", "arguments": ""})
    assert first["id"]
    assert second == {"index": 0, "function": {"arguments": '{"city":"example"}'}}
    assert deltas[3] == {}


async def test_a_reminder_behind_the_users_words_does_not_hide_them() -> None:
    messages = [{"role": "user", "content": "use a tool"}, {"role": "system", "content": "Keep to the plan."}]
    choice = (await finished({"messages": messages, "tools": [CLOCK]}))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"


async def test_after_a_tool_result_it_answers_with_it() -> None:
    messages = [
        {"role": "user", "content": "use a tool"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "half past three"}]},
    ]
    choice = (await finished({"messages": messages, "tools": [CLOCK], "tool_choice": "required"}))["choices"][0]
    assert "half past three" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"


async def test_json_answers() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = (await finished({**user("hi"), "response_format": wanted}))["choices"][0]["message"]["content"]
    assert json.loads(text) == {"n": 5}
    text = (await finished({**user('say "hi"'), "response_format": {"type": "json_object"}}))["choices"][0]["message"]["content"]
    assert json.loads(text) == {"echo": 'say "hi"'}


async def test_slow_takes_its_time() -> None:
    sleeps = Sleeps()
    transport = BuiltinTransport(clock=FakeClock(), sleep=sleeps)
    events = await streamed({**user("one two three"), "model": "slow"}, transport)
    assert len(events) == 5
    assert sleeps.taken == [0.0, 2.0, 0.2, 0.2, 0.2]
    sleeps.taken.clear()
    await finished({**user("one two three"), "model": "slow"}, transport)
    assert sleeps.taken == [2.4]


async def test_error_429() -> None:
    reply = await send({**user("hi"), "model": "error-429", "stream": True})
    assert (reply.status, reply.header("retry-after")) == (429, "30")
    error = json.loads(await reply.read(10_000))["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({**user("hi"), "model": "gpt-99"}, 404),
        ({**user("hi"), "model": 7}, 404),
        ({"messages": []}, 400),
        ({"messages": "hi"}, 400),
        ({}, 400),
        (b"not json", 400),
        (b"[]", 400),
    ],
)
async def test_wrong_requests(request_: Any, status: int) -> None:
    reply = await send(request_)
    assert reply.status == status
    assert json.loads(await reply.read(10_000))["error"]["message"]


@pytest.mark.parametrize(
    "messages", [["hi"], [{"role": "user"}], [{"content": 7}], [{"role": "user", "content": [1, None, {"type": 3}]}]]
)
async def test_odd_messages_do_no_harm(messages: Any) -> None:
    answer = await finished(
        {"messages": messages, "tools": ["x", {"function": 3}], "stream_options": 7, "response_format": "json"}
    )
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_models_are_listed() -> None:
    reply = await send(b"", url="builtin://demo/models")
    assert [model["id"] for model in json.loads(await reply.read(10_000))["data"]] == ["echo", "slow", "error-429"]


async def test_it_keeps_count_of_open_replies() -> None:
    transport = BuiltinTransport(clock=FakeClock(), sleep=Sleeps())
    reply = await send({**user("one two"), "stream": True}, transport)
    assert transport.describe() == {"origins": {"builtin": {"open": 1, "idle": 0, "busy": 1}}}
    await anext(reply.chunks())
    await reply.close()
    await reply.close()
    assert transport.describe() == {"origins": {"builtin": {"open": 0, "idle": 0, "busy": 0}}}
    await transport.close()


async def test_the_read_limit() -> None:
    reply = await send(user("hello"))
    with pytest.raises(BadAnswer):
        await reply.read(10)


def test_wires_are_registered() -> None:
    assert {"http", "builtin"} <= set(registry().names())
    for wire in registry():
        assert callable(wire.make)
