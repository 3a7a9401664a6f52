"""Images, documents, audio: read from data URLs, named by type, and fitted to what a target takes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from omniroute.core.errors import BadRequest
from omniroute.ir.request import ChatRequest, Media, MediaKind, Message, Part, Refusal, Text, ToolResult
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules

_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"%PDF-", 0, "application/pdf"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"\xff\xf3", 0, "audio/mpeg"),
)
_ALIASES = {"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav"}
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream")


def canonical_mime(mime: str, data: str | None = None) -> str:
    """Lower case, without parameters, aliases resolved; sniffed from ``data`` (base64) where the type says nothing."""
    plain = mime.partition(";")[0].strip().lower()
    plain = _ALIASES.get(plain, plain)
    return (sniff(data) or plain) if data is not None and plain in _UNTYPED else plain


def sniff(data: str) -> str:
    """The type that the first bytes of base64 ``data`` show, "" if none."""
    try:
        head = base64.b64decode(data[:64].strip()[:24], validate=False)
    except (binascii.Error, ValueError):
        return ""
    for magic, offset, mime in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return mime
    return ""


def read_data_url(url: str) -> tuple[str, str] | None:
    """(MIME type, base64 data) of a ``data:`` URL in any spelling, None for another URL."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    mime, *parameters = head.split(";")
    if not any(parameter.strip().lower() == "base64" for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return canonical_mime(mime, data), data


def data_url(media: Media) -> str:
    """``media.data`` as a data URL."""
    return f"data:{media.mime or 'application/octet-stream'};base64,{media.data or ''}"


class File(NamedTuple):
    """What a URL led to: its MIME type and its content in base64."""

    mime: str
    data: str


def is_note(part: Media | Text, original: Media) -> bool:
    """Whether :func:`fit` could only leave a note where ``original`` stood."""
    return isinstance(part, Text) and part in (omitted(original.kind), omitted(original.kind, original.url))


def urls_to_fetch(request: ChatRequest, rules: Rules, *, vision: bool) -> dict[str, MediaKind]:
    """The URLs whose content the target takes, but not by URL, each with what it should be."""
    wanted: dict[str, MediaKind] = {}
    for message in request.messages:
        if message.role == "assistant":
            continue
        for part in message.parts:
            for inner in (part, *part.content) if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Media) and inner.url is not None and _takes_bytes(inner.kind, rules, vision):
                    wanted.setdefault(inner.url, inner.kind)
    return wanted


def _takes_bytes(kind: MediaKind, rules: Rules, vision: bool) -> bool:
    return kind in rules.media and kind not in rules.media_urls and (vision or kind != "image")


def with_files(request: ChatRequest, files: Mapping[str, File], failed: Mapping[str, str], ops: Ops) -> ChatRequest:
    """``request`` with the content of ``files`` (by URL) in place of the URLs; ``failed`` says why others have none."""

    def given(part: Part, position: int) -> Part:
        if isinstance(part, ToolResult):
            content = tuple(given(inner, position) for inner in part.content)
            return part if content == part.content else replace(part, content=content)
        if not isinstance(part, Media) or part.url is None:
            return part
        if part.url in failed:
            note(ops, "media-fetch", "dropped", "messages", position, detail=f"{part.url[:200]}: {failed[part.url]}")
        if part.url not in files:
            return part
        note(ops, "media-fetch", "rewritten", "messages", position, detail=part.url[:200])
        file = files[part.url]
        return replace(part, kind=kind_of(file.mime), mime=file.mime, data=file.data, url=None)

    messages: list[Message] = []
    for position, message in enumerate(request.messages):
        parts = tuple(given(part, position) for part in message.parts)
        messages.append(message if parts == message.parts else replace(message, parts=parts))
    return replace(request, messages=tuple(messages))


def kind_of(mime: str) -> MediaKind:
    """The family of a MIME type; what is no image, audio or video is a document."""
    family = mime.partition("/")[0]
    if family == "image":
        return "image"
    if family == "audio":
        return "audio"
    return "video" if family == "video" else "document"


def omitted(kind: str, url: str | None = None) -> Text:
    """The note that stands where an attachment could not be sent."""
    place = f" ({url})" if url else ""
    return Text(text=f"[{kind} attachment omitted: not supported by this model{place}]")


def words_of(part: Part) -> str:
    """What a part says in a place for text alone: a note where it is an attachment without text, nothing for other parts."""
    if isinstance(part, Text | Refusal):
        return part.text
    if isinstance(part, Media):
        return part.text if part.text is not None else omitted(part.kind, part.url).text
    return ""


def fit(part: Media, rules: Rules, *, same_vendor: bool, vision: bool = True) -> Media | Text:
    """``part`` as the target takes it: itself, its text, or a note. BadRequest for another vendor's file id and, where the
    target is known to refuse it, an image type it does not take."""
    if part.file_id is not None:
        if not same_vendor:
            sentence = f"File id {part.file_id[:80]!r} belongs to another provider; send the file itself."
            raise BadRequest(sentence, param="messages")
        return part
    accepted = rules.media.get(part.kind)
    if part.kind == "document":
        return _fit_document(part, accepted, rules)
    if accepted is None or (part.kind == "image" and not vision):
        return omitted(part.kind)
    if part.url is not None:
        return part if part.kind in rules.media_urls else omitted(part.kind, part.url)
    mime = canonical_mime(part.mime, part.data)
    if accepted and mime not in accepted:
        if part.kind == "image" and rules.refused_images:
            sentence = f"Images of type {mime or 'unknown'} are not accepted; use {', '.join(sorted(accepted))}."
            raise BadRequest(sentence, param="messages")
        return omitted(part.kind)
    return part if mime == part.mime else replace(part, mime=mime)


def _fit_document(part: Media, accepted: frozenset[str] | None, rules: Rules) -> Media | Text:
    if part.url is not None:
        return part if part.kind in rules.media_urls else omitted("document", part.url)
    mime = canonical_mime(part.mime, part.data)
    text = part.text
    if text is None and part.data is not None and (mime.startswith("text/") or mime == "application/json"):
        text = _decoded(part.data)
    if text is not None:
        if accepted is not None and "text/plain" in accepted:
            return replace(part, text=text, data=None, mime="text/plain")
        title = f"[document: {part.name}]\n" if part.name else ""
        return Text(text=title + text, cache=part.cache)
    if accepted is None or mime not in accepted:
        return omitted("document")
    return part if mime == part.mime else replace(part, mime=mime)


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
