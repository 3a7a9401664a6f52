"""A glance at a finished answer: what it is sure of, a reader of the whole body finds as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.answer import glance
from omniroute.core.errors import BadAnswer
from omniroute.translation.errors import error_in_body
from omniroute.translation.format import registry
from omniroute.translation.response import passes

_CHAT = (b"choices", (b"message", b"delta"), b"usage")
_USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
_MESSAGE = {"role": "assistant", "content": 'a "quoted" {brace} \\ and 日本語'}


def _answer(**changes: Any) -> dict[str, Any]:
    whole = {"id": "x", "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}], "usage": _USAGE}
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : "), (",\n\t", ":\r\n")])
def test_the_usage_of_an_answer_is_found_as_it_stands(separators: tuple[str, str]) -> None:
    body = json.dumps(_answer(), separators=separators, ensure_ascii=False).encode()
    found = glance(b" \n" + body + b"\r\n", *_CHAT)
    assert found is not None
    assert json.loads(found) == _USAGE


@pytest.mark.parametrize(
    "changes",
    [{}, {"error": None}, {"type": "message"}, {"status": "completed"}, {"base_resp": None}, {"note": {"error": "inside"}},
     {"choices": [{"delta": _MESSAGE}, {"message": _MESSAGE, "index": 1}]}],
)  # fmt: skip
def test_answers_are_certain(changes: dict[str, Any]) -> None:
    assert glance(_bytes(_answer(**changes)), *_CHAT) is not None


def test_an_answer_without_usage_is_one_all_the_same() -> None:
    assert glance(_bytes(_answer(usage=...)), *_CHAT) == b""


def test_of_a_repeated_usage_the_last_counts_as_for_a_parser() -> None:
    body = _bytes(_answer())[:-1] + b',"usage":{"prompt_tokens":99}}'
    assert glance(body, *_CHAT) == b'{"prompt_tokens":99}'


@pytest.mark.parametrize(
    "changes",
    [{"error": {"message": "no"}}, {"error": False}, {"type": "error"}, {"status": "failed"}, {"base_resp": {"status_code": 7}},
     {"response": {}}, {"choices": ...}, {"choices": []}, {"choices": {}}, {"choices": None}, {"choices": [1]}, {"choices": [{}]},
     {"choices": [{"message": None}]}, {"choices": [{"message": {}}]}, {"choices": [{"message": "text"}]},
     {"choices": [{"message": _MESSAGE}, {"index": 1}]}, {"choices": [{"message": _MESSAGE, "delta": 1}]}],
)  # fmt: skip
def test_doubt_is_left_to_the_parser(changes: dict[str, Any]) -> None:
    assert glance(_bytes(_answer(**changes)), *_CHAT) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"[]", b"null", b"{", b"{}", b'{"a"', b'{"a":', b'{"a":1', b'{"choices":[', b'{"choices":[{', b'{"choices":[{"message":',
     b'{"choices":[{"message":{"a":1}', b'{"choices":[{"message":{"a":1}}', b'{"choices":[{"message":{"a":1}}]',
     b'{"choices":[{"message":{"a":1}}]} x', b'{"choices":[{"message":{"a":1}}],}', b'{"choices":[{"message":{"a":1}},]}',
     b'{"choices":[{"message":{"a":1}}],"\\u0065rror":1}', b'{"choices":[{"message":{"a":1}}],"type":"e\\u0072ror"}',
     b'{"choices":[{"message":{"a":"\xff"}}]}', b'{"choices":[{"message":{"a":"\\ud800"}}]}'],
)  # fmt: skip
def test_what_is_no_whole_object_is_never_certain(body: bytes) -> None:
    assert glance(body, *_CHAT) is None


def test_every_prefix_of_an_answer_is_refused() -> None:
    body = _bytes(_answer())
    for size in range(len(body)):
        assert glance(bytes(bytearray(body[:size])), *_CHAT) is None


def test_deep_nesting_is_refused_not_followed() -> None:
    assert glance(b'{"choices":[{"message":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]}", *_CHAT) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | st.text(max_size=6) | st.sampled_from(["error", "failed", "message"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["message", "delta", "type", "usage", "a"]), inner)
    ),
    max_leaves=8,
)
_count = st.integers(-3, 10**9) | st.floats(0, 1e6) | st.none()
_usage = st.fixed_dictionaries({}, optional=dict.fromkeys(("prompt_tokens", "input_tokens", "output_tokens"), _count)) | _json
_choices = st.lists(st.fixed_dictionaries({}, optional={"message": _json, "delta": _json, "index": _count}), max_size=3)
_bodies = st.fixed_dictionaries(
    {},
    optional={"choices": _choices | _json, "content": _json, "output": _json, "usage": _usage, "error": _json, "type": _json,
              "status": _json, "base_resp": _json, "response": _json, "message": _json, "x": _json},
)  # fmt: skip


@pytest.mark.parametrize("name", ["openai_chat", "anthropic", "openai_responses"])
@given(body=_bodies, ascii=st.booleans())
def test_whatever_is_certain_a_parser_reads_alike(name: str, body: dict[str, Any], ascii: bool) -> None:
    format = registry()[name]
    raw = json.dumps(body, ensure_ascii=ascii).encode()
    certain, usage = passes(raw, format)
    if not certain:
        return
    assert error_in_body(body) is None
    try:
        assert format.decode_response(raw).usage == usage
    except BadAnswer as error:
        raise AssertionError(f"certain of {body!r}, which is no answer: {error}") from error
