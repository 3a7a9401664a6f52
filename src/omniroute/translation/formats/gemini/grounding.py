"""Google's grounding → citations: ranges in bytes of a part become ranges in characters of its text."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from omniroute.ir.request import Part, Text
from omniroute.translation.answers import count, string

_MOST = 1024


def with_citations(parts: tuple[Part, ...], grounding: Any) -> tuple[Part, ...]:
    """``parts`` with the last text citing its sources: {url, title, start_index, end_index}; without supports, no range."""
    place = next((i for i in range(len(parts) - 1, -1, -1) if isinstance(parts[i], Text)), None)
    if place is None or not isinstance(grounding, dict):
        return parts
    text = parts[place]
    if not isinstance(text, Text):
        return parts
    citations = tuple(_citations(text.text, grounding)[:_MOST])
    return (*parts[:place], replace(text, citations=citations), *parts[place + 1 :])


def _citations(text: str, grounding: dict[str, Any]) -> list[dict[str, Any]]:
    chunks = [_source(chunk) for chunk in _list(grounding, "groundingChunks")]
    supports = [support for support in _list(grounding, "groundingSupports") if isinstance(support, dict)]
    if not supports:
        return [source for source in chunks if source is not None]
    spoken = text.encode("utf-8", "replace")
    citations: list[dict[str, Any]] = []
    for support in supports:
        start = _characters(spoken, count(support.get("segment"), "startIndex"))
        end = _characters(spoken, count(support.get("segment"), "endIndex"))
        place = {"start_index": start, "end_index": end} if end > start else {}
        for index in _list(support, "groundingChunkIndices"):
            source = chunks[index] if isinstance(index, int) and 0 <= index < len(chunks) else None
            if source is not None:
                citations.append({**source, **place})
        if len(citations) >= _MOST:
            break
    return citations


def _list(fields: dict[str, Any], key: str) -> list[Any]:
    value = fields.get(key)
    return value if isinstance(value, list) else []


def _source(chunk: Any) -> dict[str, Any] | None:
    web = chunk.get("web") if isinstance(chunk, dict) else None
    if not isinstance(web, dict) or not string(web, "uri"):
        return None
    return {"type": "url_citation", "url": string(web, "uri"), "title": string(web, "title")}


def _characters(spoken: bytes, until: int) -> int:
    return len(spoken[:until].decode("utf-8", "ignore"))
