"""The output items of a finished answer, with the ids the stream encoder would give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, Tool, ToolCall
from omniroute.ir.response import ChatResponse
from omniroute.translation.answers import custom_tools, restore_calls, string
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_responses.calls import call_item
from omniroute.translation.formats.openai_responses.echo import client_tools
from omniroute.translation.formats.openai_responses.rules import NAME, RULES
from omniroute.translation.logprobs import write_logprobs
from omniroute.translation.media import omitted
from omniroute.translation.signatures import wrap


def encode_output(response: ChatResponse, meta: StreamMeta) -> list[dict[str, Any]]:
    """All items in order. Neighbouring texts and refusals are the parts of one message."""
    custom = None if response.origin == NAME else custom_tools(meta.request)
    answer = restore_calls(response, meta.tool_names, meta.id, RULES, custom=custom)
    tail = meta.id.removeprefix("resp_")
    tools = client_tools(meta)
    items: list[dict[str, Any]] = []
    message: list[dict[str, Any]] | None = None
    for part in answer.parts:
        said = _content(part, answer.origin)
        if said is not None:
            if message is None:
                message = []
                items.append(_item("message", f"msg_{tail}_{len(items)}", role="assistant", content=message))
            message.append(said)
            continue
        item = _other(part, tools, f"{tail}_{len(items)}")
        if item is not None:
            items.append(item)
            message = None
    _add_logprobs(items, response)
    return items


def _add_logprobs(items: list[dict[str, Any]], response: ChatResponse) -> None:
    """With the first text: which of several parts a token belongs to is not known."""
    if not response.logprobs:
        return
    for item in items:
        for part in item.get("content", ()) if item["type"] == "message" else ():
            if part["type"] == "output_text":
                part["logprobs"] = write_logprobs(response.logprobs)
                return


def _item(kind: str, item_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": item_id, "type": kind, "status": "completed", **fields}


def _content(part: Part, origin: str) -> dict[str, Any] | None:
    """A content part of a message, None for what is an item of its own or nothing."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text} if part.text else None
    text = ""
    if isinstance(part, Media) and not _is_image(part):
        text = omitted(part.kind, part.url).text
    elif isinstance(part, Opaque) and part.format != NAME and isinstance(part.value, dict):
        text = string(part.value, "transcript")
    elif isinstance(part, Text):
        text = part.text
    if not text:
        return None
    citations = part.citations if isinstance(part, Text) else ()
    annotations = [found for item in citations if (found := _annotation(item, origin, len(text))) is not None]
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _is_image(part: Part) -> bool:
    """Whether it can be told as what the image tool gives."""
    return isinstance(part, Media) and part.kind == "image" and part.data is not None


def _annotation(citation: dict[str, Any], origin: str, length: int) -> dict[str, Any] | None:
    """A citation of any dialect that has a URL; its range is the whole part unless it says better."""
    if origin == NAME:
        return citation
    inner = citation.get("url_citation")
    source = inner if isinstance(inner, dict) else citation
    if not string(source, "url"):
        return None
    start, end = source.get("start_index"), source.get("end_index")
    given = isinstance(start, int) and isinstance(end, int) and 0 <= start <= end
    place = {"start_index": start, "end_index": end} if given else {"start_index": 0, "end_index": length}
    return {"type": "url_citation", "url": source["url"], "title": string(source, "title"), **place}


def _other(part: Part, tools: Mapping[str, Tool], tail: str) -> dict[str, Any] | None:
    if isinstance(part, ToolCall):
        made = call_item(part, tools.get(part.name))
        return _item(made.type, made.prefix + tail, call_id=part.id, **made.fields)
    if isinstance(part, Thinking):
        proof = part.signature if part.vendor == NAME else wrap(part, text=True)
        if not part.text and not proof:
            return None
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        item = {"id": f"rs_{tail}", "type": "reasoning", "summary": summary}
        return {**item, "encrypted_content": proof} if proof else item
    if isinstance(part, Media) and _is_image(part):
        return _item("image_generation_call", f"ig_{tail}", result=part.data)
    return dict(part.value) if isinstance(part, Opaque) and part.format == NAME else None
