"""Every official SDK at the APIs behind subscriptions, which refuse what the real ones refuse: tool loops, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from running.scenes import CALLS, TOLD, results_of, use_tools
from running.sdks import PIXEL, Chat, Client, Gemini, Messages, Ollama, Responses
from running.signed_in import sign_in
from upstream.script import Script, Text, Thinking, ToolCall
from upstream.vendors import IDENTITY, ClaudeDouble, CodexDouble, CopilotDouble, VendorDouble

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKENS = {"claude": "sk-ant-oat01-of-a-plan", "codex": "eyJ.of.aplan", "github": "tid=1;exp=2"}
FACTS = {
    "claude": {"account_id": "2f1c9f0e-aaaa-4bbb-8ccc-123456789012"},
    "codex": {"account_id": "workspace-7"},
    "github": {},
}
MODELS = {
    "cc/claude-sonnet-4-5-20250929": ("claude", "an"),
    "cc/claude-opus-4-6": ("claude", "an"),
    "cx/gpt-5.2": ("codex", "re"),
    "gh/gpt-5": ("github", "oa"),
    "gh/gpt-5-codex": ("github", "re"),
    "gh/claude-sonnet-4.5": ("github", "oa"),
}
CLIENTS = [Chat, Responses, Messages, Gemini, Ollama]
Doubles = dict[str, VendorDouble]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_doubles() -> AsyncIterator[Doubles]:
    made: Doubles = {
        "claude": ClaudeDouble(TOKENS["claude"]),
        "codex": CodexDouble(TOKENS["codex"]),
        "github": CopilotDouble(TOKENS["github"]),
    }
    async with made["claude"].run(), made["codex"].run(), made["github"].run():
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, all_doubles: Doubles) -> AsyncIterator[Server]:
    config = "".join(f'[providers.{name}]\nbase_url = "{double.url}"\n' for name, double in all_doubles.items())
    async with serving(tmp_path_factory.mktemp("vendors") / "data", config) as running:
        for name, token in TOKENS.items():
            sign_in(running, name, token, **FACTS[name])
        yield running


@pytest.fixture
def doubles(all_doubles: Doubles) -> Doubles:
    for double in all_doubles.values():
        double.reset()
        double.refused.clear()
    return all_doubles


each_model = pytest.mark.parametrize("model", MODELS)
each_client = pytest.mark.parametrize("client", CLIENTS)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


def dialect_at(model: str, client: type[Client]) -> str:
    """Claude models at Copilot are asked in the client's own dialect where they can be."""
    return "an" if model.startswith("gh/claude") and client is Messages else MODELS[model][1]


@both_ways
@each_client
@each_model
async def test_a_tool_loop(server: Server, doubles: Doubles, client: type[Client], model: str, streaming: bool) -> None:
    double = doubles[MODELS[model][0]]
    await use_tools(client(server, model, streaming), double)
    assert double.refused == []
    assert results_of(double.last.json(), dialect_at(model, client)) == TOLD


@each_client
@each_model
async def test_thinking_and_images(server: Server, doubles: Doubles, client: type[Client], model: str) -> None:
    double = doubles[MODELS[model][0]]
    double.queue(Script(answer=[Thinking("First, add. "), Text("4")]), Script(answer="One pixel."))
    talk = client(server, model, True)
    assert (await talk.say("Two and two?", think=True)).text == "4"
    assert (await talk.say("What is this?", image=True)).text == "One pixel."
    assert double.refused == []
    assert PIXEL in json.dumps(double.last.json()).translate({ord("-"): "+", ord("_"): "/"})


# -- what each of them wants -------------------------------------------------------------------------------------------


async def test_claude_sees_its_own_client_and_the_callers_system_behind_it(server: Server, doubles: Doubles) -> None:
    claude = doubles["claude"]
    api = server.anthropic().messages
    marked: Any = [
        {"type": "text", "text": f"part {n}", "cache_control": {"type": "ephemeral"}} for n in range(6)
    ]  # two more than are taken
    await api.create(
        model="cc/claude-opus-4-6",
        max_tokens=9,
        system=marked,
        messages=[{"role": "user", "content": "Hi"}],
        extra_headers={"anthropic-beta": "context-1m-2025-08-07,oauth-2025-04-20"},
    )
    assert claude.refused == []
    body = claude.last.json()
    assert body["system"][0] == {"type": "text", "text": IDENTITY}
    assert [block["text"] for block in body["system"][1:]] == [f"part {n}" for n in range(6)]
    assert ["cache_control" in block for block in body["system"]] == [False, False, False, True, True, True, True]
    account = FACTS["claude"]["account_id"]
    assert f"_account_{account}_session_" in body["metadata"]["user_id"]
    betas = (claude.last.header("anthropic-beta") or "").split(",")
    assert betas[-1] == "context-1m-2025-08-07"
    assert "claude-code-20250219" in betas
    assert claude.last.header("authorization") == f"Bearer {TOKENS['claude']}"


@both_ways
async def test_tools_named_like_claudes_own_come_back_under_their_names(
    server: Server, doubles: Doubles, streaming: bool
) -> None:
    claude = doubles["claude"]
    claude.default = lambda received: Script(
        answer=ToolCall(received.json()["tools"][0]["name"], {"command": "ls"}, id="toolu_1")
    )
    tool: Any = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}
    options: Any = {
        "model": "cc/claude-opus-4-6",
        "max_tokens": 9,
        "tools": [tool],
        "messages": [{"role": "user", "content": "ls"}],
    }
    try:
        api = server.anthropic().messages
        if streaming:
            async with api.stream(**options) as stream:
                done = await stream.get_final_message()
        else:
            done = await api.create(**options)
    finally:
        claude.default = Script()
    assert claude.refused == []
    assert claude.last.json()["tools"][0]["name"] != "Bash"
    (call,) = done.content
    assert (call.type, call.name, call.input) == ("tool_use", "Bash", {"command": "ls"})


async def test_tokens_are_counted_as_claude_wants_to_be_asked(server: Server, doubles: Doubles) -> None:
    claude = doubles["claude"]
    counted = await server.anthropic().messages.count_tokens(
        model="cc/claude-opus-4-6", messages=[{"role": "user", "content": "Hi"}]
    )
    assert claude.refused == []
    assert claude.last.path == "/v1/messages/count_tokens"
    assert counted.input_tokens == 42


async def test_codex_is_told_the_conversation_and_the_workspace(server: Server, doubles: Doubles) -> None:
    codex = doubles["codex"]
    talk = Chat(server, "cx/gpt-5.2", False)
    await talk.say("Hi")
    first = codex.last
    await talk.say("And again")
    assert codex.refused == []
    assert first.header("session_id") == codex.last.header("session_id") == codex.last.json()["prompt_cache_key"]
    await Chat(server, "cx/gpt-5.2", False).say("Another talk")
    assert codex.last.header("session_id") != first.header("session_id")
    assert codex.last.header("chatgpt-account-id") == "workspace-7"
    assert codex.last.header("originator") == "codex_cli_rs"


async def test_codex_gets_no_stored_things_and_keeps_encrypted_reasoning(server: Server, doubles: Doubles) -> None:
    codex = doubles["codex"]
    history: Any = [
        {"type": "item_reference", "id": "rs_gone"},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Ho", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c" * 80, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c" * 80, "output": "done"},
        {"type": "function_call", "call_id": "open", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "orphan", "output": "lost"},
    ]
    done = await server.openai().responses.create(
        model="cx/gpt-5.2",
        input=history,
        temperature=0.3,
        max_output_tokens=99,
        service_tier="flex",
        metadata={"a": "b"},
        tools=[{"type": "web_search_preview"}],
        store=False,
    )
    assert codex.refused == []
    assert done.output_text == "Hello from upstream."
    items = codex.last.json()["input"]
    assert [item.get("role") for item in items[:2]] == ["developer", "user"]
    assert [item["encrypted_content"] for item in items if item.get("type") == "reasoning"] == ["sealed"]
    assert "lost" in json.dumps(items)
    assert codex.last.json()["tools"] == [{"type": "web_search"}]


async def test_a_text_is_an_input_and_the_stream_ends_with_its_output(server: Server, doubles: Doubles) -> None:
    codex = doubles["codex"]
    async with server.openai().responses.stream(model="cx/gpt-5.2", input="Hi", store=False) as stream:
        done = await stream.get_final_response()
    assert codex.refused == []
    assert done.output_text == "Hello from upstream."


async def test_an_earlier_response_is_ours_or_nobodys(server: Server, doubles: Doubles) -> None:
    codex = doubles["codex"]
    api = server.openai().responses
    first = await api.create(model="cx/gpt-5.2", input="My name is Ada.")
    second = await api.create(model="cx/gpt-5.2", input="Who am I?", previous_response_id=first.id)
    assert second.output_text == "Hello from upstream."
    assert "My name is Ada." in json.dumps(codex.last.json()["input"])
    with pytest.raises(openai.NotFoundError, match="not found"):
        await api.create(model="cx/gpt-5.2", input="Who am I?", previous_response_id="resp_of_nobody")
    assert codex.refused == []


async def test_compaction_is_the_vendors_own_where_it_has_one(server: Server, doubles: Doubles) -> None:
    codex = doubles["codex"]
    answer = await server.http.post("/v1/responses/compact", json={"model": "cx/gpt-5.2", "input": "A long talk", "store": False})
    assert codex.refused == []
    assert answer.json() == codex.compacted
    assert codex.last.path == "/codex/responses/compact"
    rows = await server.usage()
    assert (rows[-1].input_tokens, rows[-1].output_tokens) == (9, 3)


async def test_copilot_knows_people_from_agents(server: Server, doubles: Doubles) -> None:
    copilot = doubles["github"]
    copilot.queue(Script(answer=CALLS[0]))
    talk = Chat(server, "gh/gpt-5", False)
    await talk.say("Weather?", tools=True)
    assert copilot.last.header("x-initiator") == "user"
    await talk.answer(["21 degrees"])
    assert copilot.last.header("x-initiator") == "agent"
    await talk.say("Thanks")
    assert copilot.last.header("x-initiator") == "user"
    assert copilot.refused == []


async def test_copilot_is_asked_where_the_model_is(server: Server, doubles: Doubles) -> None:
    copilot = doubles["github"]
    paths = {}
    for client, model in (
        (Chat, "gpt-5"),
        (Messages, "gpt-5-codex"),
        (Chat, "claude-sonnet-4.5"),
        (Messages, "claude-sonnet-4.5"),
    ):
        await client(server, f"gh/{model}", False).say("Hi")
        paths[client.__name__, model] = copilot.last.path
    assert copilot.refused == []
    assert paths == {
        ("Chat", "gpt-5"): "/chat/completions",
        ("Messages", "gpt-5-codex"): "/responses",
        ("Chat", "claude-sonnet-4.5"): "/chat/completions",
        ("Messages", "claude-sonnet-4.5"): "/v1/messages",
    }


async def test_reasoning_of_the_history_is_not_sent_to_copilot(server: Server, doubles: Doubles) -> None:
    copilot = doubles["github"]
    said: Any = {"role": "assistant", "content": "Ho", "reasoning_content": "hm", "reasoning_opaque": "x"}
    await server.openai().chat.completions.create(
        model="gh/gpt-5", messages=[{"role": "user", "content": "Hi"}, said, {"role": "user", "content": "Go on"}]
    )
    assert copilot.refused == []
    assert copilot.last.json()["messages"][1] == {"role": "assistant", "content": "Ho"}


async def test_explanations_know_of_logins(server: Server, doubles: Doubles) -> None:
    told = await server.http.post(
        "/api/translator/explain",
        json={"format": "openai_chat", "body": {"model": "cc/claude-opus-4-6", "messages": [{"role": "user", "content": "Hi"}]}},
        headers={"authorization": f"Bearer {server.app.services.admin_token}"},
    )
    assert told.status_code == 200, told.text
    assert "preamble" in [op["rule"] for op in told.json()["operations"]]
    assert told.json()["body"]["system"] == [{"type": "text", "text": IDENTITY}]
    assert all(double.requests == [] for double in doubles.values())
