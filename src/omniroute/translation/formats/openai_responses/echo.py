"""What a response repeats of its request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.ir.request import Tool
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_responses.request import options
from omniroute.translation.formats.openai_responses.rules import NAME

_REPEATED = (
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)


def echo(meta: StreamMeta) -> dict[str, Any]:
    """The request's fields with OpenAI's defaults for what was not stated; only the defaults when the request is not known."""
    fields: dict[str, Any] = {
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "user": None,
    }
    request = meta.request
    if request is None or request.origin != NAME:
        return fields
    stated = options(request)
    if request.system:
        fields["instructions"] = request.system[0].text
    for key in _REPEATED:
        value = stated.get(key)
        if value is not None:
            fields[key] = {**fields[key], **value} if key in ("text", "reasoning") and isinstance(value, dict) else value
    return fields


def client_tools(meta: StreamMeta) -> Mapping[str, Tool]:
    """The client's own definitions by name, {} when they are not known."""
    request = meta.request
    if request is None or request.origin != NAME:
        return {}
    return {tool.name: tool for tool in reversed(request.tools)}
