"""Compaction: a conversation told in short, asked for by a route of its own or by the last item of a request.

OpenAI answers with an item that only it can read. Other models are asked for a summary in words; it travels in such an item's
place, and where the item comes back, it is text again. Nothing is kept here.
"""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import scan
from omniroute.core import json
from omniroute.translation import read
from omniroute.translation.answers import answer_object, bad_answer, string
from omniroute.translation.formats.openai_responses.input import input_items
from omniroute.translation.formats.openai_responses.summaries import SUMMARY, wrap_summary

TRIGGER = "compaction_trigger"
_OF_ANSWERS = ("stream", "store", "stream_options", "include", "tool_choice")
PROMPT = (
    "The conversation above has to be continued by someone who will see nothing of it but what you write now. Write a handover: "
    "what the user wants and all they asked to respect, what was done and decided and why, the exact names, paths, commands, "
    "values and errors that still matter, what is unfinished, and the very next step. Call no tools. Write the handover and "
    "nothing else."
)


def triggered(body: bytes) -> bool:
    """Whether the last item of a request asks for compaction."""
    if TRIGGER.encode() not in body:
        return False
    items = read.lenient_object(body).get("input")
    return isinstance(items, list) and bool(items) and isinstance(items[-1], dict) and items[-1].get("type") == TRIGGER


def ask(body: bytes) -> bytes:
    """The request for a summary in words of what ``body`` would have compacted: whole, not streamed. Raises BadRequest."""
    fields = read.request_object(body)
    items = [item for item in input_items(fields) if not (isinstance(item, dict) and item.get("type") == TRIGGER)]
    prompt = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}
    asked: dict[str, Any] = {**fields, "input": [*items, prompt], "stream": False, "store": False}
    asked.pop("stream_options", None)
    asked.pop("tool_choice", None)
    if asked.get("tools"):
        asked["tool_choice"] = "none"
    text = asked.get("text")
    if isinstance(text, dict):
        asked["text"] = {key: value for key, value in text.items() if key != "format"}
    return json.dumps(asked)


def bare(body: bytes) -> bytes:
    """The request without what only an answer could have: it cannot be streamed or stored."""
    envelope = scan(body)
    return envelope.splice({key: None for key in _OF_ANSWERS if envelope.span(key) is not None})


def compacted(asked: bytes, response_body: bytes, *, alone: bool) -> bytes:
    """The answer to a request for compaction, made of the ``response_body`` to what :func:`ask` made of it.

    ``alone``: as its own route gives it, what users said and then the item; else a response whose only output is the item.
    Raises BadAnswer when the summary is missing or was cut: half a history is worse than an error.
    """
    response = answer_object(response_body)
    summary = _text(response)
    if string(response, "status") == "incomplete" or not summary.strip():
        raise bad_answer("The model gave no whole summary of the conversation.")
    tail = string(response, "id").removeprefix("resp_")
    item = {"id": f"cmp_{tail}", "type": SUMMARY[0], "encrypted_content": wrap_summary(summary)}
    if not alone:
        return json.dumps({**response, "output": [item]})
    said = [entry for entry in input_items(read.request_object(asked))[:-1] if _is_users(entry)]
    users = [_as_output(entry, f"msg_{tail}_{position}") for position, entry in enumerate(said)]
    return json.dumps(
        {
            "id": string(response, "id"),
            "object": "response.compaction",
            "created_at": response.get("created_at", 0),
            "output": [*users, item],
            "usage": response.get("usage"),
        }
    )


def _text(response: dict[str, Any]) -> str:
    output = response.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    parts = [part for item in items if item.get("type") == "message" for part in item.get("content") or ()]
    return "".join(string(part, "text") for part in parts if isinstance(part, dict))


def _is_users(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type", "message") == "message" and item.get("role") == "user"


def _as_output(item: dict[str, Any], item_id: str) -> dict[str, Any]:
    content = item.get("content")
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    return {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": parts}


def as_stream(response_body: bytes) -> bytes:
    """A finished response as the stream of its whole items. Raises BadAnswer."""
    response = answer_object(response_body)
    items = response.get("output")
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": response})
    numbered = [{"type": event["type"], "sequence_number": number, **event} for number, event in enumerate(events)]
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event)) for event in numbered)
