"""Judge of Responses request bodies, written from what OpenAI and its Codex backend are known to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TOP = set(
    "model input instructions max_output_tokens max_tool_calls metadata parallel_tool_calls prompt_cache_key reasoning "
    "safety_identifier service_tier store stream temperature top_p top_logprobs text tool_choice tools truncation user include".split()
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ITEM_KEYS = {
    "message": {"type", "role", "content"},
    "function_call": {"type", "call_id", "name", "arguments"},
    "custom_tool_call": {"type", "call_id", "name", "input"},
    "function_call_output": {"type", "call_id", "output"},
    "custom_tool_call_output": {"type", "call_id", "output"},
    "reasoning": {"type", "summary", "encrypted_content"},
}
_TOOL_KEYS = {
    "function": {"type", "name", "description", "parameters", "strict"},
    "custom": {"type", "name", "description", "format"},
    "web_search": {"type", "filters", "search_context_size", "user_location"},
}


def responses_complaints(body: dict[str, Any]) -> list[str]:
    """Everything OpenAI would answer with 400 (for requests that use no tool of its own but the web search)."""
    return list(_complaints(body))


def _complaints(body: dict[str, Any]) -> Iterator[str]:
    for key in body.keys() - _TOP:
        yield f"Unknown parameter: {key}"
    if body.get("max_output_tokens", 16) < 16:
        yield "max_output_tokens below 16"
    if not 0 <= body.get("temperature", 1) <= 2:
        yield "temperature"
    if len(body.get("safety_identifier", "")) > 128:
        yield "safety_identifier too long"
    if body.get("instructions", "x") == "":
        yield "empty instructions"
    if not body.get("tools") and {"tools", "tool_choice", "parallel_tool_calls"} & body.keys():
        yield "tool fields without tools"
    yield from _tools(body)
    yield from _items(body["input"])


def _tools(body: dict[str, Any]) -> Iterator[str]:
    names = set()
    for tool in body.get("tools", []):
        if tool.keys() - _TOOL_KEYS[tool["type"]]:
            yield f"unknown tool keys {tool.keys()}"
        if tool["type"] == "web_search":
            continue
        if not _NAME.match(tool["name"]):
            yield f"tool name {tool['name']!r}"
        if tool["name"] in names:
            yield "tool names not unique"
        names.add(tool["name"])
        if tool["type"] == "function":
            if not isinstance(tool.get("strict"), bool):
                yield "strict is not stated"
            if tool["parameters"].get("type") != "object" or not isinstance(tool["parameters"].get("properties"), dict):
                yield "object schema missing properties"
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] in ("function", "custom") and choice["name"] not in names:
        yield "tool_choice names an unknown tool"


def _items(items: list[dict[str, Any]]) -> Iterator[str]:
    if not items:
        yield "empty input"
    waiting: set[str] = set()
    used: set[str] = set()
    for position, item in enumerate(items):
        where = f"input[{position}]"
        kind = item["type"]
        if kind not in _ITEM_KEYS:
            yield f"{where}: type {kind}"
            continue
        if item.keys() - _ITEM_KEYS[kind]:
            yield f"{where}: unknown keys in {kind}: {item.keys()}"
        if kind == "message":
            yield from _message(item, where)
        elif kind == "reasoning":
            if not isinstance(item["summary"], list) or not item.get("encrypted_content"):
                yield f"{where}: reasoning that is stored nowhere"
        elif kind.endswith("_output"):
            if item["call_id"] not in waiting:
                yield f"{where}: No tool call found for function call output"
            waiting.discard(item["call_id"])
            if isinstance(item["output"], list) and not item["output"]:
                yield f"{where}: empty output"
        else:
            if item["call_id"] in used or not 0 < len(item["call_id"]) <= 64:
                yield f"{where}: call_id {item['call_id']!r}"
            used.add(item["call_id"])
            waiting.add(item["call_id"])
            if not _NAME.match(item["name"]):
                yield f"{where}: name {item['name']!r}"
            if not isinstance(item.get("arguments", ""), str):
                yield f"{where}: arguments are no string"
    for call_id in waiting:
        yield f"No tool output found for function call {call_id}"


def _message(item: dict[str, Any], where: str) -> Iterator[str]:
    wanted = (
        ("output_text", "refusal") if item["role"] == "assistant" else ("input_text", "input_image", "input_file", "input_audio")
    )
    if item["role"] not in ("user", "assistant", "developer"):
        yield f"{where}: role {item['role']}"
    if not item["content"]:
        yield f"{where}: empty content"
    for part in item["content"]:
        if part["type"] not in wanted:
            yield f"{where}: {part['type']} in a message of {item['role']}"
        if item["role"] == "developer" and part["type"] != "input_text":
            yield f"{where}: non-text part"
