"""Conversations that the tests of every provider have: what its double answers, and what the client must make of it."""

from __future__ import annotations

import json
from typing import Any, Protocol

import anthropic
import pytest

from running.fixtures import Server
from running.sdks import Capital, Client
from upstream.script import Script, Text, ToolCall

CALLS = [ToolCall("get_weather", {"city": "Köln"}, id="call_1"), ToolCall("get_weather", {"city": "Bonn"}, id="call_2")]
TOLD = [({"city": "Köln"}, "21 degrees"), ({"city": "Bonn"}, "22 degrees")]
"""Arguments and result of each call, as the upstream must learn of them."""


class Double(Protocol):
    def queue(self, *scripts: Script) -> None: ...


async def use_tools(talk: Client, double: Double) -> None:
    """Two calls at once, and an answer made of both results."""
    double.queue(Script(answer=[Text("Looking."), *CALLS]), Script(answer="Sunny in both."))
    first = await talk.say("Weather in Köln and Bonn?", tools=True)
    assert (first.text, first.calls) == ("Looking.", [(call.name, call.arguments) for call in CALLS])
    second = await talk.answer([result for _, result in TOLD])
    assert (second.text, second.calls) == ("Sunny in both.", [])


async def fill_in_a_form(talk: Client, double: Double) -> None:
    """Structured output, read by the SDK itself."""
    double.queue(Script(answer='{"capital_city": "Oslo", "inhabitants": 700000}'))
    formed = await talk.say("Capital of Norway, as JSON?", form=Capital)
    assert formed.parsed == Capital(capital_city="Oslo", inhabitants=700000)


async def look_at_an_image(talk: Client, double: Double) -> None:
    double.queue(Script(answer="One pixel."))
    assert (await talk.say("What is this?", image=True)).text == "One pixel."


async def break_off(server: Server, double: Double, model: str, broken: Script) -> None:
    """An answer that says ``Half an`` and fails: what was said stands, the error follows; a whole answer is not given at all."""
    asked: Any = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
    double.queue(broken, broken)
    with pytest.raises(anthropic.APIStatusError):
        async with server.anthropic().messages.stream(**asked) as stream:
            assert [text async for text in stream.text_stream] == ["Half an"]
    with pytest.raises(anthropic.APIStatusError):
        await server.anthropic().messages.create(**asked)


async def lose_the_connection(server: Server, double: Double, model: str, broken: Script) -> None:
    """``broken`` never comes to its end, and the client learns it."""
    double.queue(broken)
    with pytest.raises(anthropic.APIStatusError):
        async with server.anthropic().messages.stream(
            model=model, max_tokens=50, messages=[{"role": "user", "content": "Hi"}]
        ) as stream:
            await stream.get_final_message()


def results_of(body: dict[str, Any], dialect: str) -> list[tuple[Any, str]]:
    """What the upstream learns of each call: arguments and result, paired as its dialect pairs them."""
    if dialect == "re":
        calls = [item for item in body["input"] if item.get("type") == "function_call"]
        outputs = {item["call_id"]: item["output"] for item in body["input"] if item.get("type") == "function_call_output"}
        return [(json.loads(call["arguments"]), outputs[call["call_id"]]) for call in calls]
    if dialect == "ge":
        parts = [part for content in body["contents"] for part in content["parts"]]
        asked = [part["functionCall"]["args"] for part in parts if "functionCall" in part]
        told = [part["functionResponse"]["response"]["output"] for part in parts if "functionResponse" in part]
        return list(zip(asked, told, strict=True))
    messages = body["messages"]
    if dialect == "an":
        blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
        contents = {block["tool_use_id"]: block["content"] for block in blocks if block["type"] == "tool_result"}
        return [(block["input"], contents[block["id"]]) for block in blocks if block["type"] == "tool_use"]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    results = [message for message in messages if message["role"] == "tool"]
    if dialect == "ol":
        pairs = zip(calls, results, strict=True)
        return [(call["function"]["arguments"], result["content"]) for call, result in pairs]
    told_by_id = {result["tool_call_id"]: result["content"] for result in results}
    return [(json.loads(call["function"]["arguments"]), told_by_id[call["id"]]) for call in calls]
