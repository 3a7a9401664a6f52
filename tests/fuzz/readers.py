"""Readers of what clients get, one per dialect: each checks every public rule of its dialect and gives one common view."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from omniroute.translation.format import StreamMeta
from unit.fast.responses_grammar import read_responses
from unit.fast.streams import events_of, read_anthropic, read_chat

META = StreamMeta(id="req_ours", model="shown/model", created=1700000000, include_usage=True, input_tokens=11)
MODEL = META.model


class Call(NamedTuple):
    """``arguments`` as a value where the dialect has one, else as the text they came in. ``id`` None: the dialect has none."""

    id: str | None
    name: str
    arguments: Any


class Seen(NamedTuple):
    """What a client shows of an answer. ``usage`` is (input, output), None when nothing was said; ``stop`` the dialect's word."""

    text: str
    reasoning: str
    calls: list[Call]
    stop: str | None
    usage: tuple[int, int] | None
    error: str | None


def value_of(arguments: str) -> Any:
    """Arguments as the value they are, or the text when it is no JSON."""
    try:
        return json.loads(arguments or "{}", strict=False)
    except (ValueError, RecursionError):
        return arguments


def chat(stream: bytes) -> Seen:
    found = read_chat(stream)
    calls = [Call(call["id"], call["name"], value_of(call["arguments"])) for call in found["calls"]]
    usage = found["usage"] and (found["usage"]["prompt_tokens"], found["usage"]["completion_tokens"])
    error = found["error"] and found["error"]["message"]
    return Seen(found["content"] + found["refusal"], found["reasoning"], calls, found["finish"], usage, error)


def anthropic(stream: bytes) -> Seen:
    found = read_anthropic(stream)
    for block in found["blocks"]:
        if block["type"] == "tool_use":
            block["input"] = value_of(block["input"])
    return _anthropic(found["blocks"], found["stop"], found["usage"], found["error"])


def _anthropic(blocks: list[dict[str, Any]], stop: str | None, usage: Any, error: Any) -> Seen:
    return Seen(
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        [Call(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        stop,
        usage and (sum(usage.get(key) or 0 for key in _ASKED), usage["output_tokens"]),
        error and error["message"],
    )


_ASKED = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def responses(stream: bytes) -> Seen:
    reader = read_responses(stream)
    return _responses(reader.response, reader.items)


def _responses(response: dict[str, Any], items: list[dict[str, Any]]) -> Seen:
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    calls = [item for item in items if item["type"] in ("function_call", "custom_tool_call")]
    usage = response["usage"]
    reason = (response["incomplete_details"] or {}).get("reason", response["status"])
    return Seen(
        "".join(part["text"] if part["type"] == "output_text" else part["refusal"] for part in parts),
        "".join(_reasoning(item) for item in items if item["type"] == "reasoning"),
        [Call(item["call_id"], item["name"], _arguments(item)) for item in calls],
        None if reason == "failed" else reason,
        usage and (usage["input_tokens"], usage["output_tokens"]),
        response["error"] and response["error"]["message"],
    )


def _reasoning(item: dict[str, Any]) -> str:
    return "\n\n".join(part["text"] for part in item["summary"] or item.get("content") or ())


def _arguments(call: dict[str, Any]) -> Any:
    """Free-form input is ``{"input": …}``, as it is where only functions exist."""
    return {"input": call["input"]} if "input" in call else value_of(call["arguments"])


def gemini(stream: bytes, number: int = 0) -> Seen:
    text = stream.decode("utf-8")
    assert text.endswith("\r\n\r\n")
    parts: list[dict[str, Any]] = []
    error = last = None
    for frame in text.removesuffix("\r\n\r\n").split("\r\n\r\n"):
        assert frame.startswith("data: ")
        assert "\n" not in frame
        assert error is None, "nothing follows an error"
        assert number or last is None or "finishReason" not in last["candidates"][0], "nothing follows the last chunk"
        chunk = json.loads(frame.removeprefix("data: "))
        if "error" in chunk:
            error = chunk["error"]
            assert error.keys() == {"code", "message", "status"}
            assert error["code"] >= 400
            continue
        assert chunk.keys() <= {"candidates", "usageMetadata", "modelVersion", "responseId"}
        assert (chunk["modelVersion"], chunk["responseId"]) == (MODEL, "resp_ours")
        (candidate,) = chunk["candidates"]
        assert candidate["content"]["role"] == "model"
        if candidate["index"] != number:
            assert "finishReason" in candidate or "usageMetadata" not in chunk
            continue
        last = chunk
        parts += candidate["content"]["parts"]
    if error is not None:
        return _gemini(parts, None, None, error["message"])
    assert last is not None
    return _gemini(parts, last["candidates"][0]["finishReason"], last.get("usageMetadata"), None)


def _gemini(parts: list[dict[str, Any]], stop: str | None, usage: Any, error: str | None) -> Seen:
    for part in parts:
        assert len(part.keys() & {"text", "functionCall", "inlineData"}) == 1, part
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    assert all(isinstance(call["args"], dict) for call in calls)
    counts = usage and (
        usage["promptTokenCount"],
        usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0),
    )
    if usage:
        assert usage["totalTokenCount"] == sum(counts)
    return Seen(
        "".join(part.get("text", "") for part in parts if not part.get("thought")),
        "".join(part.get("text", "") for part in parts if part.get("thought")),
        [Call(call.get("id"), call["name"], call["args"]) for call in calls],
        stop,
        counts,
        error,
    )


def ollama(stream: bytes, *, generate: bool = False) -> Seen:
    text = stream.decode("utf-8")
    assert text.endswith("\n")
    content = reasoning = ""
    calls: list[Call] = []
    done = error = None
    for row in text.removesuffix("\n").split("\n"):
        assert done is None, "nothing follows the done line"
        assert error is None, "nothing follows an error"
        line = json.loads(row)
        if "error" in line:
            assert line.keys() == {"error"}
            error = line["error"]
            assert isinstance(error, str)
            continue
        assert (line["model"], line["created_at"]) == (MODEL, "2023-11-14T22:13:20Z")
        assert ("response" in line, "message" in line) == (generate, not generate)
        message = {"content": line["response"], "thinking": line.get("thinking", "")} if generate else line["message"]
        content += message["content"]
        reasoning += message.get("thinking", "")
        found = message.get("tool_calls")
        assert found != []
        if found is not None:
            assert not calls, "all calls stand in one line"
            calls = [_ollama_call(call) for call in found]
        done = line if line["done"] else None
    assert (done is None) == (error is not None)
    return Seen(content, reasoning, calls, done and done["done_reason"], done and _counts(done), error)


def _ollama_call(call: dict[str, Any]) -> Call:
    assert isinstance(call["function"]["arguments"], dict)
    return Call(call["id"], call["function"]["name"], call["function"]["arguments"])


def _counts(line: dict[str, Any]) -> tuple[int, int]:
    return line["prompt_eval_count"], line["eval_count"]


def generate(stream: bytes) -> Seen:
    return ollama(stream, generate=True)


def completions(stream: bytes, number: int = 0) -> Seen:
    frames = list(events_of(stream))
    assert frames[-1] == ("", "[DONE]")
    text, finish, usage, error = "", None, None, None
    for name, data in frames[:-1]:
        assert name == ""
        assert error is None
        assert usage is None
        chunk = json.loads(data)
        if "error" in chunk:
            error = chunk["error"]["message"]
            continue
        assert (chunk["id"], chunk["model"], chunk["object"]) == ("cmpl-ours", MODEL, "text_completion")
        if not chunk["choices"]:
            assert finish is not None
            usage = (chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"])
            continue
        (choice,) = chunk["choices"]
        if choice["index"] != number:
            continue
        assert finish is None
        text += choice["text"]
        finish = choice["finish_reason"]
    assert (finish is None) == (error is not None)
    return Seen(text, "", [], finish, usage, error)


STREAMS: dict[str, Callable[[bytes], Seen]] = {
    "openai_chat": chat,
    "anthropic": anthropic,
    "openai_responses": responses,
    "gemini": gemini,
    "ollama": ollama,
    "openai_completions": completions,
    "ollama_generate": generate,
}


def whole(dialect: str, body: dict[str, Any]) -> Seen:
    """A finished answer, not streamed."""
    if dialect == "openai_chat":
        message, usage = body["choices"][0]["message"], body.get("usage")
        called = [(call["id"], call[call["type"]]) for call in message.get("tool_calls") or ()]
        calls = [Call(call_id, call["name"], _arguments(call)) for call_id, call in called]
        text = (message["content"] or "") + (message.get("refusal") or "")
        counts = usage and (usage["prompt_tokens"], usage["completion_tokens"])
        return Seen(text, message.get("reasoning_content") or "", calls, body["choices"][0]["finish_reason"], counts, None)
    if dialect == "anthropic":
        return _anthropic(body["content"], body["stop_reason"], body["usage"], None)
    if dialect == "openai_responses":
        return _responses(body, body["output"])
    if dialect == "gemini":
        (candidate,) = body["candidates"]
        return _gemini(candidate["content"]["parts"], candidate["finishReason"], body.get("usageMetadata"), None)
    if dialect == "openai_completions":
        choice, usage = body["choices"][0], body.get("usage")
        counts = usage and (usage["prompt_tokens"], usage["completion_tokens"])
        return Seen(choice["text"], "", [], choice["finish_reason"], counts, None)
    message = (
        {"content": body["response"], "thinking": body.get("thinking", "")} if dialect == "ollama_generate" else body["message"]
    )
    calls = [_ollama_call(call) for call in message.get("tool_calls") or ()]
    return Seen(message["content"], message.get("thinking", ""), calls, body["done_reason"], _counts(body), None)
