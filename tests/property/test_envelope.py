"""The envelope against two independent JSON readers: valid means accepted, a splice means a dict update."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
KEY = st.sampled_from(["a", "b", "c", "n\n", "messages", "é"]) | TEXT.filter(lambda key: key not in {"model", "stream"})
OBJECT = st.dictionaries(KEY, VALUE, max_size=8)
ALPHABET = st.sampled_from(
    [bytes([b]) for b in b'{}[]:,"\\ue0123456789-+.EtrfalsnD8dc \n\t\x00\x1f\x7f\x80\xbf\xc3\xe4\xed\xf0\xff']
)
MEMBERS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=8)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """An object in a random style: spacing, escapes."""
    value = draw(OBJECT)
    indent = draw(st.sampled_from([None, 0, 1, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (" , ", " :\r\n "), (", ", ": ")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent, separators=separators).encode()


def accepted(body: bytes) -> bool:
    try:
        scan(body)
    except ValueError:
        return False
    return True


def oracle(body: bytes) -> bool:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # the grammar allows numbers that no double can hold, and so do we
        return "infinity" in str(error) and isinstance(json.loads(body), dict)
    return isinstance(value, dict)


@given(documents())
def test_every_valid_object_is_accepted(body: bytes) -> None:
    envelope = scan(body)
    value = orjson.loads(body)
    assert envelope.keys == tuple(value)
    for key in value:
        assert json.loads(envelope.raw(key) or b"") == json.loads(orjson.dumps(value[key]))


@given(documents(), st.data())
def test_damaged_objects_are_judged_as_a_full_parser_does(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.integers(0, 2))
    damaged = body[:at] + b"".join(data.draw(st.lists(ALPHABET, max_size=3))) + body[at + cut :]
    assert accepted(damaged) == oracle(damaged)


@given(st.lists(ALPHABET, max_size=12))
def test_random_values_are_judged_as_a_full_parser_does(pieces: list[bytes]) -> None:
    body = b'{"a":' + b"".join(pieces) + b"}"
    assert accepted(body) == oracle(body)


@given(st.lists(ALPHABET | st.binary(min_size=1, max_size=4), max_size=12))
def test_random_strings_are_judged_as_a_full_parser_does(pieces: list[bytes]) -> None:
    body = b'{"a":"' + b"".join(pieces) + b'"}'
    assert accepted(body) == oracle(body)


@given(documents(), st.integers(0, 4000))
def test_a_cut_body_is_refused(body: bytes, at: int) -> None:
    cut = body[: at % len(body)]
    assert not accepted(cut)


@given(documents(), st.dictionaries(KEY, st.none() | VALUE.map(orjson.dumps), max_size=4))
def test_a_splice_is_a_dict_update(body: bytes, changes: dict[str, bytes | None]) -> None:
    expected: dict[str, Any] = json.loads(body)
    for key, raw in changes.items():
        if raw is None:
            expected.pop(key, None)
        else:
            expected[key] = json.loads(raw)
    after = scan(body).splice(changes)
    assert json.loads(after) == expected
    assert list(json.loads(after)) == list(expected)
    assert accepted(after)


@given(MEMBERS, st.dictionaries(st.sampled_from("abcd"), st.none() | st.just(b"77")))
def test_repeated_keys_leave_no_old_value_behind(members: list[tuple[str, int]], changes: dict[str, bytes | None]) -> None:
    body = ("{" + ", ".join(f'"{key}" : {value}' for key, value in members) + "}").encode()
    after = json.loads(scan(body).splice(changes), object_pairs_hook=list)
    for key, raw in changes.items():
        assert [value for name, value in after if name == key] == ([] if raw is None else [77])
    assert [pair for pair in after if pair[0] not in changes] == [pair for pair in members if pair[0] not in changes]


@given(documents(), KEY)
def test_bytes_outside_the_changed_value_stay(body: bytes, key: str) -> None:
    envelope = scan(body)
    span = envelope.span(key)
    after = envelope.splice({key: b'"new value"'})
    if span is None:
        closing = body.rindex(b"}")
        assert after.endswith(body[closing:])
        assert after.startswith(body[:closing].rstrip())
    else:
        assert after == body[: span[0]] + b'"new value"' + body[span[1] :]
