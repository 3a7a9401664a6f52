"""Edge cases of the way back to the client that no other file names, over real sockets and in every client's dialect."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest

from running.fixtures import Server
from upstream.script import Fault, Script, Text, Thinking
from upstream.server import ScriptedUpstream

CLIENTS = ["chat", "messages", "responses", "gemini", "ollama"]
UPSTREAMS = ["oa/m", "an/m", "re/m", "ge/m", "ol/m"]
each_client = pytest.mark.parametrize("client", CLIENTS)
each_upstream = pytest.mark.parametrize("model", UPSTREAMS)
TURN = [{"role": "user", "content": "Hi"}]


def asked(client: str, model: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body of one question."""
    if client == "gemini":
        path = f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
        return path, {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    body: dict[str, Any] = {"model": model, "stream": stream}
    if client == "responses":
        return "/v1/responses", body | {"input": "Hi"}
    if client == "messages":
        return "/v1/messages", body | {"messages": TURN, "max_tokens": 100}
    return "/api/chat" if client == "ollama" else "/v1/chat/completions", body | {"messages": TURN}


async def ask(server: Server, client: str, model: str, *, stream: bool = False) -> httpx.Response:
    path, body = asked(client, model, stream=stream)
    return await server.http.post(path, json=body)


def message_of(client: str, answer: httpx.Response) -> str:
    """The message of an error in the client's own envelope."""
    assert answer.headers["content-type"].startswith("application/json")
    value = answer.json()
    if client == "ollama":
        assert value.keys() == {"error", "retryable", "scope"}
        return str(value["error"])
    error = value["error"]
    if client == "gemini":
        assert error["code"] == answer.status_code
        assert error["status"].isupper()
    elif client == "messages":
        assert value["type"] == "error"
        assert error["type"].endswith("_error")
    else:
        assert error.keys() >= {"message", "type", "param", "code"}
    return str(error["message"])


@each_client
@each_upstream
async def test_edge_116_158_errors_before_the_stream_have_their_status(
    server: Server, scripted_upstream: ScriptedUpstream, client: str, model: str
) -> None:
    """Also an error object in a 200, as long as nothing was sent."""
    scripted_upstream.queue(
        Script(status=400, message="no such knob"), Script(fault=Fault.JSON_ERROR_200, message="engine on fire")
    )
    refused = await ask(server, client, model, stream=True)
    assert refused.status_code == 400
    assert "no such knob" in message_of(client, refused)
    broken = await ask(server, client, model, stream=True)
    assert broken.status_code >= 400
    assert "engine on fire" in message_of(client, broken)


@each_client
async def test_edge_159_what_the_upstream_says_of_our_key_holds_no_secret(
    server: Server, scripted_upstream: ScriptedUpstream, client: str
) -> None:
    scripted_upstream.queue(Script(status=401, message="Incorrect API key provided: upstream-key-oa."))
    answer = await ask(server, client, "oa/m")
    assert answer.status_code in (401, 403, 502)
    assert message_of(client, answer)
    assert "upstream-key-oa" not in answer.text


@each_client
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_edge_160_compressed_answers_are_unpacked(
    server: Server, scripted_upstream: ScriptedUpstream, client: str, stream: bool
) -> None:
    answer = {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "packed"}, "finish_reason": "stop"}],
    }
    chunk = {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "packed"}, "finish_reason": "stop"}]}
    plain = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n" if stream else json.dumps(answer)
    kind = "text/event-stream" if stream else "application/json"
    scripted_upstream.queue(Script(body=gzip.compress(plain.encode()), content_type=kind, headers={"content-encoding": "gzip"}))
    got = await ask(server, client, "oa/m", stream=stream)
    assert got.status_code == 200
    assert "packed" in got.text
    assert "content-encoding" not in got.headers


@each_client
async def test_edge_144_a_client_that_leaves_takes_the_upstream_call_with_it(
    server: Server, scripted_upstream: ScriptedUpstream, client: str
) -> None:
    scripted_upstream.queue(Script(answer="word " * 200, cadence=0.05))
    path, body = asked(client, "oa/m", stream=True)
    answer = await server.http.send(server.http.build_request("POST", path, json=body), stream=True)
    await anext(answer.aiter_raw())
    await answer.aclose()
    received = await scripted_upstream.received(1)
    await asyncio.wait_for(received.disconnected.wait(), 5)


@each_client
@each_upstream
async def test_edge_153_one_model_name_in_the_whole_stream(
    server: Server, scripted_upstream: ScriptedUpstream, client: str, model: str
) -> None:
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("one two three")]))
    answer = await ask(server, client, model, stream=True)
    lines = (
        answer.text.split("\n")
        if client == "ollama"
        else [row[6:] for row in answer.text.split("\n") if row.startswith("data: {")]
    )
    events = [json.loads(line) for line in lines if line.strip()]
    names = {found for event in events if (found := _model(event)) is not None}
    assert len(names) == 1, names
    assert names.pop().endswith("m")


def _model(event: dict[str, Any]) -> str | None:
    inner = event.get("response") or event.get("message") or {}
    found = event.get("model") or event.get("modelVersion") or inner.get("model")
    return str(found) if found else None


async def test_edge_157_reasoning_of_others_is_wrapped_for_those_who_store_nothing(
    server: Server, scripted_upstream: ScriptedUpstream
) -> None:
    """Nobody asked for encrypted reasoning, yet without it Claude could not think on in the next turn."""
    scripted_upstream.queue(Script(answer=[Thinking("Hm."), Text("4")]))
    answer = await server.http.post("/v1/responses", json={"model": "an/m", "input": "Hi", "store": False})
    (item,) = [item for item in answer.json()["output"] if item["type"] == "reasoning"]
    assert item["encrypted_content"].startswith("omniroute.")


async def test_edge_075_parts_of_a_summary_are_paragraphs(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    parts = [{"type": "summary_text", "text": text} for text in ("First, add.", "Then say.")]
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": parts},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]},
    ]
    scripted_upstream.queue(Script(body={"id": "resp_1", "model": "m", "status": "completed", "output": output}))
    answer = await ask(server, "messages", "re/m")
    assert [block["thinking"] for block in answer.json()["content"] if block["type"] == "thinking"] == [
        "First, add.\n\nThen say."
    ]


@each_upstream
async def test_edge_161_tokens_can_be_counted_for_every_model(
    server: Server, scripted_upstream: ScriptedUpstream, model: str
) -> None:
    scripted_upstream.input_tokens = None
    answer = await server.http.post("/v1/messages/count_tokens", json={"model": model, "messages": TURN})
    assert answer.json()["input_tokens"] >= 1
    answer = await server.http.post(f"/v1beta/models/{model}:countTokens", json=asked("gemini", model, stream=False)[1])
    assert answer.json()["totalTokens"] >= 1


@pytest.mark.parametrize(("client", "path"), [
    ("chat", "/v1/models/none%2Fsuch"),
    ("gemini", "/v1beta/models/none%2Fsuch"),
])  # fmt: skip
async def test_edge_164_unknown_models_are_told_in_the_clients_envelope(server: Server, client: str, path: str) -> None:
    answer = await server.http.get(path)
    assert answer.status_code == 404
    assert message_of(client, answer)
