"""Several choices in one stream, over real sockets, from an upstream of another format that gives them in one stream as well."""

from __future__ import annotations

import json
from typing import Any

from running.fixtures import Server
from upstream.script import Script
from upstream.server import ScriptedUpstream


def gemini_stream(*candidates: tuple[int, str, str | None]) -> bytes:
    events = []
    for index, text, reason in candidates:
        said: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": index}
        said |= {"finishReason": reason} if reason else {}
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14}
        events.append(f"data: {json.dumps({'candidates': [said], 'usageMetadata': usage})}\r\n\r\n")
    return "".join(events).encode()


async def test_a_chat_client_gets_every_candidate_of_a_gemini_upstream(
    server: Server, scripted_upstream: ScriptedUpstream
) -> None:
    said = gemini_stream((0, "one ", None), (1, "uno ", None), (0, "two", "MAX_TOKENS"), (1, "due", "STOP"))
    scripted_upstream.queue(Script(body=said, content_type="text/event-stream"))
    client = server.openai()
    stream = await client.chat.completions.create(
        model="ge/m", n=2, messages=[{"role": "user", "content": "hi"}], stream=True, stream_options={"include_usage": True}
    )
    texts, finishes, usage = ["", ""], ["", ""], None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            finishes[choice.index] += choice.finish_reason or ""
    assert texts == ["one two", "uno due"]
    assert finishes == ["length", "stop"]
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (5, 9)
    (request,) = scripted_upstream.requests
    assert request.json()["generationConfig"]["candidateCount"] == 2
    (row,) = await server.usage()
    assert (row.status, row.output_tokens) == (200, 9)
