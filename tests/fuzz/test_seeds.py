"""The fuzz targets on what a fuzzing run begins with, and on what such runs once found. The runs themselves: docs/fuzzing.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.cases import CASES

FOUND = sorted((Path(__file__).parent / "found").glob("*"))


@pytest.mark.parametrize("name", CASES)
def test_seeds(name: str) -> None:
    seeds = list(CASES[name].seeds())
    assert len(seeds) >= 7, "a fuzzer needs something to begin with"
    for seed in seeds:
        CASES[name].check(seed)


def test_inputs_that_were_found() -> None:
    """Files are named TARGET-what-it-was."""
    for path in FOUND:
        CASES[max((name for name in CASES if path.name.startswith(f"{name}-")), key=len)].check(path.read_bytes())
