"""Responses that go on from earlier ones, over upstreams that remember nothing."""

from __future__ import annotations

import openai
import pytest

from omniroute.core.ids import FakeClock
from omniroute.gateway.conversations import Conversations
from omniroute.translation.formats.openai_responses.history import Stored
from running.fixtures import Server, Start, nodes
from upstream.script import Script, ToolCall
from upstream.server import ScriptedUpstream

MODELS = ["oa/m", "an/m"]
TOOL: dict[str, object] = {
    "type": "function",
    "name": "clock",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", MODELS)
async def test_a_request_goes_on_from_the_last_response(
    server: Server, scripted_upstream: ScriptedUpstream, model: str, streaming: bool
) -> None:
    client = server.openai()
    scripted_upstream.queue(Script(answer="I am fine."), Script(answer="You asked how I am."))
    if streaming:
        async with client.responses.stream(model=model, input="How are you?") as stream:
            first = await stream.get_final_response()
    else:
        first = await client.responses.create(model=model, input="How are you?")
    assert first.output_text == "I am fine."
    second = await client.responses.create(model=model, input="What did I ask?", previous_response_id=first.id)
    assert second.output_text == "You asked how I am."
    said = [(m["role"], str(m["content"])) for m in scripted_upstream.last.json()["messages"]]
    assert [role for role, _ in said] == ["user", "assistant", "user"]
    assert all(words in text for words, (_, text) in zip(["How are you?", "I am fine.", "What did I ask?"], said, strict=True))


@pytest.mark.parametrize("model", MODELS)
async def test_a_tool_result_finds_its_call(server: Server, scripted_upstream: ScriptedUpstream, model: str) -> None:
    client = server.openai()
    scripted_upstream.queue(Script(answer=ToolCall("clock", {}, id="call_7")), Script(answer="Half past three."))
    first = await client.responses.create(model=model, input="What time is it?", tools=[TOOL])  # type: ignore[list-item]
    (call,) = [item for item in first.output if item.type == "function_call"]
    second = await client.responses.create(
        model=model,
        tools=[TOOL],  # type: ignore[list-item]
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "15:30"}],
        previous_response_id=first.id,
    )
    assert second.output_text == "Half past three."
    assert "15:30" in str(scripted_upstream.last.json()["messages"][-1])


async def test_kept_responses_are_shown_and_forgotten(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    client = server.openai()
    made = await client.responses.create(model="oa/m", input="Remember me")
    assert (await client.responses.retrieve(made.id)).output_text == made.output_text
    items = [item async for item in client.responses.input_items.list(made.id)]
    assert "Remember me" in str(items)
    await client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.responses.create(model="oa/m", input="x", previous_response_id=made.id)
    assert unknown.value.code == "previous_response_not_found"


async def test_nothing_is_kept_that_the_client_does_not_want_kept(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    made = await server.openai().responses.create(model="oa/m", input="Forget me", store=False)
    answer = await server.http.get(f"/v1/responses/{made.id}")
    assert answer.status_code == 404
    assert server.app.gateway.conversations.describe()["responses"] == 0


async def test_a_response_belongs_to_its_key(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server: Server = await start(nodes(scripted_upstream))
    _, mine = await server.app.installation.keys.create("mine")
    _, other = await server.app.installation.keys.create("other")
    await server.app.installation.reload()
    made = await server.openai(mine).responses.create(model="oa/m", input="Mine")
    assert (await server.openai(mine).responses.retrieve(made.id)).id == made.id
    with pytest.raises(openai.NotFoundError):
        await server.openai(other).responses.retrieve(made.id)


def kept(name: str, size: int = 10) -> Stored:
    return Stored(id=name, response=b"x" * size, input=b"", output=b"")


def test_the_store_is_bounded_in_number_size_and_time() -> None:
    clock = FakeClock()
    store = Conversations(clock, entries=3, size=100, lifetime=60)
    for name in "abcd":
        store.put(None, kept(name))
    assert store.find(None, "a") is None
    assert store.find(None, "b") is not None
    store.put(None, kept("e", 25))
    store.put(None, kept("f", 26))
    assert store.find(None, "f") is None, "larger than a quarter of the whole"
    assert store.describe()["bytes"] <= 100
    assert store.find(None, "b") is not None, "used last, so it outlives c"
    clock.advance(61)
    assert store.find(None, "b") is None
