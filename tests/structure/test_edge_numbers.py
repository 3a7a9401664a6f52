"""Every numbered edge case of the format notes is named by a test or a vector (``edge-NN``), or stands here with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
NUMBERS = {
    "messages, roles, system": range(1, 19),
    "tool calls in requests": range(19, 63),
    "reasoning and signatures": range(63, 82),
    "media": range(82, 91),
    "parameters": range(91, 104),
    "streams from upstream": range(104, 145),
    "answers to the client": range(145, 165),
}
WITHOUT = {142: "Kiro's binary event stream: that format is not part of this version"}
_NAMED = re.compile(r"edges?[-_](\d{1,3}(?:(?:_to_|_and_|[-_])\d{2,3}(?!\d))*)")


def _named() -> Iterator[tuple[int, str]]:
    for path in sorted(TESTS.rglob("*")):
        if path.suffix not in (".py", ".json") or path == Path(__file__):
            continue
        for found in _NAMED.findall(path.read_text()):
            numbers = [int(number) for number in re.findall(r"\d+", found)]
            through = range(numbers[0], numbers[-1] + 1) if "_to_" in found else numbers
            yield from ((number, path.name) for number in through)


def test_every_edge_case_has_a_test() -> None:
    named = {number for number, _ in _named()}
    missing = [
        f"{number} ({topic})" for topic, numbers in NUMBERS.items() for number in numbers if number not in named | WITHOUT.keys()
    ]
    assert not missing, f"no test and no vector names edge cases {', '.join(missing)}"


def test_what_is_left_out_is_left_out_for_a_reason() -> None:
    named = {number for number, _ in _named()}
    assert all(WITHOUT.values())
    assert not WITHOUT.keys() & named, "a case that is tested needs no excuse"


def test_no_name_has_a_number_that_is_none() -> None:
    known = {number for numbers in NUMBERS.values() for number in numbers}
    strange = sorted({f"{name}: {number}" for number, name in _named() if number not in known})
    assert not strange, strange
