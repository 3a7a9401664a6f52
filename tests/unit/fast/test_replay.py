"""A whole answer replayed as a stream says what the answer said, and what a stream of it would have said."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute._fast.codec import Bridge, Collector, Encoder, Replayer
from omniroute._fast.openai_chat import OpenAIChatDecoder
from unit.fast.streams import collect, encoder, read_anthropic, read_chat, vector, vectors

VECTORS = [(d, n) for d in ("openai_chat", "anthropic") for n in vectors(d) if n != "error"]


def replay(target: Encoder, answer: dict[str, Any]) -> bytes:
    player = Replayer(target)
    player.start("upstream-id", "upstream-model")
    for block in answer["blocks"]:
        if block["type"] == "text":
            player.text(block["text"])
        elif block["type"] == "thinking":
            player.thinking(block["text"], block["signature"], "anthropic")
        elif block["type"] == "redacted":
            player.redacted(block["data"], "anthropic")
        elif block["type"] == "refusal":
            player.refusal(block["text"])
        else:
            player.tool(block["id"], block["name"], block["arguments"])
    player.usage(*answer["usage"])
    player.stop(answer["stop"], answer["stop_sequence"])
    return player.take()


@pytest.mark.parametrize(("dialect", "name"), VECTORS)
def test_edge_117_replayed_is_streamed(dialect: str, name: str) -> None:
    """Stream → Collector → Replayer → bytes → decoder → Collector: nothing is lost on the way."""
    answer = collect(dialect, vector(dialect, name))
    again = collect("anthropic", replay(encoder("anthropic"), answer))
    for block in (*answer["blocks"], *again["blocks"]):
        block.pop("citations", None)
        if block["type"] == "refusal":
            block["type"] = "text"
    assert again["blocks"] == (answer["blocks"] or [{"type": "text", "text": ""}])
    assert (again["stop"], again["stop_sequence"]) == (
        answer["stop"] if answer["stop"] != "filter" else "refusal",
        answer["stop_sequence"],
    )
    if answer["usage"][3] >= 0:
        assert again["usage"][:4] == tuple(max(value, 0) for value in answer["usage"][:4])


@pytest.mark.parametrize(("dialect", "name"), VECTORS)
def test_replay_into_chat(dialect: str, name: str) -> None:
    answer = collect(dialect, vector(dialect, name))
    got = read_chat(replay(encoder("openai_chat"), answer))
    assert got["content"] == "".join(b["text"] for b in answer["blocks"] if b["type"] == "text")
    assert got["reasoning"] == "".join(b["text"] for b in answer["blocks"] if b["type"] == "thinking")
    assert [(c["id"], c["name"], c["arguments"]) for c in got["calls"]] == [
        (b["id"], b["name"], b["arguments"]) for b in answer["blocks"] if b["type"] == "tool"
    ]


def test_text_survives_escaping() -> None:
    text = 'q"\\ \n\t\u0001 \u2028\u2029\x85 é \U0001f600' + "x" * 5000
    player = Replayer(encoder("openai_chat"))
    player.start("i", "m")
    player.text(text)
    player.tool("c", text, "")
    player.stop("stop", None)
    out = player.take()
    got = read_chat(out)
    assert got["content"] == text
    assert got["calls"] == [{"id": "c", "name": text, "arguments": "{}"}]
    assert not {"\u2028", "\u2029", "\x85"} & set(out.decode())


def test_lone_surrogates_are_replaced() -> None:
    player = Replayer(encoder("anthropic"))
    player.start("i", "m")
    player.text("a\ud800b")
    player.stop("stop", None)
    assert set(read_anthropic(player.take())["blocks"][0]["text"]) == {"a", "b", "\ufffd"}


def test_bytes_are_taken_once() -> None:
    player = Replayer(encoder("anthropic"))
    player.start("i", "m")
    assert player.take() == b"", "message_start waits for the usage that may still come"
    player.usage(7, -1, -1, -1, -1)
    player.text("x")
    first = player.take()
    assert b'"input_tokens":7' in first
    player.stop("stop", None)
    assert b"message_stop" in player.take()
    assert player.take() == b""


def test_an_unknown_stop_word_is_refused() -> None:
    player = Replayer(encoder("anthropic"))
    with pytest.raises(ValueError, match="finished"):
        player.stop("finished", None)


@pytest.mark.parametrize("stop", ["stop", "stop_sequence", "tool", "length", "context", "filter", "refusal", "pause"])
def test_every_stop_word_is_known(stop: str) -> None:
    for target in ("openai_chat", "anthropic"):
        player = Replayer(encoder(target))
        player.text("x")
        player.stop(stop, None)
        out = player.take()
        assert (read_chat(out)["finish"] if target == "openai_chat" else read_anthropic(out)["stop"]) in {
            "stop",
            "tool_calls",
            "length",
            "content_filter",
            "end_turn",
            "tool_use",
            "max_tokens",
            "refusal",
            "pause_turn",
            "model_context_window_exceeded",
        }


def test_a_collector_can_be_replayed_into() -> None:
    collector = Collector()
    player = Replayer(collector)
    player.start("i", "m")
    player.thinking("r", "s", "anthropic")
    player.text("")
    player.redacted("d", "anthropic")
    player.stop("stop_sequence", "S")
    assert player.take() == b""
    assert collector.blocks == [{"type": "thinking", "text": "r", "signature": "s"}, {"type": "redacted", "data": "d"}]
    assert collector.stop_sequence == "S"


def test_replay_needs_an_encoder() -> None:
    with pytest.raises(TypeError):
        Replayer(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Bridge(OpenAIChatDecoder(), OpenAIChatDecoder())  # type: ignore[arg-type]
