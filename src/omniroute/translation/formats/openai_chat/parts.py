"""Content parts of Chat Completions messages, in both directions."""

from __future__ import annotations

from typing import Any

from omniroute.ir.request import Media, Opaque, Part, Refusal, Text
from omniroute.translation import read
from omniroute.translation.media import canonical_mime, data_url, kind_of, read_data_url

NAME = "openai_chat"
_AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def decode_content(value: Any, path: str) -> tuple[Part, ...]:
    """Any ``content`` of a message; null and a missing one are empty."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(text=value),) if value else ()
    if not isinstance(value, list):
        read.wrong(path, "a string or an array of parts", value)
    return tuple(_decode_part(item, f"{path}[{position}]") for position, item in enumerate(value))


def _decode_part(item: Any, path: str) -> Part:
    if isinstance(item, str):
        return Text(text=item)
    part = read.need_object(item, path)
    kind = read.need_text(part, "type", path)
    cache = read.obj(part, "cache_control", path) or read.obj(part, "prompt_cache_breakpoint", path)
    if kind == "text":
        return Text(text=read.need_text(part, "text", path), cache=cache)
    if kind == "refusal":
        return Refusal(text=read.need_text(part, "refusal", path), cache=cache)
    if kind == "image_url":
        return _decode_image(part, path, cache)
    if kind == "input_audio":
        audio = read.need_object(part.get("input_audio"), f"{path}.input_audio")
        data = read.need_text(audio, "data", f"{path}.input_audio")
        word = read.text(audio, "format", f"{path}.input_audio") or ""
        return Media(kind="audio", mime=canonical_mime(f"audio/{word}" if word else "", data), data=data, cache=cache)
    if kind == "file":
        return _decode_file(part, path, cache)
    return Opaque(format=NAME, kind=kind, value=part, cache=cache)


def _decode_image(part: dict[str, Any], path: str, cache: dict[str, Any] | None) -> Part:
    image = part.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    fields = read.need_object(image, f"{path}.image_url")
    url = read.need_text(fields, "url", f"{path}.image_url")
    detail = read.text(fields, "detail", f"{path}.image_url")
    inline = read_data_url(url)
    if inline is None:
        return Media(kind="image", url=url, detail=detail, cache=cache)
    mime, data = inline
    return Media(kind="image", mime=mime, data=data, detail=detail, cache=cache)


def _decode_file(part: dict[str, Any], path: str, cache: dict[str, Any] | None) -> Part:
    where = f"{path}.file"
    fields = read.need_object(part.get("file"), where)
    name = read.text(fields, "filename", where)
    file_id = read.text(fields, "file_id", where)
    if file_id is not None:
        return Media(kind="document", file_id=file_id, name=name, cache=cache)
    raw = read.need_text(fields, "file_data", where)
    inline = read_data_url(raw)
    mime, data = inline if inline is not None else (canonical_mime("", raw), raw)
    return Media(kind=kind_of(mime), mime=mime, data=data, name=name, cache=cache)


def encode_content(parts: list[Part]) -> str | list[dict[str, Any]]:
    """User content: a string when it is one plain text, else a list of parts. Parts without a form here are left out."""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    return [encoded for encoded in map(encode_part, parts) if encoded is not None]


def encode_part(part: Part) -> dict[str, Any] | None:
    """One part, None where Chat has no form for it."""
    encoded: dict[str, Any] | None = None
    if isinstance(part, Text):
        encoded = {"type": "text", "text": part.text}
    elif isinstance(part, Refusal):
        encoded = {"type": "refusal", "refusal": part.text}
    elif isinstance(part, Opaque) and part.format == NAME:
        return dict(part.value)
    elif isinstance(part, Media):
        encoded = _encode_media(part)
    if encoded is not None and part.cache is not None:
        encoded["prompt_cache_breakpoint" if "mode" in part.cache else "cache_control"] = part.cache
    return encoded


def _encode_media(media: Media) -> dict[str, Any]:
    if media.file_id is not None:
        file: dict[str, Any] = {"file_id": media.file_id}
        return {"type": "file", "file": file | ({"filename": media.name} if media.name else {})}
    if media.kind == "image":
        image: dict[str, Any] = {"url": media.url if media.url is not None else data_url(media)}
        return {"type": "image_url", "image_url": image | ({"detail": media.detail} if media.detail else {})}
    if media.kind == "audio" and media.mime in _AUDIO_FORMATS:
        return {"type": "input_audio", "input_audio": {"data": media.data or "", "format": _AUDIO_FORMATS[media.mime]}}
    if media.text is not None:
        return {"type": "text", "text": media.text}
    if media.url is not None:
        return {"type": "text", "text": f"[{media.kind}: {media.url}]"}
    name = media.name or ("document.pdf" if media.mime == "application/pdf" else "attachment")
    return {"type": "file", "file": {"filename": name, "file_data": data_url(media)}}
