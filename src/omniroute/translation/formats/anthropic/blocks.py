"""Content blocks of Anthropic messages, in both directions."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import Media, MediaKind, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.calls import arguments_object
from omniroute.translation.media import canonical_mime

NAME = "anthropic"
_TTLS = ("5m", "1h")


def decode_blocks(value: Any, path: str) -> tuple[Part, ...]:
    """Any ``content``: a string, a list of blocks, or nothing."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(text=value),) if value else ()
    if not isinstance(value, list):
        read.wrong(path, "a string or an array of blocks", value)
    return tuple(_decode_block(item, f"{path}[{position}]") for position, item in enumerate(value))


def _decode_block(item: Any, path: str) -> Part:
    block = read.need_object(item, path)
    kind = read.need_text(block, "type", path)
    cache = read.obj(block, "cache_control", path)
    if kind == "text":
        citations = tuple(item for item in read.array(block, "citations", path) or [] if isinstance(item, dict))
        return Text(text=read.need_text(block, "text", path), citations=citations, cache=cache)
    if kind in ("image", "document"):
        return _decode_media(block, cast(MediaKind, kind), path, cache)
    if kind == "thinking":
        signature = read.text(block, "signature", path) or None
        return Thinking(text=read.text(block, "thinking", path) or "", signature=signature, vendor=NAME)
    if kind == "redacted_thinking":
        return Thinking(redacted=read.need_text(block, "data", path), vendor=NAME)
    if kind == "tool_use":
        call_id, name = read.need_text(block, "id", path), read.need_text(block, "name", path)
        return ToolCall(id=call_id, name=name, arguments=_decode_input(block, path), cache=cache)
    if kind == "tool_result":
        return ToolResult(
            call_id=read.need_text(block, "tool_use_id", path),
            content=decode_blocks(block.get("content"), f"{path}.content"),
            is_error=bool(read.flag(block, "is_error", path)),
            cache=cache,
        )
    return Opaque(format=NAME, kind=kind, value=block, cache=cache)


def _decode_input(block: dict[str, Any], path: str) -> str:
    """The arguments as text; agents that stored a cut-off call send text themselves."""
    given = block.get("input")
    if isinstance(given, str):
        return given
    try:
        return json.dumps_text({} if given is None else read.need_object(given, f"{path}.input"))
    except TypeError as error:
        raise BadRequest(f"{path}.input is nested too deep.", param=f"{path}.input") from error


def _decode_media(block: dict[str, Any], kind: MediaKind, path: str, cache: dict[str, Any] | None) -> Part:
    where = f"{path}.source"
    source = read.need_object(block.get("source"), where)
    word = read.need_text(source, "type", where)
    name = read.text(block, "title", path)
    if word == "base64":
        data = read.need_text(source, "data", where)
        mime = canonical_mime(read.text(source, "media_type", where) or "", data)
        return Media(kind=kind, mime=mime, data=data, name=name, cache=cache)
    if word == "url":
        return Media(kind=kind, url=read.need_text(source, "url", where), name=name, cache=cache)
    if word == "file":
        return Media(kind=kind, file_id=read.need_text(source, "file_id", where), name=name, cache=cache)
    if kind == "document" and word == "text":
        return Media(kind=kind, mime="text/plain", text=read.need_text(source, "data", where), name=name, cache=cache)
    if kind == "document" and word == "content":
        inner = decode_blocks(source.get("content"), f"{where}.content")
        if all(isinstance(part, Text) for part in inner):
            text = "\n".join(part.text for part in inner if isinstance(part, Text))
            return Media(kind=kind, mime="text/plain", text=text, name=name, cache=cache)
        return Opaque(format=NAME, kind=kind, value=block, cache=cache)
    raise BadRequest(f"{where}.type {word[:60]!r} is not known.", param=f"{where}.type")


def cache_control(mark: dict[str, Any]) -> dict[str, Any]:
    """Any format's cache mark in Anthropic's words."""
    ttl = mark.get("ttl")
    return {"type": "ephemeral", "ttl": ttl} if ttl in _TTLS else {"type": "ephemeral"}


def encode_blocks(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    """The blocks of a turn. Unsigned thinking and other formats' opaque parts have none."""
    return [block for block in map(_encode_block, parts) if block is not None]


def encode_text(part: Text) -> dict[str, Any]:
    """A text block as it stands in ``system`` too."""
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.cache is not None:
        block["cache_control"] = cache_control(part.cache)
    if part.citations:
        block["citations"] = list(part.citations)
    return block


def _encode_block(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return encode_text(part)
    if isinstance(part, Thinking):
        return _encode_thinking(part)
    block: dict[str, Any] | None = None
    if isinstance(part, Refusal):
        block = {"type": "text", "text": part.text}
    elif isinstance(part, Media):
        block = _encode_media(part)
    elif isinstance(part, ToolCall):
        tool_input = {"input": part.arguments} if part.kind == "custom" else arguments_object(part.arguments)
        block = {"type": "tool_use", "id": part.id, "name": part.name, "input": tool_input}
    elif isinstance(part, ToolResult):
        block = _encode_result(part)
    elif isinstance(part, Opaque) and part.format == NAME:
        return dict(part.value)
    if block is not None and part.cache is not None:
        block["cache_control"] = cache_control(part.cache)
    return block


def _encode_thinking(part: Thinking) -> dict[str, Any] | None:
    if part.vendor != NAME:
        return None
    if part.redacted is not None:
        return {"type": "redacted_thinking", "data": part.redacted}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature} if part.signature else None


def _encode_result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    first = result.content[0] if len(result.content) == 1 else None
    if isinstance(first, Text) and first.cache is None:
        block["content"] = first.text
    elif result.content:
        block["content"] = encode_blocks(result.content)
    if result.is_error:
        block["is_error"] = True
    return block


def _encode_media(media: Media) -> dict[str, Any] | None:
    if media.kind not in ("image", "document"):
        return {"type": "text", "text": f"[{media.kind} attachment omitted: not supported by this model]"}
    source: dict[str, Any]
    if media.file_id is not None:
        source = {"type": "file", "file_id": media.file_id}
    elif media.url is not None:
        source = {"type": "url", "url": media.url}
    elif media.text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": media.text}
    else:
        source = {"type": "base64", "media_type": media.mime, "data": media.data or ""}
    block: dict[str, Any] = {"type": media.kind, "source": source}
    if media.kind == "document" and media.name:
        block["title"] = media.name
    return block
