"""What an unparsed Responses body needs on its way to a Responses upstream: the model, refused fields, foreign reasoning out."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.formats.openai_responses.stateless import stateless_items
from omniroute.translation.formats.openai_responses.summaries import as_message, summary_of
from omniroute.translation.quirks import Changes, sampling_changes
from omniroute.translation.read import lenient_object
from omniroute.translation.signatures import PREFIX, is_foreign

_BOUND = ("message", "function_call", "custom_tool_call")
_SAMPLING = ("temperature", "top_p", "top_logprobs")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name, the quirks, and reasoning of other vendors taken out; nothing else is touched."""
    quirks = profile.quirks
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, quirks, _SAMPLING, None))
    raw = envelope.raw("input")
    if raw is not None and (PREFIX.encode() in raw or _bears_on(quirks, raw)):
        items = json.loads(raw)
        kept = _fitted(items, quirks)
        if kept != items:
            changes["input"] = json.dumps(kept)
    if quirks.instructions is not None and envelope.raw("instructions") in (None, b"null", b'""'):
        changes["instructions"] = json.dumps(quirks.instructions)
    if quirks.tool_types:
        _rename_tools(envelope, quirks, changes)
    return changes


def _bears_on(quirks: Quirks, raw: bytes) -> bool:
    """The quirks say something about these items."""
    return quirks.stored_items is False or (quirks.system_role == "developer" and b'"system"' in raw)


def _fitted(items: Any, quirks: Quirks) -> Any:
    if isinstance(items, list):
        items = [shown for item in items if (shown := _readable(item)) is not None]
        if quirks.system_role is not None:
            items = [_spoken(item, quirks.system_role) for item in items]
    return stateless_items(items) if quirks.stored_items is False else items


def _spoken(item: Any, role: str) -> Any:
    """System text under the role word the endpoint knows."""
    if not isinstance(item, dict) or item.get("type", "message") != "message":
        return item
    return {**item, "role": role} if item.get("role") in ("system", "developer") else item


def _rename_tools(envelope: Envelope, quirks: Quirks, changes: Changes) -> None:
    raw = envelope.raw("tools")
    if raw is None or not any(f'"{old}'.encode() in raw for old in quirks.tool_types):
        return
    tools = json.loads(raw)
    found = False
    for tool in tools if isinstance(tools, list) else ():
        kind = tool.get("type") if isinstance(tool, dict) else None
        if isinstance(kind, str) and kind in quirks.tool_types:
            tool["type"], found = quirks.tool_types[kind], True
    if found:
        changes["tools"] = json.dumps(tools)


def _readable(item: Any) -> Any:
    """``item`` as OpenAI can read it: a summary of ours as a message, reasoning of other vendors not at all (None)."""
    if not isinstance(item, dict):
        return item
    summary = summary_of(item)
    if summary is not None:
        return as_message(summary)
    return None if is_foreign(item.get("encrypted_content"), NAME) else item


def unsigned(body: bytes) -> bytes | None:
    """``body`` without reasoning items, None if it has none. Items that pointed to what is stored with them lose their ids."""
    fields = lenient_object(body)
    items = fields.get("input")
    if not isinstance(items, list) or not any(_is_reasoning(item) for item in items):
        return None
    kept = [_unbound(item) for item in items if not _is_reasoning(item)]
    return json.dumps({**fields, "input": kept})


def _is_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


def _unbound(item: Any) -> Any:
    if (
        not isinstance(item, dict)
        or item.get("type") not in _BOUND
        or (item["type"] == "message" and item.get("role") != "assistant")
    ):
        return item
    return {key: value for key, value in item.items() if key != "id"}


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Responses stream ends with usage."""
    return True
