"""A conversation told in short: asked for in words, answered in the place of a vendor's unreadable item, read again as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadAnswer
from omniroute.ir.caps import Profile
from omniroute.translation.format import registry
from omniroute.translation.formats.openai_responses.compaction import as_stream, ask, compacted, triggered
from omniroute.translation.formats.openai_responses.summaries import SUMMARY, summary_of, wrap_summary
from omniroute.translation.request import translate_request

USER = {"role": "user", "content": "a"}
TRIGGER = {"type": "compaction_trigger"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": [USER], **fields}).encode()


def answer(text: str, **fields: Any) -> bytes:
    said = {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    whole = {"id": "resp_1", "object": "response", "created_at": 5, "model": "m", "status": "completed", "output": [said]}
    return json.dumps({**whole, "usage": None, **fields}).encode()


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([USER, TRIGGER], True),
        ([TRIGGER, USER], False),
        ([USER], False),
        ("compaction_trigger", False),
        ([], False),
        ([1], False),
    ],
)
def test_the_closing_item_asks_for_it(items: Any, expected: bool) -> None:
    assert triggered(body(input=items)) is expected


def test_what_is_asked_is_whole_and_calls_nothing() -> None:
    tool = {"type": "function", "name": "f"}
    form = {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"}
    asked = json.loads(
        ask(body(input=[USER, TRIGGER], stream=True, tools=[tool], tool_choice="required", text=form, stream_options={}))
    )
    assert (asked["stream"], asked["store"], asked["tool_choice"], asked["tools"]) == (False, False, "none", [tool])
    assert asked["text"] == {"verbosity": "low"}
    assert "stream_options" not in asked
    assert asked["input"][0] == USER
    assert [item["role"] for item in asked["input"]] == ["user", "user"]
    assert "tool_choice" not in json.loads(ask(body(tool_choice="auto")))


def test_answers_of_both_kinds() -> None:
    asked = ask(body(input=[{"role": "developer", "content": "d"}, USER, {"role": "assistant", "content": "b"}, TRIGGER]))
    alone = json.loads(compacted(asked, answer("short"), alone=True))
    assert alone["object"] == "response.compaction"
    message, item = alone["output"]
    assert (message["role"], message["content"]) == ("user", [{"type": "input_text", "text": "a"}])
    assert summary_of(item).endswith("\n\nshort")  # type: ignore[union-attr]
    inside = json.loads(compacted(asked, answer("short"), alone=False))
    assert (inside["object"], inside["output"]) == ("response", [item])
    events = [json.loads(part.split(b"data: ")[1]) for part in as_stream(json.dumps(inside).encode()).split(b"\n\n")[:-1]]
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "output_item.done", "completed"]  # fmt: skip
    assert events[3]["item"] == item
    assert events[-1]["response"] == inside


@pytest.mark.parametrize("given", [answer(""), answer(" \n"), answer("half", status="incomplete"), answer("x", output=[])])
def test_half_a_history_is_an_error(given: bytes) -> None:
    with pytest.raises(BadAnswer, match="no whole summary"):
        compacted(ask(body()), given, alone=True)


@given(text=st.text())
def test_summaries_come_back_as_text_for_every_provider(text: str) -> None:
    for kind in SUMMARY:
        item = {"type": kind, "encrypted_content": wrap_summary(text)}
        shown = summary_of(item)
        assert shown is not None
        assert shown.endswith(text)
        for target in ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama"):
            formats = registry()
            given = scan(body(input=[USER, item, {"role": "user", "content": "next"}]))
            sent = translate_request(given, formats["openai_responses"], formats[target], Profile(model="m")).body
            assert json.dumps(shown, ensure_ascii=False)[1:-1] in json.dumps(json.loads(sent), ensure_ascii=False)
            assert b"omniroute.v1." not in sent


@given(content=st.text() | st.binary().map(lambda raw: "omniroute.v1." + raw.hex()) | st.none() | st.integers())
def test_what_is_not_ours_is_left_to_its_vendor(content: Any) -> None:
    item = {"type": "compaction", "encrypted_content": content}
    assert summary_of(item) is None
    assert summary_of({"type": "reasoning", "encrypted_content": wrap_summary("x")}) is None
