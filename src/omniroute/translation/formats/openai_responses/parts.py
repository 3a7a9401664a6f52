"""Content parts of Responses messages and tool outputs, in both directions."""

from __future__ import annotations

from typing import Any

from omniroute.ir.request import Media, Opaque, Part, Refusal, Text
from omniroute.translation import read
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.media import canonical_mime, data_url, kind_of, omitted, read_data_url

_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def decode_content(value: Any, path: str) -> tuple[Part, ...]:
    """Any ``content`` of a message, or the ``output`` of a call; null and a missing one are empty."""
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
    cache = read.obj(part, "prompt_cache_breakpoint", path)
    if kind in _TEXTS:
        found = read.array(part, "annotations", path) or []
        citations = tuple(note for note in found if isinstance(note, dict))
        return Text(text=read.need_text(part, "text", path), citations=citations, cache=cache)
    if kind == "refusal":
        return Refusal(text=read.need_text(part, "refusal", path), cache=cache)
    if kind in ("input_image", "image_url"):
        return _decode_image(part, path, cache)
    if kind == "input_file":
        return _decode_file(part, path, cache)
    if kind == "input_audio":
        where = f"{path}.input_audio"
        audio = read.need_object(part.get("input_audio"), where)
        data = read.need_text(audio, "data", where)
        word = read.text(audio, "format", where) or ""
        return Media(kind="audio", mime=canonical_mime(f"audio/{word}" if word else "", data), data=data, cache=cache)
    return Opaque(format=NAME, kind=kind, value=part, cache=cache)


def _decode_image(part: dict[str, Any], path: str, cache: dict[str, Any] | None) -> Part:
    detail = read.text(part, "detail", path)
    file_id = read.text(part, "file_id", path)
    if file_id is not None:
        return Media(kind="image", file_id=file_id, detail=detail, cache=cache)
    given = part.get("image_url")
    fields = given if isinstance(given, dict) else part  # the Chat way of writing it is understood as well
    url = read.need_text(fields, "url" if fields is given else "image_url", path)
    inline = read_data_url(url)
    if inline is None:
        return Media(kind="image", url=url, detail=detail, cache=cache)
    return Media(kind="image", mime=inline[0], data=inline[1], detail=detail, cache=cache)


def _decode_file(part: dict[str, Any], path: str, cache: dict[str, Any] | None) -> Part:
    name = read.text(part, "filename", path)
    file_id = read.text(part, "file_id", path)
    if file_id is not None:
        return Media(kind="document", file_id=file_id, name=name, cache=cache)
    url = read.text(part, "file_url", path)
    if url is not None:
        return Media(kind="document", url=url, name=name, cache=cache)
    raw = read.need_text(part, "file_data", path)
    inline = read_data_url(raw)
    mime, data = inline if inline is not None else (canonical_mime("", raw), raw)
    return Media(kind=kind_of(mime), mime=mime, data=data, name=name, cache=cache)


def encode_user(parts: list[Part]) -> list[dict[str, Any]]:
    """The parts of a user, system or developer message, or of an output. What has no form here is left out."""
    return [encoded for encoded in map(_encode_user, parts) if encoded is not None]


def _encode_user(part: Part) -> dict[str, Any] | None:
    encoded: dict[str, Any]
    if isinstance(part, Text | Refusal):
        encoded = {"type": "input_text", "text": part.text}
    elif isinstance(part, Media):
        encoded = _encode_media(part)
    elif isinstance(part, Opaque) and part.format == NAME:
        return dict(part.value)
    else:
        return None
    if part.cache is not None and "mode" in part.cache:
        encoded["prompt_cache_breakpoint"] = part.cache
    return encoded


def _encode_media(media: Media) -> dict[str, Any]:
    if media.kind == "image":
        image: dict[str, Any] = {"type": "input_image", "detail": media.detail or "auto"}
        if media.file_id is not None:
            return {**image, "file_id": media.file_id}
        return {**image, "image_url": media.url if media.url is not None else data_url(media)}
    if media.text is not None:
        return {"type": "input_text", "text": media.text}
    if media.kind == "audio" and media.data is not None and media.mime in _AUDIO_FORMATS:
        return {"type": "input_audio", "input_audio": {"data": media.data, "format": _AUDIO_FORMATS[media.mime]}}
    if media.kind != "document":
        return {"type": "input_text", "text": omitted(media.kind, media.url).text}
    file: dict[str, Any] = {"type": "input_file"}
    if media.file_id is not None:
        file["file_id"] = media.file_id
    elif media.url is not None:
        file["file_url"] = media.url
        return file  # a name beside a URL is refused
    else:
        file |= {"filename": media.name or "document.pdf", "file_data": data_url(media)}
    return file | ({"filename": media.name} if media.name else {})


def encode_assistant(part: Text | Refusal, *, same: bool) -> dict[str, Any]:
    """A part of an assistant message. ``same``: annotations are in this dialect."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = list(part.citations) if same else []
    return {"type": "output_text", "text": part.text, "annotations": annotations}
