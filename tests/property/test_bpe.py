"""The byte-pair encoder against two independent ones: rs-bpe, and merging pair by pair as the method is defined."""

from __future__ import annotations

import base64
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.bpe import Vocabulary
from omniroute.gateway.vocabularies import read

rs_bpe = pytest.importorskip("rs_bpe.bpe", reason="rs-bpe has no wheel for this Python").openai

# What the rules look at, often; anything else, sometimes.
PLAIN = st.sampled_from(
    [*" \n\r\t'/aAbBzZ09.-_", "'s", "'T", "'ll", "'Re", "'ſ", "ſ", "  ", "\r\n", "///", "\u00a0", "\u2003", "\u3000"]
)
ODD = st.sampled_from([*"ʰǅʼªßÉé中あ한ابฟ१Ⅷ½²😀👍🏽\u0301\u200d\ufe0f\U000e0100\x85\u2028\x00"])
CHARACTER = st.characters(codec="utf-8", exclude_categories=("Cs", "Cn"))
TEXT = st.lists(PLAIN | ODD | CHARACTER, max_size=40).map("".join)


@cache
def ours(rules: Any) -> Vocabulary:
    return Vocabulary(read(rules), rules)


@cache
def theirs(rules: str) -> Any:
    return getattr(rs_bpe, f"{rules}_base")()


@pytest.mark.parametrize("rules", ["o200k", "cl100k"])
@given(text=TEXT)
def test_any_text_encodes_as_the_other_encodes_it(rules: str, text: str) -> None:
    ranks = ours(rules).encode(text.encode())
    assert ranks == theirs(rules).encode(text)
    assert ours(rules).count(text.encode()) == len(ranks)


@pytest.mark.parametrize("rules", ["o200k", "cl100k"])
@given(text=TEXT, times=st.integers(2, 40))
def test_repeated_text_too(rules: str, text: str, times: int) -> None:
    assert ours(rules).count((text * times).encode()) == theirs(rules).count(text * times)


@given(data=st.binary(max_size=60))
def test_any_bytes_come_back(data: bytes) -> None:
    ranks = ours("o200k").encode(data)
    assert ours("o200k").count(data) == len(ranks)
    assert b"".join(tokens()[rank] for rank in ranks) == data


@given(texts=st.lists(TEXT, max_size=6))
def test_many_texts_are_the_sum_of_each(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    assert ours("o200k").count(*encoded) == sum(ours("o200k").count(text) for text in encoded)


@cache
def tokens() -> list[bytes]:
    return [base64.b64decode(line.split()[0]) for line in read("o200k").splitlines()]


def merged(ranks: dict[bytes, int], piece: bytes) -> list[int]:
    """The definition: of all neighbours whose union is a token, the one of lowest rank merges, the leftmost first."""
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while True:
        best = min(((ranks[a + b], at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in ranks), default=None)
        if best is None:
            return [ranks[part] for part in parts]
        parts[best[1] : best[1] + 2] = [parts[best[1]] + parts[best[1] + 1]]


@st.composite
def small_vocabularies(draw: st.DrawFn) -> dict[bytes, int]:
    """The bytes and some tokens that merging reaches, in an order in which each is merged from earlier ones."""
    ranks = {bytes([b]): b for b in range(256)}
    known = [b"a", b"b", b"c"]
    for _ in range(draw(st.integers(0, 14))):
        token = draw(st.sampled_from(known)) + draw(st.sampled_from(known))
        if len(token) < 30 and token not in ranks and len(merged(ranks, token)) == 2:
            ranks[token] = len(ranks)
            known.append(token)
    return ranks


@given(ranks=small_vocabularies(), words=st.lists(st.text("abc", min_size=1, max_size=300), min_size=1, max_size=5))
def test_small_vocabularies_merge_as_defined(ranks: dict[bytes, int], words: list[str]) -> None:
    vocabulary = Vocabulary(b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks.items()), "o200k")
    for word in words:
        expected = merged(ranks, word.encode())
        assert vocabulary.encode(word.encode()) == expected
        assert vocabulary.count(word.encode(), word.encode()) == 2 * len(expected)
