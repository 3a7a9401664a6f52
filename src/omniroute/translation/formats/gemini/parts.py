"""Parts of Gemini contents, in both directions."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import Media, MediaKind, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.calls import arguments_object
from omniroute.translation.formats.gemini.fields import NAME, camel, inner, objects, plain_base64
from omniroute.translation.formats.gemini.results import decode_output, encode_output
from omniroute.translation.media import canonical_mime, kind_of

# Google's word for a call that never had a signature, since another vendor's model made it.
UNSIGNED = "skip_thought_signature_validator"
SIGNATURE = "thoughtSignature"
_TYPES: dict[MediaKind, str] = {
    "image": "image/jpeg",
    "document": "application/pdf",
    "audio": "audio/mpeg",
    "video": "video/mp4",
}


class Ids:
    """Call ids of one conversation: those given, and one by place for each call that has none."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of_call(self, given: str | None, path: str) -> str:
        """``path`` is the call's place, which later turns do not change."""
        call_id = given or "call_" + sha256(path.encode()).hexdigest()[:24]
        self._known.add(call_id)
        return call_id

    def of_result(self, given: str | None) -> str:
        """``given``, or "" (match by name) for an id no call has: clients make them up when the model gave none."""
        return given if given in self._known else ""


def decode_parts(items: list[dict[str, Any]], ids: Ids, path: str) -> tuple[Part, ...]:
    """All parts of one content, their keys in camelCase."""
    parts: list[Part] = []
    for position, item in enumerate(items):
        parts += _decode_part(item, ids, f"{path}[{position}]")
    return tuple(parts)


def _decode_part(part: dict[str, Any], ids: Ids, path: str) -> list[Part]:
    signature = read.text(part, SIGNATURE, path) or None
    if part.get("functionCall") is not None:
        return [_decode_call(part, ids, signature, path)]
    if part.get("functionResponse") is not None:
        return [_decode_result(part, ids, path)]
    if part.get("text") is not None:
        text = read.need_text(part, "text", path)
        if read.flag(part, "thought", path):
            return [Thinking(text=text, signature=signature, vendor=NAME)]
        return ([Text(text=text)] if text else []) + _proof(signature)
    for key in ("inlineData", "fileData"):
        if part.get(key) is not None:
            return [decode_media(part, key, path), *_proof(signature)]
    kind = next((key for key, value in part.items() if isinstance(value, dict) and not key.endswith("Metadata")), None)
    return _proof(signature) if kind is None else [Opaque(format=NAME, kind=kind, value=part)]


def _proof(signature: str | None) -> list[Part]:
    """A signature of a part that has no place for it in canonical form stands behind that part."""
    return [] if signature is None else [Opaque(format=NAME, kind=SIGNATURE, value={SIGNATURE: signature})]


def _decode_call(part: dict[str, Any], ids: Ids, signature: str | None, path: str) -> ToolCall:
    where = f"{path}.functionCall"
    call = inner(part, "functionCall", path)
    arguments = read.obj(call, "args", where)
    try:
        text = json.dumps_text(arguments or {})
    except TypeError as error:
        raise BadRequest(f"{where}.args is nested too deep.", param=f"{where}.args") from error
    call_id = ids.of_call(read.text(call, "id", where), path)
    return ToolCall(id=call_id, name=read.need_text(call, "name", where), arguments=text, signature=signature)


def _decode_result(part: dict[str, Any], ids: Ids, path: str) -> ToolResult:
    where = f"{path}.functionResponse"
    fields = inner(part, "functionResponse", path)
    text, is_error = decode_output(read.obj(fields, "response", where) or {})
    media: list[Part] = []
    for position, item in enumerate(objects(fields, "parts", where)):
        key = "fileData" if item.get("fileData") is not None else "inlineData"
        media.append(decode_media(item, key, f"{where}.parts[{position}]"))
    return ToolResult(
        call_id=ids.of_result(read.text(fields, "id", where)),
        name=read.need_text(fields, "name", where),
        content=(Text(text=text), *media) if text or not media else tuple(media),
        is_error=is_error,
    )


def decode_media(part: dict[str, Any], key: str, path: str) -> Media:
    """``inlineData`` or ``fileData`` of a part."""
    where = f"{path}.{key}"
    fields = camel(read.need_object(part.get(key), where))
    name = read.text(fields, "displayName", where)
    mime = read.text(fields, "mimeType", where) or ""
    if key == "fileData":
        mime = canonical_mime(mime)
        url = read.need_text(fields, "fileUri", where)
        return Media(kind=kind_of(mime or _guess(url)), mime=mime, url=url, name=name)
    data = plain_base64(read.need_text(fields, "data", where))
    mime = canonical_mime(mime, data)
    return Media(kind=kind_of(mime), mime=mime, data=data, name=name)


def encode_parts(parts: tuple[Part, ...], *, named: bool) -> list[dict[str, Any]]:
    """The parts of one content of a request, its first call signed. Parts without a form here are left out.

    ``named``: calls and results carry ids; else they are matched by their order.
    """
    encoded: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Opaque) and part.format == NAME and part.kind == SIGNATURE:
            if encoded:
                encoded[-1] = {**encoded[-1], **part.value}
            continue
        if not named and isinstance(part, ToolCall):
            part = replace(part, id="")
        elif not named and isinstance(part, ToolResult):
            part = replace(part, call_id="")
        value = _encode_part(part)
        if value is not None:
            encoded.append(value)
    first = next((part for part in encoded if "functionCall" in part), None)
    if first is not None:
        first.setdefault(SIGNATURE, UNSIGNED)
    return encoded


def _encode_part(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        return {"text": part.text}
    if isinstance(part, Thinking):
        signed = part.vendor == NAME and part.signature is not None
        return {"text": part.text, "thought": True, SIGNATURE: part.signature} if signed else None
    if isinstance(part, ToolCall):
        return encode_call(part)
    if isinstance(part, ToolResult):
        identity = {"id": part.call_id} if part.call_id else {}
        return {"functionResponse": {**identity, "name": part.name or "", "response": encode_output(part)}}
    if isinstance(part, Media):
        return encode_media(part)
    return dict(part.value) if isinstance(part, Opaque) and part.format == NAME else None


def encode_call(call: ToolCall) -> dict[str, Any]:
    """A call with its own signature, if it has one."""
    arguments = {"input": call.arguments} if call.kind == "custom" else arguments_object(call.arguments)
    identity = {"id": call.id} if call.id else {}
    part: dict[str, Any] = {"functionCall": {**identity, "name": call.name, "args": arguments}}
    return {**part, SIGNATURE: call.signature} if call.signature else part


def encode_media(media: Media) -> dict[str, Any]:
    """Bytes inline, anything else by its URI."""
    if media.text is not None:
        return {"text": media.text}
    if media.data is not None:
        return {"inlineData": {"mimeType": media.mime or "application/octet-stream", "data": media.data}}
    url = media.url or media.file_id or ""
    return {"fileData": {"mimeType": media.mime or _guess(url) or _TYPES[media.kind], "fileUri": url}}


def _guess(url: str) -> str:
    """The MIME type a URL's ending speaks of, "" if none."""
    return mimetypes.guess_type(url.partition("?")[0])[0] or ""
