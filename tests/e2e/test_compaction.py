"""Conversations in short: the route of its own (older Codex, the SDK), the closing item (newer Codex), and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from running.fixtures import Server
from upstream.script import Script, Usage
from upstream.server import ScriptedUpstream

ALL = ["oa/m", "an/m", "re/m", "ge/m", "ol/m"]
HISTORY: list[Any] = [
    {"role": "user", "content": "Rename foo to bar."},
    {"type": "function_call", "call_id": "c1", "name": "grep", "arguments": '{"word":"foo"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "a.py:1: foo"},
    {"role": "assistant", "content": "Found it."},
]
TOOL: Any = {"type": "function", "name": "grep", "parameters": {"type": "object", "properties": {}}, "strict": False}


@pytest.mark.parametrize("model", ALL)
async def test_the_sdk_compacts_and_goes_on(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    scripted_upstream.queue(Script(answer="Renaming foo; seen in a.py.", usage=Usage(input=90, output=7)), Script(answer="Done."))
    api = server.openai().responses
    short = await api.compact(model=model, input=HISTORY, instructions="Be brief.")  # type: ignore[arg-type]
    assert (short.object, short.usage.input_tokens, short.usage.output_tokens) == ("response.compaction", 90, 7)
    assert [item.type for item in short.output] == ["message", "compaction"]
    asked = str(scripted_upstream.last.json())
    assert "a.py:1: foo" in asked, "the model sees all it is to sum up"
    assert "handover" in asked

    again: Any = [item.model_dump(exclude_none=True, warnings=False) for item in short.output]
    done = await api.create(model=model, input=[*again, {"role": "user", "content": "Go on."}])
    assert done.output_text == "Done."
    sent = str(scripted_upstream.last.json())
    assert "Renaming foo; seen in a.py." in sent, "the next request holds the summary as text"
    assert "a.py:1: foo" not in sent
    assert "omniroute.v1." not in sent


@pytest.mark.parametrize("model", ["oa/m", "an/m", "ge/m", "ol/m"])
async def test_a_closing_item_is_answered_with_one_compaction(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    """Codex gives up unless the stream holds exactly one such item."""
    scripted_upstream.queue(Script(answer="Short."))
    items = [*HISTORY, {"type": "compaction_trigger"}]
    stream = await server.openai().responses.create(model=model, input=items, tools=[TOOL], stream=True, store=False)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.type for item in done] == ["compaction"]
    assert events[-1].type == "response.completed"
    assert events[-1].response.id
    whole = await server.openai().responses.create(model=model, input=items, tools=[TOOL])
    assert [item.type for item in whole.output] == ["compaction"]


async def test_a_provider_that_speaks_the_dialect_gets_the_closing_item(
    server: Server, scripted_upstream: ScriptedUpstream
) -> None:
    items: list[Any] = [*HISTORY, {"type": "compaction_trigger"}]
    await server.openai().responses.create(model="re/m", input=items)
    assert scripted_upstream.last.json()["input"] == items


async def test_a_cut_summary_is_an_error(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer="Half of", finish="length"))
    answer = await server.http.post("/v1/responses/compact", json={"model": "oa/m", "input": HISTORY})
    assert answer.status_code == 502
    assert "summary" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/responses/compact", "/v1/responses/compact"])
async def test_mistakes_name_the_field(server: Server, path: str) -> None:
    answer = await server.http.post(path, json={"model": "oa/m"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")


@pytest.mark.parametrize("model", ALL)
async def test_the_sdk_counts_input_tokens(server: Server, model: str) -> None:
    api = server.openai().responses
    counted = await api.input_tokens.count(model=model, input="Hello there", instructions="Be brief.")
    assert counted.object == "response.input_tokens"
    assert 3 <= counted.input_tokens <= 30
    more = await api.input_tokens.count(model=model, input="Hello there " * 50)
    assert more.input_tokens > counted.input_tokens


async def test_counting_goes_on_from_an_earlier_response(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer="word " * 200))
    api = server.openai().responses
    first = await api.create(model="oa/m", input="Say it two hundred times.")
    counted = await api.input_tokens.count(model="oa/m", input="Again.", previous_response_id=first.id)
    assert counted.input_tokens > 150
