"""What the stream tests share: vectors, bridges, and readers that know only the public rules of each dialect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Bridge, Collector, Decoder, Encoder
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder

VECTORS = Path(__file__).parents[2] / "vectors"
DECODERS: dict[str, type[Decoder]] = {"openai_chat": OpenAIChatDecoder, "anthropic": AnthropicDecoder}


def vectors(dialect: str) -> list[str]:
    return sorted(path.stem for path in (VECTORS / dialect).glob("*.sse"))


def vector(dialect: str, name: str) -> bytes:
    return (VECTORS / dialect / f"{name}.sse").read_bytes()


def encoder(dialect: str, *, include_usage: bool = True, input_tokens: int = 11, names: dict[str, str] | None = None) -> Encoder:
    if dialect == "openai_chat":
        return OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, include_usage, names)
    return AnthropicEncoder("msg_ours", "shown/model", input_tokens, names)


def bridge(source: str, target: str | None, **options: Any) -> Bridge:
    return Bridge(DECODERS[source](), None if target is None else encoder(target, **options))


def run(joined: Bridge, stream: bytes, cuts: Iterable[int] = ()) -> bytes:
    """Feed the stream in pieces and finish."""
    out, begin = b"", 0
    for cut in [*sorted(cuts), len(stream)]:
        out += joined.feed(stream[begin:cut])
        begin = cut
    return out + joined.finish()


def translate(source: str, target: str, stream: bytes, **options: Any) -> bytes:
    return run(bridge(source, target, **options), stream)


def collect(source: str, stream: bytes, cuts: Iterable[int] = ()) -> dict[str, Any]:
    """The finished answer, and what the tap saw."""
    collector = Collector()
    joined = Bridge(DECODERS[source](), collector)
    assert run(joined, stream, cuts) == b""
    return {"blocks": collector.blocks, "stop_sequence": collector.stop_sequence, **tapped(joined)}


def tapped(joined: Bridge) -> dict[str, Any]:
    usage = joined.usage
    return {
        "stop": joined.stop_reason,
        "usage": (usage.input, usage.cached, usage.written, usage.output, usage.reasoning),
        "id": joined.response_id,
        "model": joined.response_model,
        "chars": joined.output_chars,
        "count": joined.blocks,
        "error": (joined.error_status, joined.error_code, joined.error_message),
        "useful": joined.useful,
        "stopped": joined.stopped,
    }


def chat(*deltas: Any, done: bool = True) -> bytes:
    """A Chat stream: a dict is a delta, a str a finish reason, bytes go in as they are, a list is a whole chunk's choices."""
    out = b""
    for item in deltas:
        if isinstance(item, bytes):
            out += item
            continue
        if isinstance(item, str):
            choices: Any = [{"index": 0, "delta": {}, "finish_reason": item}]
        else:
            choices = item if isinstance(item, list) else [{"index": 0, "delta": item, "finish_reason": None}]
        out += line({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": choices})
    return out + (b"data: [DONE]\n\n" if done else b"")


def line(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def anthropic(*events: Any) -> bytes:
    """An Anthropic stream of events; bytes go in as they are."""
    return b"".join(e if isinstance(e, bytes) else f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def events_of(stream: bytes) -> Iterator[tuple[str, str]]:
    """Events of a stream we wrote: LF only, one data line, nothing but event and data lines and comments."""
    text = stream.decode("utf-8")
    assert not text or text.endswith("\n\n")
    for frame in text.removesuffix("\n\n").split("\n\n") if text else ():
        name, data = "", None
        for row in frame.split("\n"):
            if row.startswith("event: "):
                name = row.removeprefix("event: ")
            elif row.startswith("data: "):
                assert data is None
                data = row.removeprefix("data: ")
            else:
                assert row.startswith(":"), row
        if data is not None:
            yield name, data


def read_chat(stream: bytes, number: int = 0) -> dict[str, Any]:
    """One of the answers in a Chat stream of ours, every rule of the emitter checked on the way."""
    frames = list(events_of(stream))
    assert frames[-1] == ("", "[DONE]")
    assert all(name == "" and data != "[DONE]" for name, data in frames[:-1])
    answer: dict[str, Any] = {
        "content": "",
        "reasoning": "",
        "refusal": "",
        "calls": [],
        "finish": None,
        "usage": None,
        "error": None,
    }
    answer["annotations"] = []
    begun = False
    for chunk in (json.loads(data) for _, data in frames[:-1]):
        assert answer["error"] is None, "an error is the last chunk"
        if "error" in chunk:
            answer["error"] = chunk["error"]
            continue
        assert answer["usage"] is None, "the usage chunk is the last one"
        assert {"id", "object", "created", "model", "choices"} <= chunk.keys()
        assert (chunk["id"], chunk["model"], chunk["object"]) == ("chatcmpl-ours", "shown/model", "chat.completion.chunk")
        if not chunk["choices"]:
            assert answer["finish"] is not None
            answer["usage"] = chunk["usage"]
            continue
        (choice,) = chunk["choices"]
        assert choice["index"] >= 0
        if choice["index"] != number:
            continue
        delta = choice["delta"]
        assert answer["finish"] is None, "nothing but usage follows the finish chunk"
        assert ("role" in delta) != begun
        begun = True
        for key, field in (("content", "content"), ("reasoning_content", "reasoning"), ("refusal", "refusal")):
            answer[field] += delta.get(key, "")
        answer["annotations"] += delta.get("annotations", [])
        assert delta.get("tool_calls") != []
        for call in delta.get("tool_calls", []):
            if call["index"] == len(answer["calls"]):
                assert call["type"] == "function"
                answer["calls"].append({"id": call["id"], "name": call["function"]["name"], "arguments": ""})
            else:
                assert call.keys() == {"index", "function"}
                assert call["function"].keys() == {"arguments"}
            answer["calls"][call["index"]]["arguments"] += call["function"]["arguments"]
        answer["finish"] = choice["finish_reason"]
    assert (answer["finish"] is None) == (answer["error"] is not None)
    return answer


def read_anthropic(stream: bytes) -> dict[str, Any]:
    """The answer in an Anthropic stream of ours, every rule of the emitter checked on the way."""
    answer: dict[str, Any] = {"start": None, "blocks": [], "stop": None, "stop_sequence": None, "usage": None, "error": None}
    open_index, ended = None, False
    for name, data in events_of(stream):
        event = json.loads(data)
        assert event["type"] == name
        assert not ended, "nothing follows message_stop or an error"
        if name == "message_start":
            assert answer["start"] is None
            answer["start"] = event["message"]
            assert (event["message"]["id"], event["message"]["model"]) == ("msg_ours", "shown/model")
            continue
        if name == "error":
            assert open_index is None, "the open block is closed before an error"
            answer["error"], ended = event["error"], True
            continue
        if name == "ping":
            continue
        assert answer["start"] is not None
        if name == "content_block_start":
            assert open_index is None, "blocks do not interleave"
            open_index = event["index"]
            assert open_index == len(answer["blocks"])
            answer["blocks"].append(dict(event["content_block"]))
            if event["content_block"]["type"] == "tool_use":
                assert event["content_block"]["input"] == {}
                answer["blocks"][-1]["input"] = ""
        elif name == "content_block_delta":
            assert event["index"] == open_index
            _apply(answer["blocks"][-1], event["delta"])
        elif name == "content_block_stop":
            assert event["index"] == open_index
            open_index = None
        elif name == "message_delta":
            assert open_index is None
            answer["stop"], answer["stop_sequence"] = event["delta"]["stop_reason"], event["delta"]["stop_sequence"]
            answer["usage"] = event["usage"]
        else:
            assert name == "message_stop"
            assert answer["stop"] is not None
            ended = True
    assert ended
    return answer


def _apply(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "text_delta":
        assert block["type"] == "text"
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        assert block["type"] == "thinking"
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        assert block["signature"] == ""
        block["signature"] = delta["signature"]
    elif kind == "citations_delta":
        block.setdefault("citations", []).append(delta["citation"])
    else:
        assert kind == "input_json_delta"
        assert block["type"] == "tool_use"
        block["input"] += delta["partial_json"]


def as_chat(collected: dict[str, Any]) -> dict[str, Any]:
    """What a Chat client must get of a collected answer: content fields only."""
    blocks = collected["blocks"]
    return {
        "content": "".join(b["text"] for b in blocks if b["type"] == "text"),
        "reasoning": "".join(b["text"] for b in blocks if b["type"] == "thinking"),
        "refusal": "".join(b["text"] for b in blocks if b["type"] == "refusal"),
        "calls": [{k: b[k] for k in ("id", "name", "arguments")} for b in blocks if b["type"] == "tool"],
    }


def as_anthropic(collected: dict[str, Any], *, signed: bool) -> list[dict[str, Any]]:
    """The content blocks an Anthropic client must get of a collected answer (arguments as text)."""
    out: list[dict[str, Any]] = []
    for block in collected["blocks"]:
        if block["type"] == "thinking":
            out.append({"type": "thinking", "thinking": block["text"], "signature": (block["signature"] or "") if signed else ""})
        elif block["type"] == "redacted":
            out.append({"type": "redacted_thinking", "data": block["data"]})
        elif block["type"] == "tool":
            out.append({"type": "tool_use", "id": block["id"], "name": block["name"], "input": block["arguments"]})
        else:
            out.append({"type": "text", "text": block["text"]})
    return out or [{"type": "text", "text": ""}]
