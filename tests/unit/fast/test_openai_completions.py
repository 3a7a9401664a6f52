"""Streams of the old completions API: vectors of every dialect, read by the rules of the official SDK's types."""

from __future__ import annotations

import json
from typing import Any

import openai.types
import pytest

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.openai_completions import OpenAICompletionsEncoder
from omniroute.translation.format import registry
from unit.fast.streams import VECTORS, chat, events_of, run, vector, vectors

NOTE = "[image attachment omitted: not supported by this model]"
SOURCES = [(dialect.name, name) for dialect in registry() if not dialect.client_only for name in vectors(dialect.name)]
FINISH = {"length": "length", "context": "length", "filter": "content_filter"}


def bridge(source: str, *, include_usage: bool = True) -> Bridge:
    return Bridge(registry()[source].decoder(), OpenAICompletionsEncoder("cmpl-ours", "shown/model", 1700000000, include_usage))


def read(stream: bytes, *, include_usage: bool = True, number: int = 0) -> dict[str, Any]:
    """The answer in such a stream, every rule checked on the way."""
    frames = list(events_of(stream))
    assert frames[-1] == ("", "[DONE]")
    answer: dict[str, Any] = {"text": "", "finish": None, "usage": None, "error": None}
    for _, data in frames[:-1]:
        value = json.loads(data)
        assert answer["error"] is None
        assert answer["usage"] is None, "the usage chunk is the last one"
        if "error" in value:
            answer["error"] = value["error"]
            continue
        chunk = openai.types.Completion.construct(**value)  # as the SDK does: its type knows no null finish_reason
        assert (chunk.id, chunk.object, chunk.model, chunk.created) == ("cmpl-ours", "text_completion", "shown/model", 1700000000)
        if not value["choices"]:
            assert include_usage
            answer["usage"] = value["usage"]
            continue
        (choice,) = value["choices"]
        if choice["index"] != number:
            continue
        assert answer["finish"] is None
        assert (choice["index"], choice["logprobs"]) == (number, None)
        answer["text"] += choice["text"]
        answer["finish"] = choice["finish_reason"]
    assert (answer["finish"] is None) == (answer["error"] is not None)
    return answer


def stream_of(dialect: str, name: str) -> bytes:
    return vector(dialect, name) if dialect != "ollama" else (VECTORS / dialect / f"{name}.ndjson").read_bytes()


@pytest.mark.parametrize(("dialect", "name"), [*SOURCES, ("ollama", "text"), ("ollama", "tools_lines"), ("ollama", "image")])
def test_every_dialect(dialect: str, name: str) -> None:
    stream = stream_of(dialect, name)
    collector = Collector()
    collected = Bridge(registry()[dialect].decoder(), collector)
    run(collected, stream)
    shown = [block for block in collector.blocks if block["type"] in ("text", "refusal", "media")]
    text = "".join(NOTE if block["type"] == "media" else block["text"] for block in shown)
    whole = run(bridge(dialect), stream)
    answer = read(whole)
    assert answer["text"] == text
    for cut in range(1, len(stream), 5):
        assert run(bridge(dialect), stream, [cut]) == whole
    if collected.error_status:
        assert answer["error"]["message"] == collected.error_message
        return
    refused = "stop" if text else "content_filter"
    assert answer["finish"] == (refused if collected.stop_reason == "refusal" else FINISH.get(collected.stop_reason, "stop"))
    assert answer["usage"]["prompt_tokens"] == max(0, collected.usage.input)
    assert answer["usage"]["completion_tokens"] == max(0, collected.usage.output)


def test_edge_155_usage_only_if_asked_for() -> None:
    stream = vector("openai_chat", "text")
    assert read(run(bridge("openai_chat", include_usage=False), stream), include_usage=False)["usage"] is None


def test_edge_113_a_truncated_stream_ends_with_an_error() -> None:
    answer = read(run(bridge("openai_chat"), chat({"content": "a"}, done=False)))
    assert (answer["text"], answer["error"]["code"]) == ("a", "upstream_truncated")


def test_edge_143_keep_alives_are_comments_where_they_are_allowed() -> None:
    silent = bridge("openai_chat")
    assert silent.ping() == b""
    encoder = OpenAICompletionsEncoder("cmpl-ours", "shown/model", 1700000000)
    assert Bridge(registry()["openai_chat"].decoder(), encoder, comments=True).ping() == b": ping\n\n"
