"""Messages of Ollama's chat, in both directions. Tool messages name their tool; which call they answer is found here."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import Media, Message, Part, Refusal, Role, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.calls import arguments_object
from omniroute.translation.media import canonical_mime, read_data_url, words_of

NAME = "ollama"
_ROLES = ("system", "developer", "user", "assistant", "tool")


class _OpenCalls:
    """The calls that no tool message has answered yet. A message is matched by id where it has one that is known, else by the
    tool's name, else it is the next one; later turns come first, and within a turn the order of calling counts."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._by_name: dict[str, list[deque[str]]] = {}
        self._turns: list[deque[str]] = []

    def add(self, calls: list[ToolCall]) -> None:
        """The calls of one assistant message."""
        names: dict[str, deque[str]] = {}
        for call in calls:
            self._open.add(call.id)
            names.setdefault(call.name, deque()).append(call.id)
        for name, ids in names.items():
            self._by_name.setdefault(name, []).append(ids)
        self._turns.append(deque(call.id for call in calls))

    def answered(self, call_id: str | None, name: str | None) -> str | None:
        """The id of the call such a message answers, None if there is none."""
        found = call_id if call_id in self._open else self._next(self._by_name.get(name, []) if name else self._turns)
        if found is not None:
            self._open.discard(found)
        return found

    def _next(self, turns: list[deque[str]]) -> str | None:
        while turns:
            while turns[-1]:
                found = turns[-1].popleft()
                if found in self._open:
                    return found
            turns.pop()
        return None


def decode_messages(fields: dict[str, Any]) -> tuple[Message, ...]:
    """All messages in order; runs of tool messages are one user turn of results."""
    items = read.array(fields, "messages", "")
    if not items:
        raise BadRequest("messages must not be empty.", param="messages")
    messages: list[Message] = []
    results: list[Part] = []
    calls = _OpenCalls()
    for position, item in enumerate(items):
        path = f"messages[{position}]"
        message = read.need_object(item, path)
        role = read.need_text(message, "role", path)
        if role not in _ROLES:
            raise BadRequest(f"{path}.role {role[:60]!r} is not known; use one of {', '.join(_ROLES)}.", param=f"{path}.role")
        if role == "tool":
            results.append(_decode_result(message, path, calls))
            continue
        if results:
            messages.append(Message(role="user", parts=tuple(results)))
            results = []
        parts = _decode_parts(message, path)
        if role == "assistant":
            called = _decode_calls(message, path, position)
            if called:
                calls.add(called)
            parts = [*_decode_thinking(message, path), *parts, *called]
        messages.append(Message(role=cast(Role, role), parts=tuple(parts)))
    if results:
        messages.append(Message(role="user", parts=tuple(results)))
    return tuple(messages)


def _decode_parts(message: dict[str, Any], path: str) -> list[Part]:
    text = read.text(message, "content", path)
    parts: list[Part] = [Text(text=text)] if text else []
    return parts + decode_images(message, path)


def decode_images(fields: dict[str, Any], path: str) -> list[Part]:
    """``images``: bare base64, whose type only its first bytes tell; data URLs are understood as well."""
    images: list[Part] = []
    for position, item in enumerate(read.array(fields, "images", path) or []):
        if not isinstance(item, str):
            read.wrong(f"{read.at(path, 'images')}[{position}]", "a base64 string", item)
        inline = read_data_url(item)
        mime, data = inline if inline is not None else (canonical_mime("", item), item)
        images.append(Media(kind="image", mime=mime, data=data))
    return images


def _decode_thinking(message: dict[str, Any], path: str) -> list[Part]:
    thinking = read.text(message, "thinking", path)
    return [Thinking(text=thinking, vendor=NAME)] if thinking else []


def _decode_calls(message: dict[str, Any], path: str, position: int) -> list[ToolCall]:
    """The calls of an assistant message; most clients know no ids, so a call's is made of its place in the conversation."""
    calls = []
    for index, item in enumerate(read.array(message, "tool_calls", path) or []):
        where = f"{path}.tool_calls[{index}]"
        call = read.need_object(item, where)
        function = read.need_object(call.get("function"), f"{where}.function")
        calls.append(
            ToolCall(
                id=read.text(call, "id", where) or f"call_{position}_{index}",
                name=read.need_text(function, "name", f"{where}.function"),
                arguments=_decode_arguments(function, f"{where}.function"),
            )
        )
    return calls


def _decode_arguments(function: dict[str, Any], path: str) -> str:
    """The arguments as text; clients of other dialects send text themselves."""
    given = function.get("arguments")
    if isinstance(given, str):
        return given
    try:
        return json.dumps_text({} if given is None else read.need_object(given, f"{path}.arguments"))
    except TypeError as error:
        raise BadRequest(f"{path}.arguments is nested too deep.", param=f"{path}.arguments") from error


def _decode_result(message: dict[str, Any], path: str, calls: _OpenCalls) -> ToolResult:
    name = read.text(message, "tool_name", path) or read.text(message, "name", path)
    given = read.text(message, "tool_call_id", path)
    answered = calls.answered(given, name)
    return ToolResult(call_id=answered or given or "", name=name, content=tuple(_decode_parts(message, path)))


def encode_messages(system: tuple[Text, ...], messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The ``messages`` list, system text first."""
    encoded: list[dict[str, Any]] = []
    if system:
        encoded.append({"role": "system", "content": "\n\n".join(text.text for text in system)})
    for message in messages:
        if message.role == "assistant":
            _encode_assistant(message, encoded)
            continue
        role = "user" if message.role == "user" else "system"
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                encoded.append(_encode_result(part))
            else:
                rest.append(part)
        fields = _encode_content(tuple(rest), role)
        if fields["content"] or "images" in fields:
            encoded.append(fields)
    return encoded


def _encode_content(parts: tuple[Part, ...], role: str) -> dict[str, Any]:
    """A message of texts and images, which stand beside each other here."""
    texts: list[str] = []
    images: list[str] = []
    for part in parts:
        if isinstance(part, Media) and part.kind == "image" and part.data is not None:
            images.append(part.data)
        elif isinstance(part, Text | Refusal | Media):
            texts.append(words_of(part))
    fields: dict[str, Any] = {"role": role, "content": "\n".join(texts)}
    return {**fields, "images": images} if images else fields


def _encode_result(result: ToolResult) -> dict[str, Any]:
    fields = _encode_content(result.content, "tool")
    if result.is_error:
        fields["content"] = f"Error: {fields['content']}"
    if result.name:
        fields["tool_name"] = result.name
    return {**fields, "tool_call_id": result.call_id}


def _encode_assistant(message: Message, encoded: list[dict[str, Any]]) -> None:
    calls = [encode_call(part) for part in message.parts if isinstance(part, ToolCall)]
    content = "".join(part.text for part in message.parts if isinstance(part, Text | Refusal))
    thinking = "\n\n".join(part.text for part in message.parts if isinstance(part, Thinking) and part.text)
    if not calls and not content and not thinking:
        return
    fields: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        fields["thinking"] = thinking
    if calls:
        fields["tool_calls"] = calls
    encoded.append(fields)


def encode_call(call: ToolCall) -> dict[str, Any]:
    """One entry of ``tool_calls``. Servers that know no ids ignore them."""
    given = {"input": call.arguments} if call.kind == "custom" else arguments_object(call.arguments)
    return {"id": call.id, "function": {"name": call.name, "arguments": given}}
