"""What translation owes across formats, over real sockets: explanations, strictness, remembered reasoning, fetched files, free-form
tools, tagged thinking, several choices, and the context window."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from uvicorn import Config
from uvicorn import Server as Uvicorn

from running.fixtures import Server, Start, nodes
from upstream.gemini_dialect import CALL_SIGNATURE
from upstream.script import Fault, Script, Text, Thinking, ToolCall
from upstream.server import Received, ScriptedUpstream

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 24
BOTH_WAYS = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS1zY3JpcHQ="


async def ask(server: Server, model: str, messages: list[Any] | str = "hi", **fields: Any) -> dict[str, Any]:
    """A Chat answer, streamed or not, as one message with ``finish_reason`` and ``usage``."""
    given = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    client = server.openai()
    if not fields.pop("streaming", False):
        whole = await client.chat.completions.create(model=model, messages=given, **fields)
        choice = whole.choices[0]
        return {**choice.message.model_dump(exclude_none=True), "finish_reason": choice.finish_reason}
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    stream = await client.chat.completions.create(model=model, messages=given, stream=True, **fields)
    async for chunk in stream:
        for piece in chunk.choices:
            delta = piece.delta.model_dump(exclude_none=True)
            message["finish_reason"] = piece.finish_reason or message.get("finish_reason")
            message["content"] += delta.get("content", "")
            message["reasoning_content"] += delta.get("reasoning_content", "")
            for call in delta.get("tool_calls", ()):
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append({key: value for key, value in call.items() if key != "index"})
                else:
                    kind = message["tool_calls"][call["index"]]["type"]
                    for key, text in call[kind].items():
                        message["tool_calls"][call["index"]][kind][key] += text
    return message


def turn(message: dict[str, Any], *, rename: Any = lambda call_id: call_id) -> list[dict[str, Any]]:
    """The history of one tool turn as a plain Chat client sends it: no reasoning, ids through ``rename``."""
    calls = [{**call, "id": rename(call["id"])} for call in message["tool_calls"]]
    return [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": message.get("content") or None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call["id"], "content": "seen"} for call in calls),
    ]


# -- explain and strict ------------------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_operations_are_counted_for_those_who_ask(server: Server, streaming: bool) -> None:
    body = {"model": "an/m", "stream": streaming, "seed": 1, "n": 1, "messages": [{"role": "user", "content": "hi"}]}
    plain = await server.http.post("/v1/chat/completions", json=body)
    assert "x-omniroute-ops" not in plain.headers
    asked = await server.http.post("/v1/chat/completions", json=body, headers={"X-OmniRoute-Explain": "true"})
    assert asked.headers["x-omniroute-ops"] == "3", "seed and n dropped, max_tokens added"
    same = await server.http.post("/v1/chat/completions", json={**body, "model": "oa/m"}, headers={"X-OmniRoute-Explain": "true"})
    assert int(same.headers["x-omniroute-ops"]) >= 1


async def test_strict_translation_names_the_field(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_STRICT_TRANSLATION="true")
    body = {"model": "an/m", "logprobs": True, "messages": [{"role": "user", "content": "hi"}]}
    refused = await server.http.post("/v1/chat/completions", json=body)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "logprobs"
    assert refused.json()["error"]["code"] == "lossy_translation"
    assert not scripted_upstream.requests
    fine = await server.http.post("/v1/chat/completions", json={**body, "logprobs": None, "seed": 1})
    assert fine.status_code == 200
    assert int(fine.headers["x-omniroute-ops"]) >= 1, "always there when collected"


async def test_the_admin_api_explains_without_calling_anybody(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    headers = {"authorization": f"Bearer {server.app.services.admin_token}"}
    body = {"max_tokens": 5, "top_k": 3, "messages": [{"role": "user", "content": "hi"}]}
    asked = {"format": "anthropic", "model": "oa/x", "body": body}
    answer = await server.http.post("/api/translator/explain", json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert {"rule": "field-unsupported", "pointer": "/top_k", "action": "dropped", "detail": "", "lossy": False} in found[
        "operations"
    ]
    assert (found["body"]["model"], found["upstream_format"], found["lossy"]) == ("x", "openai_chat", False)
    assert not scripted_upstream.requests
    wrong = await server.http.post("/api/translator/explain", json={**asked, "format": "morse"}, headers=headers)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "format")
    assert (await server.http.post("/api/translator/explain", json=asked)).status_code == 401


# -- reasoning across turns --------------------------------------------------------------------------------------------


@BOTH_WAYS
@pytest.mark.parametrize("rename", [lambda i: i, lambda i: i.replace("_", "")], ids=["ids-kept", "underscores-stripped"])
async def test_signed_thinking_comes_back_for_chat_clients(
    server: Server, scripted_upstream: ScriptedUpstream, streaming: bool, rename: Any
) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), ToolCall("look", {"a": 1}, id="toolu_01_x"), ToolCall("look", {})]))
    options: dict[str, Any] = {"tools": [TOOL], "reasoning_effort": "low", "max_tokens": 3000}
    first = await ask(server, "an/m", streaming=streaming, **options)
    await ask(server, "an/m", turn(first, rename=rename), **options)
    sent = scripted_upstream.last.json()
    assert sent["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE}
    assert sent["thinking"]["type"] == "enabled", "with its proof the loop may go on thinking"
    await ask(server, "oa/m", turn(first, rename=rename), **options)
    assert SIGNATURE not in scripted_upstream.last.body.decode(), "another vendor never sees it"


async def test_reasoning_is_not_shared_between_keys(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream))
    keys = [(await server.app.installation.keys.create(name))[1] for name in ("one", "two")]
    await server.app.installation.reload()
    scripted_upstream.queue(Script(answer=[Thinking("Secret."), ToolCall("look", {}, id="toolu_1")]))
    body = {"model": "an/m", "tools": [TOOL], "messages": [{"role": "user", "content": "hi"}]}
    one, two = ({"authorization": f"Bearer {key}"} for key in keys)
    message = (await server.http.post("/v1/chat/completions", json=body, headers=one)).json()["choices"][0]["message"]
    for headers, known in ((two, False), (one, True)):
        await server.http.post("/v1/chat/completions", json={**body, "messages": turn(message)}, headers=headers)
        assert ("Secret." in scripted_upstream.last.body.decode()) is known


async def test_a_turn_without_calls_is_found_by_its_text(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Deep."), Text("Forty-two. ")]))
    first = await ask(server, "an/m")
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": first["content"].strip()},
        {"role": "user", "content": "?"},
    ]
    await ask(server, "an/m", history)
    assert scripted_upstream.last.json()["messages"][1]["content"][0]["thinking"] == "Deep."


@BOTH_WAYS
async def test_edge_81_reasoning_that_is_demanded_back_is_replayed(
    start: Start, scripted_upstream: ScriptedUpstream, streaming: bool
) -> None:
    server = await start(nodes(scripted_upstream, "quirks = { replay_reasoning = true }"))
    scripted_upstream.queue(Script(answer=[Thinking("Plan."), ToolCall("look", {"a": 1}, id="call_1_a")]))
    first = await ask(server, "oa/m", tools=[TOOL], streaming=streaming)
    history = turn(first)
    history[1]["vendor_field"] = {"kept": True}
    await server.http.post("/v1/chat/completions", json={"model": "oa/m", "tools": [TOOL], "messages": history})
    sent = scripted_upstream.last.json()["messages"]
    assert sent[1] == {**history[1], "reasoning_content": "Plan."}
    assert [sent[0], *sent[2:]] == [history[0], *history[2:]], "nothing else is touched"
    own = [history[0], {**history[1], "reasoning_content": "Mine."}, *history[2:]]
    await server.http.post("/v1/chat/completions", json={"model": "oa/m", "tools": [TOOL], "messages": own})
    assert scripted_upstream.last.json()["messages"][1]["reasoning_content"] == "Mine."


async def test_reasoning_is_replayed_to_anthropic_clients_too(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream, "quirks = { replay_reasoning = true }"))
    scripted_upstream.queue(Script(answer=[Thinking("Plan."), ToolCall("look", {"a": 1}, id="call_1")]))
    body: dict[str, Any] = {
        "model": "oa/m",
        "max_tokens": 50,
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "hi"}],
    }
    first = (await server.http.post("/v1/messages", json=body)).json()
    calls = [block for block in first["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": calls[0]["id"], "content": "seen"}]
    body["messages"] += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    await server.http.post("/v1/messages", json=body)
    assert scripted_upstream.last.json()["messages"][1]["reasoning_content"] == "Plan."


@BOTH_WAYS
@pytest.mark.parametrize("client", ["openai_chat", "anthropic", "openai_responses"])
async def test_edge_71_signatures_of_gemini_calls_come_back(
    server: Server, scripted_upstream: ScriptedUpstream, streaming: bool, client: str
) -> None:
    scripted_upstream.queue(Script(answer=[ToolCall("look", {"a": 1}), ToolCall("look", {"a": 2})]))
    history = await CLIENTS[client](server, "ge/m", streaming)
    sent = scripted_upstream.last.json()["contents"]
    calls = [part for content in sent for part in content["parts"] if "functionCall" in part]
    assert [call["functionCall"]["args"] for call in calls] == [{"a": 1}, {"a": 2}]
    assert calls[0]["thoughtSignature"] == CALL_SIGNATURE
    assert history


async def _chat_turn(server: Server, model: str, streaming: bool) -> object:
    first = await ask(server, model, tools=[TOOL], streaming=streaming)
    return await ask(server, model, turn(first), tools=[TOOL])


async def _anthropic_turn(server: Server, model: str, streaming: bool) -> object:
    client = server.anthropic()
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    request: dict[str, Any] = {"model": model, "max_tokens": 99, "tools": [{"name": "look", "input_schema": {"type": "object"}}]}
    if streaming:
        async with client.messages.stream(messages=messages, **request) as stream:
            message = await stream.get_final_message()
    else:
        message = await client.messages.create(messages=messages, **request)
    calls = [block.model_dump(include={"type", "id", "name", "input"}) for block in message.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "seen"} for call in calls]
    messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    return await client.messages.create(messages=messages, **request)


async def _responses_turn(server: Server, model: str, streaming: bool) -> object:
    client = server.openai()
    tools: Any = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}]
    items: list[Any] = [{"role": "user", "content": "hi"}]
    if streaming:
        async with client.responses.stream(model=model, input=items, tools=tools) as stream:
            response = await stream.get_final_response()
    else:
        response = await client.responses.create(model=model, input=items, tools=tools)
    calls = [item for item in response.output if item.type == "function_call"]
    items += [call.model_dump(include={"type", "call_id", "name", "arguments"}) for call in calls]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "seen"} for call in calls]
    return await client.responses.create(model=model, input=items, tools=tools)


CLIENTS = {"openai_chat": _chat_turn, "anthropic": _anthropic_turn, "openai_responses": _responses_turn}


async def test_nothing_is_kept_of_a_broken_answer(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(
        Script(answer=[Thinking("Half."), ToolCall("look", {}, id="t1")], fault=Fault.CUT_BETWEEN_EVENTS, fault_after=6)
    )
    body = {"model": "an/m", "stream": True, "tools": [TOOL], "messages": [{"role": "user", "content": "hi"}]}
    await server.http.post("/v1/chat/completions", json=body)
    assert server.app.gateway.pipeline.memory.describe()["entries"] == 0


# -- files by URL ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def files() -> AsyncIterator[tuple[str, list[str]]]:
    """A web server with an image, a document and worse; its ``host:port`` and the paths it was asked for."""
    asked: list[str] = []

    async def serve(request: Request) -> Response:
        asked.append(request.url.path)
        name = request.path_params["name"]
        if name == "moved":
            return RedirectResponse("/image")
        if name == "away":
            return RedirectResponse("http://127.0.0.1:1/x")
        if name == "round":
            return RedirectResponse("/round")
        if name == "huge":
            return Response(b"\x89PNG\r\n\x1a\n" + b"x" * 21_000_000, media_type="image/png")
        if name == "page":
            return Response(b"<html>", media_type="text/html")
        if name == "doc":
            return Response(b"%PDF-1.7", media_type="application/octet-stream")
        return Response(PNG, media_type="text/plain") if name == "image" else Response(status_code=404)

    web = Uvicorn(Config(Starlette(routes=[Route("/{name}", serve)]), port=0, log_level="error", lifespan="off"))
    web.config.load()
    web.lifespan = web.config.lifespan_class(web.config)
    await web.startup()
    port = web.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"127.0.0.1:{port}", asked
    finally:
        await web.shutdown()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


async def test_edge_84_images_by_url_are_fetched_for_targets_that_take_bytes(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    async with files() as (host, asked):
        server = await start(nodes(scripted_upstream), OMNIROUTE_MEDIA_PRIVATE_HOSTS=host)
        urls = [f"http://{host}/{name}" for name in ("image", "moved", "image", "page", "round", "missing", "huge")]
        await ask(server, "ol/m", [{"role": "user", "content": [{"type": "text", "text": "see"}, *map(picture, urls)]}])
        sent = scripted_upstream.last.json()["messages"][0]
        assert sent["images"] == [base64.b64encode(PNG).decode()] * 3
        for url in urls[3:]:
            assert url in sent["content"], "what could not be had is named in the text"
        assert asked.count("/image") == 2, "once by name and once behind the redirect"
        await ask(server, "oa/m", [{"role": "user", "content": [picture(urls[0])]}])
        assert scripted_upstream.last.json()["messages"][0]["content"][0]["image_url"]["url"] == urls[0]


async def test_documents_by_url_are_fetched(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    async with files() as (host, _):
        server = await start(nodes(scripted_upstream), OMNIROUTE_MEDIA_PRIVATE_HOSTS=host)
        document = {"type": "document", "title": "a.pdf", "source": {"type": "url", "url": f"http://{host}/doc"}}
        body = {"model": "oa/m", "max_tokens": 5, "messages": [{"role": "user", "content": [document]}]}
        assert (await server.http.post("/v1/messages", json=body)).status_code == 200
        file = scripted_upstream.last.json()["messages"][0]["content"][0]["file"]
        assert file == {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()}


async def test_private_addresses_are_refused_also_behind_redirects(
    start: Start, scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with files() as (host, asked):
        server = await start(nodes(scripted_upstream))
        await ask(server, "ol/m", [{"role": "user", "content": [picture(f"http://{host}/image")]}])
        assert not asked
        assert "images" not in scripted_upstream.last.json()["messages"][0]
    async with files() as (host, asked):
        server = await start(nodes(scripted_upstream), data_dir=tmp_path / "other", OMNIROUTE_MEDIA_PRIVATE_HOSTS=host)
        await ask(server, "ol/m", [{"role": "user", "content": [picture(f"http://{host}/away")]}])
        assert asked == ["/away"]
        assert "images" not in scripted_upstream.last.json()["messages"][0]


async def test_a_file_that_cannot_be_had_is_an_error_where_nothing_may_be_lost(
    start: Start, scripted_upstream: ScriptedUpstream
) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_STRICT_TRANSLATION="1")
    body = {"model": "ol/m", "messages": [{"role": "user", "content": [picture("http://169.254.169.254/latest")]}]}
    answer = await server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "messages[0]"
    assert "media-fetch" in error["message"]
    assert not scripted_upstream.requests


# -- tools, tags, choices, window --------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_free_form_tools_work_against_any_dialect(
    server: Server, scripted_upstream: ScriptedUpstream, streaming: bool
) -> None:
    for model in ("an/m", "ol/m", "ge/m"):
        scripted_upstream.queue(
            Script(answer=[ToolCall("patch", {"input": 'a "b"\n'}, id="c1"), ToolCall("look", {"a": 1}, id="c2")])
        )
        message = await ask(server, model, tools=[{"type": "custom", "custom": {"name": "patch"}}, TOOL], streaming=streaming)
        custom, function = message["tool_calls"]
        assert (custom["type"], custom["custom"]) == ("custom", {"name": "patch", "input": 'a "b"\n'})
        assert (function["type"], json.loads(function["function"]["arguments"])) == ("function", {"a": 1})
        assert message["finish_reason"] == "tool_calls"


@BOTH_WAYS
@pytest.mark.parametrize("upstream_streams", [False, True], ids=["as-asked", "the-other-way"])
async def test_edge_79_tagged_thinking_goes_to_its_own_channel(
    start: Start, scripted_upstream: ScriptedUpstream, streaming: bool, upstream_streams: bool
) -> None:
    server = await start(nodes(scripted_upstream, "quirks = { think_tags = true }"))
    script = Script(
        answer=Text("<think>Let me see.</think>\n\nHello.", pieces=["<th", "ink>Let me", " see.</thi", "nk>\n\nHel", "lo."])
    )
    if upstream_streams:
        whole = {
            "id": "c",
            "object": "chat.completion",
            "model": "m",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": script.blocks()[0].text}, "finish_reason": "stop"}
            ],  # type: ignore[union-attr]
        }
        script = Script(body=whole) if streaming else script
    scripted_upstream.queue(script, script)
    for model in ("oa/m",):
        message = await ask(server, model, streaming=streaming)
        assert (message["content"], message["reasoning_content"]) == ("Hello.", "Let me see.")
    body = {"model": "oa/m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    content = (await server.http.post("/v1/messages", json=body)).json()["content"]
    assert [(block["type"], block.get("text") or block.get("thinking")) for block in content] == [
        ("thinking", "Let me see."), ("text", "Hello.")]  # fmt: skip


async def test_tags_stay_text_by_default(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(Script(answer="<think>a</think>b"))
    assert (await ask(server, "oa/m"))["content"] == "<think>a</think>b"


async def test_several_choices_are_asked_for_one_by_one(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.queue(*(Script(answer=word) for word in ("one", "two", "three")))
    answer = await server.openai().chat.completions.create(model="an/m", n=3, messages=[{"role": "user", "content": "hi"}])
    assert sorted(choice.message.content or "" for choice in answer.choices) == ["one", "three", "two"]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (33, 21)
    assert len(scripted_upstream.requests) == 3
    assert all("n" not in request.json() for request in scripted_upstream.requests)
    rows = await server.usage()
    assert [(row.attempt, row.status) for row in sorted(rows, key=lambda row: row.attempt)] == [(1, 200), (2, 200), (3, 200)]


@pytest.mark.parametrize(("fields", "words"), [({"n": 2, "stream": True}, "streamed"), ({"n": 9}, "at most 8")])
async def test_choices_that_cannot_be_had_are_refused(
    server: Server, scripted_upstream: ScriptedUpstream, fields: dict[str, Any], words: str
) -> None:
    body = {"model": "an/m", "messages": [{"role": "user", "content": "hi"}], **fields}
    answer = await server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "n"
    assert words in answer.json()["error"]["message"]
    assert not scripted_upstream.requests


async def test_one_failing_choice_fails_the_request(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    def answer(received: Received) -> Script:
        return Script(status=400, message="not that") if len(scripted_upstream.requests) == 2 else Script(latency=0.2)

    scripted_upstream.default = answer
    body = {"model": "an/m", "n": 3, "messages": [{"role": "user", "content": "hi"}]}
    refused = await server.http.post("/v1/chat/completions", json=body)
    assert refused.status_code == 400
    assert "not that" in refused.json()["error"]["message"]
    assert sorted(row.status for row in await server.usage()) == [400, 499, 499]


async def test_an_upstream_that_drops_n_is_asked_several_times(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream, 'quirks = { drop = ["n"] }'))
    answer = await server.openai().chat.completions.create(model="oa/m", n=2, messages=[{"role": "user", "content": "hi"}])
    assert len(answer.choices) == 2
    assert len(scripted_upstream.requests) == 2


WINDOW = '\n[models."oa/small"]\ncontext = 1000\n[models."an/small"]\ncontext = 1000\n'


@pytest.mark.parametrize("model", ["oa/small", "an/small"])
async def test_prompts_that_cannot_fit_are_refused_before_sending(
    start: Start, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    server = await start(nodes(scripted_upstream) + WINDOW)
    messages = [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 200}]
    chat = await server.http.post("/v1/chat/completions", json={"model": model, "messages": messages})
    assert chat.status_code == 400
    assert chat.json()["error"]["code"] == "context_length_exceeded"
    claude = await server.http.post("/v1/messages", json={"model": model, "max_tokens": 5, "messages": messages})
    assert claude.status_code == 400
    error = claude.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith("prompt is too long: ")
    assert "> 1000 maximum" in error["message"]
    assert not scripted_upstream.requests
    near = [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 105}]
    sent = await server.http.post("/v1/chat/completions", json={"model": model, "messages": near})
    assert sent.status_code == 200, "about 1050 tokens: within the error of the estimate, the upstream decides"


async def test_a_provider_without_resilience_gets_every_prompt(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream, 'resilience = "off"') + WINDOW)
    body = {"model": "oa/small", "messages": [{"role": "user", "content": "word " * 3000}]}
    assert (await server.http.post("/v1/chat/completions", json=body)).status_code == 200
