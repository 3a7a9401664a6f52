"""The rules of subscription endpoints over any conversation: what must hold after them, and that twice is once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.translation.formats.anthropic.marks import limit_marks
from omniroute.translation.formats.anthropic.preamble import with_preamble
from omniroute.translation.formats.openai_responses.ending import FullEnding
from omniroute.translation.formats.openai_responses.stateless import stateless_items
from omniroute.upstream.per_call import merged_list

FIRST = "Say who you are."
_words = st.sampled_from(["", "a", "Be brief.", FIRST, f"{FIRST} And more."])
_blocks = st.fixed_dictionaries(
    {"type": st.just("text"), "text": _words}, optional={"cache_control": st.just({"type": "ephemeral"})}
)
_ids = st.sampled_from(["a", "b", "c", "x" * 80])
_items = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["function_call", "custom_tool_call"]), "call_id": _ids, "id": st.just("fc_1")}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["function_call_output", "custom_tool_call_output"]), "call_id": _ids, "output": _words}
    ),
    st.fixed_dictionaries({"type": st.just("reasoning")}, optional={"encrypted_content": _words, "id": st.just("rs_1")}),
    st.fixed_dictionaries({"type": st.just("item_reference"), "id": st.just("msg_1")}),
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": _words}, optional={"id": st.just("msg_1")}),
    st.recursive(
        st.none() | st.integers() | _words, lambda inner: st.lists(inner) | st.dictionaries(_words, inner), max_leaves=4
    ),
)


@given(st.lists(_items, max_size=12))
def test_no_call_is_alone_and_nothing_points_to_a_store(items: list[Any]) -> None:
    kept = stateless_items(items)
    objects = [item for item in kept if isinstance(item, dict)]
    calls = {item["call_id"] for item in objects if item.get("type") in ("function_call", "custom_tool_call")}
    results = {item["call_id"] for item in objects if str(item.get("type")).endswith("_call_output")}
    assert calls == results
    assert all(len(call_id) <= 64 for call_id in calls)
    assert not any(item.get("type") == "item_reference" for item in objects)
    assert not any(str(item.get("id", "")).startswith(("rs_", "msg_", "fc_")) for item in objects)
    assert stateless_items(kept) == kept


@given(st.lists(_items, max_size=12))
def test_what_was_said_is_not_lost(items: list[Any]) -> None:
    said = [
        item["output"] for item in items if isinstance(item, dict) and isinstance(item.get("output"), str) and "call_id" in item
    ]
    told = json.dumps(stateless_items(items))
    assert all(json.dumps(text)[1:-1] in told for text in said)


@given(st.one_of(st.none(), _words, st.lists(_blocks, max_size=6)))
def test_a_preamble_is_put_once(system: Any) -> None:
    raw = None if system is None else json.dumps(system).encode()
    first = with_preamble(raw, FIRST)
    found = json.loads(first if first is not None else raw or b"null")
    assert found[0]["text"] == FIRST
    assert with_preamble(json.dumps(found).encode(), FIRST) is None
    own = system if isinstance(system, list) else []
    assert found[len(found) - len(own) :] == own


@given(st.lists(_blocks, max_size=6), st.lists(st.lists(_blocks, max_size=4), max_size=4), st.integers(0, 5))
def test_marks_are_bounded_and_nothing_else_changes(system: list[Any], turns: list[list[Any]], most: int) -> None:
    body = {"system": system, "messages": [{"role": "user", "content": content} for content in turns]}
    envelope = scan(json.dumps(body).encode())
    got = json.loads(envelope.splice(limit_marks(envelope, {}, most)))
    assert json.dumps(got).count('"cache_control"') == min(json.dumps(body).count('"cache_control"'), most)
    assert _unmarked(got) == _unmarked(body)


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


_flags = st.lists(st.sampled_from(["a", "b", "c", " a", "d "]), max_size=5)


@given(_flags, st.lists(_flags, max_size=3))
def test_merged_lists_hold_everything_once_and_ours_first(ours: list[str], theirs: list[list[str]]) -> None:
    merged = merged_list(",".join(ours), [",".join(flags) for flags in theirs])
    entries = merged.split(",") if merged else []
    wanted = [flag.strip() for flags in (ours, *theirs) for flag in flags]
    assert set(entries) == set(wanted)
    assert entries == list(dict.fromkeys(wanted))
    assert merged_list(merged, [merged]) == merged


@given(st.binary(max_size=200), st.integers(0, 200))
def test_an_ending_never_loses_bytes_it_does_not_know(data: bytes, cut: int) -> None:
    ending = FullEnding()
    assert ending.feed(data[:cut]) + ending.feed(data[cut:]) + ending.finish() == data
