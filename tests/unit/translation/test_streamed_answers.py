"""Finished answers replayed as streams and streams gathered into answers, read by the official SDKs.

The oracle is the answer translated whole: streamed and not, a client must end up with the same message.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from omniroute._fast.codec import Bridge, Collector
from omniroute.core.errors import BadAnswer, TruncatedStream, UpstreamStatus
from omniroute.ir.response import Usage
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from omniroute.translation.stream import bridge_for

VECTORS = Path(__file__).parents[2] / "vectors" / "responses"
META = StreamMeta(id="req_of-ours", model="asked-model", created=1_800_000_000, include_usage=True)


def _cases() -> list[Any]:
    cases = []
    for path in sorted(VECTORS.glob("*_to_*.json")):
        upstream, client = path.stem.split("_to_")
        for case in json.loads(path.read_text()):
            if "images" in json.dumps(case["answer"]):
                continue  # no stream of a client's dialect can carry them
            for target in (client, upstream):
                cases.append(pytest.param(upstream, target, case["answer"], id=f"{upstream}-{target}-{case['id']}"))
    return cases


def _transport(http: Any, stream: bytes) -> Any:
    """A client of ``http`` (each SDK insists on its own library) that answers every request with ``stream``."""
    reply = http.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    return http.Client(transport=http.MockTransport(lambda request: reply))


def _read_by_anthropic_sdk(stream: bytes) -> dict[str, Any]:
    with (
        _transport(httpx2, stream) as http,
        anthropic.Anthropic(api_key="x", base_url="http://test", http_client=http, max_retries=0) as client,
    ):
        with client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]) as events:
            message = events.get_final_message()
    return message.model_dump(exclude_none=True)


def _read_by_openai_sdk(stream: bytes) -> dict[str, Any]:
    """Chunks gathered the way clients do; the chunk types are the SDK's."""
    message: dict[str, Any] = {"content": "", "refusal": "", "reasoning_content": "", "tool_calls": {}}
    finish, usage, heads = None, None, set()
    with (
        _transport(httpx, stream) as http,
        openai.OpenAI(api_key="x", base_url="http://test", http_client=http, max_retries=0) as client,
    ):
        for chunk in client.chat.completions.create(model="m", stream=True, messages=[{"role": "user", "content": "x"}]):
            heads.add((chunk.id, chunk.model, chunk.created, chunk.object))
            usage = chunk.usage.model_dump(exclude_none=True) if chunk.usage else usage
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                delta = choice.delta.model_dump(exclude_none=True)
                for key in ("content", "refusal", "reasoning_content"):
                    message[key] += delta.get(key) or ""
                for call in delta.get("tool_calls") or ():
                    known = message["tool_calls"].setdefault(call["index"], {"id": call.get("id"), "name": "", "arguments": ""})
                    known["name"] += call["function"].get("name") or ""
                    known["arguments"] += call["function"].get("arguments") or ""
    assert len(heads) == 1
    return {"message": message, "finish_reason": finish, "usage": usage, "head": heads.pop()}


def _anthropic_view(body: dict[str, Any], *, counted: bool) -> dict[str, Any]:
    """What an Anthropic client acts on. Blocks run by the vendor, empty texts and citations are not replayed; neighbouring texts
    are one."""
    blocks: list[tuple[str, ...]] = []
    for block in body["content"]:
        if block["type"] == "text" and block["text"]:
            before = blocks.pop()[1] if blocks and blocks[-1][0] == "text" else ""
            blocks.append(("text", before + block["text"]))
        elif block["type"] == "thinking":
            blocks.append(("thinking", block["thinking"], block.get("signature") or ""))
        elif block["type"] == "tool_use":
            blocks.append(("tool_use", block["id"], block["name"], json.dumps(block["input"], sort_keys=True)))
        elif block["type"] == "redacted_thinking":
            blocks.append(("redacted_thinking", block["data"]))
    usage = {key: body["usage"].get(key) or 0 for key in ("input_tokens", "cache_read_input_tokens", "output_tokens")}
    view = {"blocks": blocks, "stop": body["stop_reason"], "sequence": body.get("stop_sequence")}
    return {**view, "usage": usage} if counted else view


def _chat_view(body: dict[str, Any]) -> dict[str, Any]:
    """What a Chat client acts on, of a finished answer, in the shape of the gathered chunks."""
    given = body["choices"][0]["message"]
    calls = given.get("tool_calls") or []
    named = [
        {"id": call.get("id"), "name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in calls
    ]
    return {
        "content": given.get("content") or given.get("audio", {}).get("transcript") or "",
        "refusal": given.get("refusal") or "",
        "tool_calls": dict(enumerate(named)),
    }


@pytest.mark.parametrize(("upstream", "client", "answer"), _cases())
def test_edge_117_an_answer_replayed_reads_like_the_answer_itself(upstream: str, client: str, answer: dict[str, Any]) -> None:
    formats = registry()
    body = json.dumps(answer).encode()
    whole = formats[client].encode_response(formats[upstream].decode_response(body), META)
    expected = json.loads(whole)
    streamed = answer_as_stream(body, formats[client], formats[upstream], META)
    if client == "anthropic":
        if any("_raw" in block.get("input", {}) for block in expected["content"]):
            # what the model wrote is streamed as it is; the SDK's parser refuses it, agents repair it
            assert json.dumps(expected["content"][0]["input"]["_raw"]).encode() in streamed.body
            return
        counted = "usage" in answer  # else the stream states an estimate
        assert _anthropic_view(_read_by_anthropic_sdk(streamed.body), counted=counted) == _anthropic_view(
            expected, counted=counted
        )
        return
    read = _read_by_openai_sdk(streamed.body)
    thinking = read["message"].pop("reasoning_content")
    assert thinking.replace("\n\n", "") == (expected["choices"][0]["message"].get("reasoning_content") or "").replace("\n\n", "")
    assert read["message"] == _chat_view(expected)
    assert read["finish_reason"] == expected["choices"][0]["finish_reason"]
    if "usage" in expected:
        assert read["usage"]["total_tokens"] == expected["usage"]["total_tokens"]
        assert (
            read["usage"]["prompt_tokens_details"]["cached_tokens"] == expected["usage"]["prompt_tokens_details"]["cached_tokens"]
        )
    assert streamed.body.rstrip().endswith(b"data: [DONE]")


@pytest.mark.parametrize(("upstream", "client", "answer"), _cases())
def test_edge_118_a_stream_gathered_is_the_answer_again(upstream: str, client: str, answer: dict[str, Any]) -> None:
    formats = registry()
    body = json.dumps(answer).encode()
    wire = answer_as_stream(body, formats[upstream], formats[upstream], META).body
    collector = Collector()
    bridge = Bridge(formats[upstream].decoder(), collector)
    bridge.feed(wire)
    bridge.finish()
    gathered = stream_as_answer(collector, bridge, formats[client], formats[upstream], META)
    expected = json.loads(formats[client].encode_response(formats[upstream].decode_response(body), META))
    found = json.loads(gathered.body)
    if client == "anthropic":
        assert _anthropic_view(found, counted=True) == _anthropic_view(expected, counted=True)
    else:
        assert _chat_view(found) == _chat_view(expected)
        assert found["choices"][0]["finish_reason"] == expected["choices"][0]["finish_reason"]
    if client != upstream:
        assert (found["id"], found["model"]) == (formats[client].id_prefix + "of-ours", "asked-model")
    else:
        assert (found["id"], found["model"]) == (answer["id"], answer["model"])


CHAT_STREAM = (
    b'data: {"id":"up","model":"um","choices":[{"index":0,"delta":{"role":"assistant","content":"par"}}]}\n\n'
    b'data: {"id":"up","model":"um","choices":[{"index":0,"delta":{"content":"tial"}}]}\n\n'
)
CHAT_END = b'data: {"id":"up","model":"um","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def _gather(wire: bytes, client: str = "anthropic") -> Any:
    formats = registry()
    collector = Collector()
    bridge = Bridge(formats["openai_chat"].decoder(), collector)
    bridge.feed(wire)
    bridge.finish()
    return stream_as_answer(collector, bridge, formats[client], formats["openai_chat"], META)


def test_a_gathered_stream_without_usage_says_so() -> None:
    answer = _gather(CHAT_STREAM + CHAT_END)
    assert answer.usage is None
    assert answer.stop == "stop"
    assert json.loads(answer.body)["content"] == [{"type": "text", "text": "partial"}]


def test_a_truncated_stream_is_never_a_finished_answer() -> None:
    with pytest.raises(TruncatedStream) as caught:
        _gather(CHAT_STREAM)
    assert caught.value.http_status == 502


def test_an_error_inside_a_gathered_stream_keeps_its_status_and_words() -> None:
    error = b'data: {"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}\n\n'
    with pytest.raises(UpstreamStatus, match="slow down") as caught:
        _gather(CHAT_STREAM + error)
    assert caught.value.http_status == 429


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        ("openai_chat", b'"images":[{"index":0,"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]'),
        ("anthropic", b"[image attachment omitted"),
        ("gemini", b'{"inlineData":{"mimeType":"image/png","data":"aGk="}}'),
    ],
)
def test_an_image_in_a_replayed_answer_is_sent_or_leaves_a_note(client: str, shown: bytes) -> None:
    formats = registry()
    message = {"content": "see", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    streamed = answer_as_stream(body, formats[client], formats["openai_chat"], META)
    assert shown in streamed.body


def test_an_answer_that_is_none_cannot_be_replayed() -> None:
    chat = registry()["openai_chat"]
    with pytest.raises(BadAnswer):
        answer_as_stream(b"<html>", chat, chat, META)


def test_equal_formats_pass_the_stream_through_and_hide_usage() -> None:
    chat = registry()["openai_chat"]
    usage = b'data: {"id":"up","model":"um","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
    wire = CHAT_STREAM + CHAT_END.replace(b"data: [DONE]", usage + b"data: [DONE]")
    bridge = bridge_for(chat, chat, META, hide_usage=True)
    out = bridge.feed(wire) + bridge.finish()
    assert out == wire.replace(usage, b"")
    assert bridge.usage.input == 7


def test_different_formats_get_the_clients_dialect_and_its_tool_names() -> None:
    formats = registry()
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "short_1", "arguments": "{}"}}
    wire = b"data: " + json.dumps({"id": "up", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).encode() + b"\n\n"
    end = CHAT_END.replace(b'"stop"', b'"tool_calls"')
    meta = StreamMeta(id="i", model="m", created=1, input_tokens=12, tool_names={"short_1": "the.long name"})
    bridge = bridge_for(formats["anthropic"], formats["openai_chat"], meta, hide_usage=False)
    message = _read_by_anthropic_sdk(bridge.feed(wire) + bridge.feed(end) + bridge.finish())
    assert message["content"][0]["name"] == "the.long name"
    assert message["stop_reason"] == "tool_use"
    assert (message["id"], message["model"]) == ("msg_i", "m")


def test_usage_of_a_translated_answer_is_canonical() -> None:
    formats = registry()
    body = json.dumps({"content": [], "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 3}}).encode()
    answer = translate_answer(body, formats["openai_chat"], formats["anthropic"], META)
    assert answer.usage == Usage(input=3, cached=2, output=3)
