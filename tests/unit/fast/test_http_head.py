"""Heads of answers as bytes: nothing in a header can break out of its line."""

from __future__ import annotations

import pytest

from omniroute._fast.http_head import response_head

FIRST = b"HTTP/1.1 200 OK\r\ndate: now\r\n"


def test_lines_in_their_order() -> None:
    head = response_head(
        FIRST, (("content-type", "text/plain"), ("x-empty", ""), ("x-tab", "a\tb ")), b"content-length: 0\r\n\r\n"
    )
    assert head == FIRST + b"content-type: text/plain\r\nx-empty: \r\nx-tab: a\tb \r\ncontent-length: 0\r\n\r\n"
    assert response_head(b"", [], b"") == b""


def test_what_http_cannot_carry_becomes_a_question_mark() -> None:
    assert response_head(b"", [("x", "ä☀\ud800")], b"") == b"x: \xe4??\r\n"


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
@pytest.mark.parametrize("text", ["{}", "a{}b", "☀{}"])
def test_control_characters_are_refused(code: int, text: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        response_head(FIRST, [("x", text.format(chr(code)))], b"")


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä", "a\x00"])
def test_names_are_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        response_head(FIRST, [(name, "v")], b"")


@pytest.mark.parametrize("pair", [(b"a", "b"), ("a", b"b"), ("a", None)], ids=repr)
def test_only_text_is_taken(pair: tuple[object, object]) -> None:
    with pytest.raises(TypeError):
        response_head(FIRST, [pair], b"")  # type: ignore[list-item]
