"""Judges of request bodies, written from what the two vendors are known to refuse; each returns the list of complaints."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

_CHAT_TOP = set(
    "model messages audio frequency_penalty function_call functions logit_bias logprobs top_logprobs max_completion_tokens "
    "max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_p user verbosity web_search_options".split()
)
_ANTHROPIC_TOP = set(
    "model max_tokens messages system stop_sequences stream tools tool_choice thinking output_config metadata service_tier speed "
    "cache_control container inference_geo temperature top_p top_k".split()
)
_CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ANTHROPIC_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")
_ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+\Z")
_MESSAGE_KEYS = {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "reasoning_content"}
_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_BLOCKS = {"text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result"}
_BLOCK_KEYS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "title", "context", "citations", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_use": {"type", "id", "name", "input", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
}


def chat_complaints(body: dict[str, Any]) -> list[str]:
    """Everything OpenAI would answer with 400."""
    return list(_chat(body))


def _chat(body: dict[str, Any]) -> Iterator[str]:
    for key in body.keys() - _CHAT_TOP:
        yield f"unrecognised argument {key}"
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "both output limits"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options without stream"
    if not body.get("tools") and {"tool_choice", "parallel_tool_calls", "tools"} & body.keys():
        yield "tool fields without tools"
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        yield "more than 4 stops"
    if not 0 <= body.get("temperature", 1) <= 2:
        yield "temperature"
    if len(body.get("user", "")) > 128:
        yield "user too long"
    yield from _chat_tools(body)
    yield from _chat_messages(body["messages"])
    wanted = body.get("response_format")
    if wanted and wanted["type"] == "json_schema" and not wanted["json_schema"].get("name"):
        yield "json_schema without name"
    if wanted and wanted["type"] == "json_object" and "JSON" not in json.dumps(body["messages"]):
        yield "json_object without the word JSON"


def _chat_tools(body: dict[str, Any]) -> Iterator[str]:
    names = set()
    for tool in body.get("tools", []):
        if tool.keys() - {"type", "function", "custom"}:
            yield f"unknown tool keys {tool.keys()}"
        function = tool.get("function") or tool.get("custom") or {}
        if not _CHAT_NAME.match(function.get("name", "")):
            yield f"tool name {function.get('name')!r}"
        if function.keys() - {"name", "description", "parameters", "strict", "format"}:
            yield f"unknown function keys {function.keys()}"
        parameters = function.get("parameters")
        if parameters is not None and (parameters.get("type") != "object" or not isinstance(parameters.get("properties"), dict)):
            yield "object schema missing properties"
        names.add(function.get("name"))
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "function" and choice["function"]["name"] not in names:
        yield "tool_choice names an unknown tool"


def _chat_messages(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages:
        yield "no messages"
    waiting: set[str] = set()
    known: set[str] = set()
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if message.keys() - _MESSAGE_KEYS:
            yield f"{where}: unknown keys"
        role, content = message["role"], message.get("content")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"{where}: result of no preceding call"
            waiting.discard(message["tool_call_id"])
        elif waiting:
            yield f"{where}: calls {sorted(waiting)} have no result"
            waiting = set()
        calls = message.get("tool_calls")
        if calls is not None:
            if not calls:
                yield f"{where}: empty tool_calls"
            for call in calls:
                yield from _chat_call(call, known, where)
            waiting = {call["id"] for call in calls}
        if content is None and not (role == "assistant" and (calls or message.get("refusal") or message.get("audio"))):
            yield f"{where}: null content"
        if isinstance(content, list):
            if not content:
                yield f"{where}: empty content"
            if role != "user" and any(part["type"] not in ("text", "refusal") for part in content):
                yield f"{where}: non-text part"
            if any({"cache_control", "input_schema"} & part.keys() for part in content):
                yield f"{where}: foreign keys in a part"
    if waiting:
        yield "the last calls have no result"


def _chat_call(call: dict[str, Any], known: set[str], where: str) -> Iterator[str]:
    if len(call["id"]) > 64:
        yield f"{where}: id too long"
    if call["id"] in known:
        yield f"{where}: id {call['id']!r} used twice"
    known.add(call["id"])
    if call["type"] == "function":
        if not isinstance(call["function"]["arguments"], str):
            yield f"{where}: arguments are no string"
        if not _CHAT_NAME.match(call["function"]["name"]):
            yield f"{where}: name {call['function']['name']!r}"


def anthropic_complaints(body: dict[str, Any]) -> list[str]:
    """Everything Anthropic would answer with 400."""
    return list(_anthropic(body))


def _anthropic(body: dict[str, Any]) -> Iterator[str]:
    for key in body.keys() - _ANTHROPIC_TOP:
        yield f"{key}: Extra inputs are not permitted"
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        yield "max_tokens"
    if not 0 <= body.get("temperature", 1) <= 1:
        yield "temperature"
    if any(not stop.strip() for stop in body.get("stop_sequences", [])):
        yield "blank stop sequence"
    if body.get("metadata", {}).keys() - {"user_id"}:
        yield "metadata keys"
    if len(list(_marks(body))) > 4:
        yield "more than 4 cache marks"
    if isinstance(body.get("system"), list) and any(not block["text"].strip() for block in body["system"]):
        yield "blank system block"
    if body.get("system") is not None and not body["system"]:
        yield "empty system"
    yield from _anthropic_tools(body)
    yield from _anthropic_thinking(body)
    yield from _anthropic_messages(body["messages"])


def _marks(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "cache_control":
                yield item
            elif key not in ("input", "input_schema"):
                yield from _marks(item)
    elif isinstance(value, list):
        for item in value:
            yield from _marks(item)


def _anthropic_tools(body: dict[str, Any]) -> Iterator[str]:
    tools = body.get("tools", [])
    names = [tool["name"] for tool in tools]
    if len(set(names)) != len(names):
        yield "tool names not unique"
    for tool in tools:
        if "type" in tool:
            continue
        if not _ANTHROPIC_NAME.match(tool["name"]):
            yield f"tool name {tool['name']!r}"
        schema = tool["input_schema"]
        if schema.get("type") != "object" or {"anyOf", "oneOf", "allOf"} & schema.keys():
            yield "input_schema"
        if tool.keys() - {"name", "description", "input_schema", "strict", "cache_control"}:
            yield f"unknown tool keys {tool.keys()}"
    choice = body.get("tool_choice")
    if choice is not None:
        if not tools:
            yield "tool_choice without tools"
        if choice["type"] == "none" and "disable_parallel_tool_use" in choice:
            yield "parallel switch on none"
        if choice["type"] == "tool" and choice["name"] not in names:
            yield "tool_choice names an unknown tool"


def _anthropic_thinking(body: dict[str, Any]) -> Iterator[str]:
    thinking = body.get("thinking")
    if thinking is None or thinking["type"] == "disabled":
        return
    if thinking["type"] == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        yield "thinking budget"
    if body.get("temperature", 1) != 1 or "top_k" in body or body.get("top_p", 1) < 0.95:
        yield "sampling with thinking"
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "forced tool with thinking"
    messages = body["messages"]
    if messages[-1]["role"] == "assistant":
        yield "prefill with thinking"
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    if thinking["type"] == "enabled" and last is not None and isinstance(last["content"], list) and messages[-1] is not last:
        kinds = [block["type"] for block in last["content"]]
        answered = isinstance(messages[-1]["content"], list) and messages[-1]["content"][0]["type"] == "tool_result"
        if answered and "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            yield "expected thinking but found tool_use"


def _anthropic_messages(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages:
        yield "no messages"
        return
    if messages[0]["role"] != "user":
        yield "first message is not the user's"
    used: set[str] = set()
    waiting: list[str] = []
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if message["role"] not in ("user", "assistant"):
            yield f"{where}: role"
        if position and messages[position - 1]["role"] == message["role"]:
            yield f"{where}: roles do not alternate"
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            yield f"{where}: empty content"
        for block in blocks:
            yield from _block(block, where)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(waiting):
            yield f"{where}: calls {waiting} answered by {results}"
        first_other = next((index for index, block in enumerate(blocks) if block["type"] != "tool_result"), len(blocks))
        if any(block["type"] == "tool_result" for block in blocks[first_other:]):
            yield f"{where}: tool_result after other content"
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for call_id in waiting:
            if call_id in used:
                yield f"{where}: duplicate tool_use id"
            used.add(call_id)
    if waiting:
        yield "the last tool_use has no result"
    last = messages[-1]
    if last["role"] == "assistant":
        text = last["content"] if isinstance(last["content"], str) else last["content"][-1].get("text", "x")
        if text != text.rstrip():
            yield "prefill ends in white space"


def _block(block: dict[str, Any], where: str) -> Iterator[str]:
    kind = block["type"]
    if kind not in _BLOCKS:
        yield f"{where}: block {kind}"
        return
    if block.keys() - _BLOCK_KEYS[kind]:
        yield f"{where}: unknown keys in {kind}"
    if kind == "text" and not block["text"].strip():
        yield f"{where}: blank text"
    if kind == "thinking" and not block["signature"]:
        yield f"{where}: thinking without signature"
    if kind == "tool_use":
        if not _ANTHROPIC_ID.match(block["id"]) or not _ANTHROPIC_NAME.match(block["name"]):
            yield f"{where}: id or name of tool_use"
        if not isinstance(block["input"], dict):
            yield f"{where}: input is no object"
    if kind == "image" and block["source"]["type"] == "base64":
        if block["source"]["media_type"] not in _IMAGES:
            yield f"{where}: image type"
        base64.b64decode(block["source"]["data"])
    if kind == "tool_result" and isinstance(block.get("content"), list):
        for inner in block["content"]:
            if inner["type"] not in ("text", "image", "document", "search_result", "tool_reference"):
                yield f"{where}: {inner['type']} in a tool_result"
            yield from _block(inner, where)
