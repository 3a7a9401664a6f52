"""The envelope scan: what routing reads, what is refused and where, and splices that touch nothing else."""

from __future__ import annotations

import json
import re

import pytest

from omniroute._fast.envelope import scan

CHAT = (
    b'{ "model": "lab/m-1",\n  "stream" : true, "messages":[{"role":"user","content":"hi, [you]"},{}],'
    b' "tools":[{}], "max_tokens": 7 }'
)


def test_reads_what_routing_needs() -> None:
    envelope = scan(CHAT)
    assert envelope.body is CHAT
    assert (envelope.model, envelope.stream, envelope.max_tokens) == ("lab/m-1", True, 7)
    assert (envelope.messages, envelope.tools) == (2, 1)
    assert envelope.keys == ("model", "stream", "messages", "tools", "max_tokens")


def test_an_empty_object_has_nothing() -> None:
    envelope = scan(b" {\r\n\t} ")
    assert (envelope.model, envelope.stream, envelope.max_tokens) == (None, None, None)
    assert (envelope.messages, envelope.tools, envelope.keys) == (0, 0, ())
    assert envelope.span("model") is None
    assert envelope.raw("model") is None


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"messages":[]}', 0),
        (b'{"messages":[[1,2],{"a":[3,4]},"x,y"]}', 3),
        (b'{"input":[1,2]}', 2),
        (b'{"input":"one text"}', 0),
        (b'{"contents":[{"parts":[1,2,3]}]}', 1),
        (b'{"messages":{"a":1,"b":2}}', 0),
        (b'{"contents":[1,2,3],"messages":[1]}', 1),
        (b'{"messages":[1,2,3],"messages":[1]}', 1),
    ],
)
def test_messages_are_the_elements_of_their_array(body: bytes, count: int) -> None:
    assert scan(body).messages == count


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b'{"max_completion_tokens":12}', 12),
        (b'{"max_output_tokens":0}', 0),
        (b'{"max_tokens":null,"max_output_tokens":5}', 5),
        (b'{"max_tokens":-1}', None),
        (b'{"max_tokens":1.5}', None),
        (b'{"max_tokens":"9"}', None),
        (b'{"max_tokens":99999999999999999999999999}', None),
    ],
)
def test_max_tokens_of_every_dialect(body: bytes, limit: int | None) -> None:
    assert scan(body).max_tokens == limit


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'"plain"', "plain"),
        (b'""', ""),
        ('"größe/你好"'.encode(), "größe/你好"),
        (b'"a\\u0062\\n\\ud83d\\ude00"', "ab\n😀"),
        (b"null", None),
    ],
)
def test_model_is_decoded(raw: bytes, name: str | None) -> None:
    assert scan(b'{"model":' + raw + b"}").model == name


def test_a_null_stream_counts_as_missing() -> None:
    assert scan(b'{"stream":null}').stream is None
    assert scan(b'{"stream":false}').stream is False


def test_the_last_of_repeated_keys_counts() -> None:
    envelope = scan(b'{"model":"a","stream":true,"model":"b","stream":false}')
    assert (envelope.model, envelope.stream) == ("b", False)
    assert envelope.keys == ("model", "stream")
    assert envelope.raw("model") == b'"b"'


def test_keys_with_escapes_are_found_by_their_meaning() -> None:
    envelope = scan(b'{"mod\\u0065l":"a", "t\\u006fols":[1,2]}')
    assert (envelope.model, envelope.tools, envelope.keys) == ("a", 2, ("model", "tools"))
    assert envelope.splice({"model": b'"b"'}) == b'{"mod\\u0065l":"b", "t\\u006fols":[1,2]}'


def test_span_and_raw_are_the_exact_bytes() -> None:
    envelope = scan(CHAT)
    start, end = envelope.span("stream") or (0, 0)
    assert CHAT[start:end] == b"true"
    assert envelope.raw("messages") == b'[{"role":"user","content":"hi, [you]"},{}]'


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        (b"[]", "must be a JSON object (line 1, column 1)"),
        (b'"text"', "must be a JSON object (line 1, column 1)"),
        (b"{", "ends in the middle (line 1, column 2)"),
        (b'{"a":1', "ends in the middle (line 1, column 7)"),
        (b'{"a":"b', "ends in the middle (line 1, column 8)"),
        (b'{"a":"\\', "ends in the middle (line 1, column 8)"),
        (b'{"a":[1,', "ends in the middle (line 1, column 9)"),
        (b'{"a"', "ends in the middle (line 1, column 5)"),
        (b'{"a":1,}', "a key in double quotes was expected (line 1, column 8)"),
        (b"{a:1}", "a key in double quotes was expected (line 1, column 2)"),
        (b'{"a" 1}', "':' was expected (line 1, column 6)"),
        (b'{"a":1 "b":2}', "',' or '}' was expected (line 1, column 8)"),
        (b'{"a":{"b":1]}', "',' or '}' was expected (line 1, column 12)"),
        (b'{"a":[1}}', "',' or ']' was expected (line 1, column 8)"),
        (b'{"a":[1,]}', "a value was expected (line 1, column 9)"),
        (b'{"a":\n tru}', "neither true, false nor null (line 2, column 2)"),
        (b'{"a":01}', "a malformed number (line 1, column 6)"),
        (b'{"a":1.}', "a malformed number"),
        (b'{"a":-}', "a malformed number"),
        (b'{"a":1e+}', "a malformed number"),
        (b'{"a":+1}', "a value was expected"),
        (b'{"a":NaN}', "a value was expected"),
        (b'{"a":"\n"}', "an unescaped control character in a string (line 1, column 7)"),
        (b'{"a":"\\x"}', "a bad escape in a string"),
        (b'{"a":"\\u12g4"}', "a bad escape in a string"),
        (b'{"a":"\\u12', "a bad escape in a string"),
        (b'{"a":"\\ud800"}', "a lone surrogate escape in a string (line 1, column 7)"),
        (b'{"a":"\\udc00"}', "a lone surrogate escape in a string"),
        (b'{"a":"\\ud800\\u0041"}', "a lone surrogate escape in a string"),
        (b'{"\\ud800":1}', "a lone surrogate escape in a string"),
        (b'{"a":"\xff"}', "invalid UTF-8 (line 1, column 7)"),
        (b'{"a":"\xc0\xaf"}', "invalid UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "invalid UTF-8"),
        (b'{"a":"\xf5\x80\x80\x80"}', "invalid UTF-8"),
        (b'{"a":"\xe4\xbd"}', "invalid UTF-8"),
        (b'{"a":"\xe4', "invalid UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "must be a JSON object"),
        (b'{"a":1}x', "something follows the end of the object (line 1, column 8)"),
        (b'{"a":1}{}', "something follows the end of the object"),
        (b'{"a":1}\x00', "something follows the end of the object"),
        (b'{"model":1}', "model must be a string (line 1, column 10)"),
        (b'{\n"model":\n ["a"]}', "model must be a string (line 3, column 2)"),
        (b'{"stream":"true"}', "stream must be a boolean (line 1, column 11)"),
        (b'{"stream":0}', "stream must be a boolean"),
        ('{"a":"你好",x}'.encode(), "a key in double quotes was expected (line 1, column 11)"),
    ],
)
def test_what_is_not_a_request_is_refused_with_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        scan(body)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    # the body's own object is the first of the 512 levels
    assert scan(b'{"a":' + opening * 511 + b"1" + closing * 511 + b"}").keys == ("a",)
    with pytest.raises(ValueError, match="nested deeper than 512 levels"):
        scan(b'{"a":' + opening * 512 + b"1" + closing * 512 + b"}")


@pytest.mark.parametrize("length", range(40))
@pytest.mark.parametrize("special", [b'\\"', b"\\\\", "é".encode(), "你".encode(), "😀".encode(), b"\\ud83d\\ude00", b"\x7f"])
def test_strings_are_found_at_every_offset(length: int, special: bytes) -> None:
    body = b'{"a":"' + b"x" * length + special + b'tail","model":"m"}'
    assert scan(body).raw("a") == b'"' + b"x" * length + special + b'tail"'
    assert scan(body).model == "m"


@pytest.mark.parametrize("length", range(40))
@pytest.mark.parametrize("bad", [b"\x00", b"\x1f", b"\x80", b"\xff"])
def test_bad_bytes_are_found_at_every_offset(length: int, bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"control character|UTF-8"):
        scan(b'{"a":"' + b"x" * length + bad + b"x" * 20 + b'"}')


@pytest.mark.parametrize(
    ("body", "changes", "after"),
    [
        (b'{"model": "a" , "n":1}', {"model": b'"b"'}, b'{"model": "b" , "n":1}'),
        (b'{"model":"a","n":1}', {"n": None}, b'{"model":"a"}'),
        (b'{"model":"a", "n":1}', {"model": None}, b'{"n":1}'),
        (b'{"a":1, "b":2, "c":3}', {"a": None, "b": None}, b'{"c":3}'),
        (b'{"a":1, "b":2, "c":3}', {"b": None, "c": None}, b'{"a":1}'),
        (b'{"a":1, "b":2, "c":3}', {"a": None, "c": None}, b'{"b":2}'),
        (b'{"a":1,\n"b":2}', {"a": None, "b": None}, b"{}"),
        (b'{"a":1,\n"b":2 }', {"a": None, "b": None, "c": b"3"}, b'{"c":3 }'),
        (b'{"a":1, "b":2}', {"b": None, "c": b"[]"}, b'{"a":1,"c":[]}'),
        (b"{ }", {"stream": b"true"}, b'{"stream":true }'),
        (b'\n{"a":1\n}\n', {"b": b"2", "c": b"3"}, b'\n{"a":1,"b":2,"c":3\n}\n'),
        (b'{"a":1,"b":2,"a":3}', {"a": b"4"}, b'{"b":2,"a":4}'),
        (b'{"a":1,"b":2,"a":3}', {"a": None}, b'{"b":2}'),
        (b'{"a":1,"a":2,"a":3}', {"a": b"3"}, b'{"a":3}'),
        (b'{"a":1,"\\u0061":2}', {"a": b"9"}, b'{"\\u0061":9}'),
        (b'{"a":1}', {'ke"y\n': b"1"}, b'{"a":1,"ke\\"y\\n":1}'),
        (b'{"a":1}', {"größe": b"1"}, '{"a":1,"größe":1}'.encode()),
    ],
)
def test_splice(body: bytes, changes: dict[str, bytes | None], after: bytes) -> None:
    assert scan(body).splice(changes) == after
    json.loads(after)


@pytest.mark.parametrize("changes", [{}, {"absent": None}, {"model": b'"lab/m-1"'}])
def test_splice_of_nothing_gives_the_same_object(changes: dict[str, bytes | None]) -> None:
    assert scan(CHAT).splice(changes) is CHAT


def test_many_keys() -> None:
    body = json.dumps({f"k{i}": i for i in range(1000)}).encode()
    envelope = scan(body)
    assert len(envelope.keys) == 1000
    assert envelope.raw("k999") == b"999"


def test_only_bytes_are_scanned() -> None:
    with pytest.raises(TypeError):
        scan("{}")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        scan(None)  # type: ignore[arg-type]
