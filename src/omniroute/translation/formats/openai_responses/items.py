"""Turns written as the items of a Responses input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.core import json
from omniroute.ir.caps import Quirks
from omniroute.ir.request import Message, Opaque, Part, Refusal, Text, Thinking, Tool, ToolCall, ToolResult
from omniroute.translation.formats.openai_responses.calls import NATIVE, call_item
from omniroute.translation.formats.openai_responses.input import REPORTS
from omniroute.translation.formats.openai_responses.parts import encode_assistant, encode_user
from omniroute.translation.formats.openai_responses.rules import NAME

_OUTPUTS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_NATIVE_TYPES = frozenset(native.call for native in NATIVE.values())


class ItemWriter:
    """Writes the turns of one request. ``same``: they come from this very dialect."""

    def __init__(self, tools: Mapping[str, Tool], quirks: Quirks, *, same: bool) -> None:
        self._tools = tools
        self._system_role = quirks.system_role or "developer"
        self._same = same
        self._types: dict[str, str] = {}  # call id → item type of that call
        self._items: list[dict[str, Any]] = []

    def items(self, messages: tuple[Message, ...]) -> list[dict[str, Any]]:
        """All items in order."""
        for message in messages:
            if message.role == "assistant":
                self._assistant(message.parts)
            else:
                self._user(message, message.role if message.role == "user" else self._system_role)
        return self._items

    def _user(self, message: Message, role: str) -> None:
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._items.append(self._output(part))
            elif isinstance(part, Opaque) and part.format == NAME and part.kind in REPORTS:
                self._items.append(dict(part.value))
            else:
                rest.append(part)
        content = encode_user(rest)
        if content:
            self._items.append({"type": "message", "role": role, "content": content})

    def _assistant(self, parts: tuple[Part, ...]) -> None:
        said: list[dict[str, Any]] = []

        def flush() -> None:
            if said:
                self._items.append({"type": "message", "role": "assistant", "content": list(said)})
                said.clear()

        for part in parts:
            if isinstance(part, Text | Refusal):
                said.append(encode_assistant(part, same=self._same))
                continue
            item = self._item(part)
            if item is not None:
                flush()
                self._items.append(item)
        flush()

    def _item(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, ToolCall):
            made = call_item(part, self._tools.get(part.name))
            self._types[part.id] = made.type
            return {"type": made.type, "call_id": part.id, **made.fields}
        if isinstance(part, Thinking):
            return _reasoning(part)
        return dict(part.value) if isinstance(part, Opaque) and part.format == NAME else None

    def _output(self, result: ToolResult) -> dict[str, Any]:
        called = self._types.get(result.call_id, "function_call")
        text = "\n".join(part.text for part in result.content if isinstance(part, Text))
        if called in _NATIVE_TYPES:
            return _native_output(called, result, text)
        output: Any = text
        if any(not isinstance(part, Text) for part in result.content) or (len(result.content) > 1 and not result.is_error):
            output = encode_user(list(result.content))
            if result.is_error:
                output.insert(0, {"type": "input_text", "text": "Error:"})
        elif result.is_error:
            output = f"Error: {text}"
        return {"type": _OUTPUTS[called], "call_id": result.call_id, "output": output}


def _native_output(called: str, result: ToolResult, text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": f"{called}_output", "call_id": result.call_id}
    if called == NATIVE["shell"].call:
        try:
            output = json.loads(text)
        except json.JSONDecodeError:
            output = None
        if not isinstance(output, list):
            output = [{"stdout": text, "stderr": "", "outcome": {"type": "exit", "exit_code": int(result.is_error)}}]
        return {**fields, "output": output}
    if called == NATIVE["apply_patch"].call:
        return {**fields, "status": "failed" if result.is_error else "completed", "output": text}
    return {**fields, "id": result.call_id, "output": text}


def _reasoning(part: Thinking) -> dict[str, Any] | None:
    if part.vendor != NAME:
        return None
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    proof = {"encrypted_content": part.signature} if part.signature else {}
    return {"type": "reasoning", "summary": summary, **proof} if summary or proof else None
