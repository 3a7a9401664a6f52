"""What an answer says, for checking: its text in the dialect that was asked, from the raw bytes of the connection."""

from __future__ import annotations

import json
from typing import Any

from scenarios import Scenario


def body_of(answer: bytes) -> bytes:
    """The body of one HTTP answer. Chunked framing is taken off; a cut answer gives what is there."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return body
    joined = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        joined += rest[:length]
        body = rest[length + 2 :]
    return bytes(joined)


def text_of(dialect: str, stream: bool, body: bytes) -> str:
    """The assistant's text. KeyError or ValueError when the body is not of that dialect."""
    if not stream:
        return _finished(dialect, json.loads(body))
    lines = body.decode().splitlines()
    if dialect == "ollama":
        return "".join(json.loads(line)["message"]["content"] for line in lines if line)
    events = [json.loads(line[5:]) for line in lines if line.startswith("data:") and "[DONE]" not in line]
    return "".join(_piece(dialect, event) for event in events)


def _finished(dialect: str, answer: dict[str, Any]) -> str:
    match dialect:
        case "openai_chat":
            return str(answer["choices"][0]["message"]["content"])
        case "anthropic":
            return "".join(part["text"] for part in answer["content"])
        case "openai_responses":
            return "".join(part["text"] for item in answer["output"] for part in item["content"])
        case "gemini":
            return "".join(part["text"] for part in answer["candidates"][0]["content"]["parts"])
        case _:
            return str(answer["message"]["content"])


def _piece(dialect: str, event: dict[str, Any]) -> str:
    match dialect:
        case "openai_chat":
            return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
        case "anthropic":
            return str(event["delta"].get("text", "")) if event["type"] == "content_block_delta" else ""
        case "openai_responses":
            return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""
        case _:
            parts = event["candidates"][0].get("content", {}).get("parts", []) if event.get("candidates") else []
            return "".join(part.get("text", "") for part in parts)


def problem_of(scenario: Scenario, dialect: str, answer: bytes) -> str | None:
    """What is wrong with this answer to the scenario, None when nothing is."""
    if not answer.startswith(b"HTTP/1.1 200"):
        return f"not a 200: {answer[:300]!r}"
    expected = scenario.chunks * int(scenario.words["size"])
    try:
        length = len(text_of(dialect, scenario.stream, body_of(answer)))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        return f"not an answer in {dialect} ({error!r}): {answer[-300:]!r}"
    return None if length == expected else f"the text has {length} characters, not {expected}"
