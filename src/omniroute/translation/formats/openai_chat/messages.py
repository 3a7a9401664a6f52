"""Messages of Chat Completions, in both directions. Tool messages become results inside a user turn and back."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Quirks
from omniroute.ir.request import Message, Opaque, Part, Refusal, Role, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.formats.openai_chat.parts import NAME, decode_content, encode_content, encode_part
from omniroute.translation.formats.openai_chat.tools import decode_call, decode_function_call, encode_call
from omniroute.translation.parts import plain_text

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def decode_messages(body: dict[str, Any]) -> tuple[Message, ...]:
    """All messages in order; runs of tool messages are one user turn of results."""
    items = read.array(body, "messages", "")
    if items is None:
        read.missing("messages")
    if not items:
        raise BadRequest("messages must not be empty.", param="messages")
    messages: list[Message] = []
    results: list[Part] = []
    functions: dict[str, str] = {}
    for position, item in enumerate(items):
        path = f"messages[{position}]"
        fields = read.need_object(item, path)
        role = read.need_text(fields, "role", path)
        if role not in _ROLES:
            raise BadRequest(f"{path}.role {role[:60]!r} is not known; use one of {', '.join(_ROLES)}.", param=f"{path}.role")
        if role in ("tool", "function"):
            results.append(_decode_result(fields, role, path, functions))
            continue
        if results:
            messages.append(Message(role="user", parts=tuple(results)))
            results = []
        messages.append(_decode_message(fields, cast(Role, role), path, functions))
    if results:
        messages.append(Message(role="user", parts=tuple(results)))
    return tuple(messages)


def _decode_message(fields: dict[str, Any], role: Role, path: str, functions: dict[str, str]) -> Message:
    parts = decode_content(fields.get("content"), f"{path}.content")
    name = read.text(fields, "name", path)
    if role != "assistant":
        return Message(role=role, parts=parts, name=name)
    before: list[Part] = []
    thinking = _decode_thinking(fields)
    if thinking is not None:
        before.append(thinking)
    after: list[Part] = []
    refusal = read.text(fields, "refusal", path)
    if refusal:
        after.append(Refusal(text=refusal))
    audio = read.obj(fields, "audio", path)
    if audio is not None:
        after.append(Opaque(format=NAME, kind="audio", value=audio))
    for position, item in enumerate(read.array(fields, "tool_calls", path) or []):
        after.append(decode_call(item, f"{path}.tool_calls[{position}]", position))
    if fields.get("function_call") is not None:
        call = decode_function_call(fields["function_call"], f"{path}.function_call", f"call_{path[9:-1]}_function")
        functions[call.name] = call.id
        after.append(call)
    return Message(role=role, parts=(*before, *parts, *after), name=name)


def _decode_thinking(fields: dict[str, Any]) -> Thinking | None:
    """Reasoning text that a client sends back, under whichever name it got it."""
    for key in ("reasoning_content", "reasoning"):
        value = fields.get(key)
        if isinstance(value, str) and value:
            return Thinking(text=value, vendor=NAME)
    return None


def _decode_result(fields: dict[str, Any], role: str, path: str, functions: dict[str, str]) -> ToolResult:
    name = read.text(fields, "name", path)
    call_id = read.text(fields, "tool_call_id", path) or ""
    if role == "function":
        call_id = functions.get(read.need_text(fields, "name", path), "")
    elif not call_id and not name:
        read.missing(f"{path}.tool_call_id")
    return ToolResult(call_id=call_id, name=name, content=decode_content(fields.get("content"), f"{path}.content"))


def encode_messages(system: tuple[Text, ...], messages: tuple[Message, ...], quirks: Quirks) -> list[dict[str, Any]]:
    """The ``messages`` list, system text first."""
    encoded: list[dict[str, Any]] = []
    if system:
        encoded.append({"role": quirks.system_role or "system", "content": "\n\n".join(text.text for text in system)})
    for message in messages:
        if message.role == "assistant":
            _encode_assistant(message, quirks, encoded)
        elif message.role == "user":
            _encode_user(message, encoded)
        else:
            content = encode_content([part for part in message.parts if isinstance(part, Text)])
            if content:
                encoded.append(_named({"role": quirks.system_role or message.role, "content": content}, message))
    return encoded


def _named(fields: dict[str, Any], message: Message) -> dict[str, Any]:
    return {**fields, "name": message.name} if message.name is not None else fields


def _encode_user(message: Message, encoded: list[dict[str, Any]]) -> None:
    rest: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            encoded.append({"role": "tool", "tool_call_id": part.call_id, "content": _result_text(part)})
        else:
            rest.append(part)
    content = encode_content(rest)
    if content:
        encoded.append(_named({"role": "user", "content": content}, message))


def _result_text(result: ToolResult) -> str:
    text = "\n".join(part.text for part in result.content if isinstance(part, Text))
    return f"Error: {text}" if result.is_error else text


def _encode_assistant(message: Message, quirks: Quirks, encoded: list[dict[str, Any]]) -> None:
    calls = [encode_call(part) for part in message.parts if isinstance(part, ToolCall)]
    content = _assistant_content(message.parts)
    own = [part for part in message.parts if isinstance(part, Opaque) and part.format == NAME]
    audio = next((part.value for part in own if part.kind == "audio"), None)
    if not calls and not content and audio is None:
        return
    fields: dict[str, Any] = _named({"role": "assistant", "content": content or None}, message)
    thinking = "\n\n".join(part.text for part in message.parts if isinstance(part, Thinking) and part.text)
    if thinking:
        fields[quirks.reasoning_field or "reasoning_content"] = thinking
    if audio is not None:
        fields["audio"] = audio
    if calls:
        fields["tool_calls"] = calls
    encoded.append(fields)


def _assistant_content(parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    visible = [part for part in parts if isinstance(part, Text | Refusal)]
    if any(isinstance(part, Refusal) or part.cache is not None for part in visible):
        return [encoded for encoded in map(encode_part, visible) if encoded is not None]
    return plain_text(tuple(visible), "")
