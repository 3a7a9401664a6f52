"""The input of a body that passes unparsed to an endpoint that stores nothing: whatever points to stored things goes, the rest of
the conversation stays as it was.
"""

from __future__ import annotations

from typing import Any

from omniroute.translation.formats.openai_responses.rules import RULES
from omniroute.translation.names import legal_id
from omniroute.translation.turns import NO_RESULT

_OUTPUT = "_output"
# kinds whose id an endpoint without storage has no use for; of the others it is part of what they say
_WITHOUT_ID = frozenset(
    "message reasoning function_call function_call_output custom_tool_call custom_tool_call_output web_search_call "
    "file_search_call image_generation_call code_interpreter_call".split()
)
_CALLS = frozenset({"function_call", "custom_tool_call"})
_RESULTS = frozenset(kind + _OUTPUT for kind in _CALLS)


def stateless_items(value: Any) -> Any:
    """``input`` as such an endpoint takes it: a list, without references, ids and reasoning that only a store would know, every
    call followed by a result and no result without its call. Anything that is no input is given back."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if not isinstance(value, list):
        return value
    kept = [_unbound(item) for item in value if not _only_stored(item)]
    return _paired(kept)


def _kind(item: Any) -> str:
    """The type of an item: a message where it does not say, "" for what is none."""
    kind = item.get("type") if isinstance(item, dict) else ""
    return "message" if kind is None else kind if isinstance(kind, str) else ""


def _only_stored(item: Any) -> bool:
    kind = _kind(item)
    return kind == "item_reference" or (kind == "reasoning" and not item.get("encrypted_content"))


def _unbound(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    if _kind(item) in _WITHOUT_ID and "id" in item:
        item = {key: value for key, value in item.items() if key != "id"}
    call_id = item.get("call_id")
    if isinstance(call_id, str) and len(call_id) > RULES.id_limit:
        item = {**item, "call_id": legal_id(call_id, None, RULES.id_limit)}
    return item


def _paired(items: list[Any]) -> list[Any]:
    called = {item["call_id"] for item in items if _of(item, _CALLS)}
    answered = {item["call_id"] for item in items if _of(item, _RESULTS)}
    if called == answered:
        return items
    paired: list[Any] = []
    for item in items:
        if _of(item, _RESULTS) and item["call_id"] not in called:
            paired.append(_as_text(item))
            continue
        paired.append(item)
        if _of(item, _CALLS) and item["call_id"] not in answered:
            paired.append({"type": item["type"] + _OUTPUT, "call_id": item["call_id"], "output": NO_RESULT})
    return paired


def _of(item: Any, kinds: frozenset[str]) -> bool:
    return _kind(item) in kinds and isinstance(item.get("call_id"), str)


def _as_text(item: dict[str, Any]) -> dict[str, Any]:
    """A result whose call is gone, as something the user said."""
    output = item.get("output")
    told = {"type": "input_text", "text": "[result of an earlier call of a tool]"}
    parts = output if isinstance(output, list) else [{"type": "input_text", "text": output if isinstance(output, str) else ""}]
    return {"type": "message", "role": "user", "content": [told, *parts]}
