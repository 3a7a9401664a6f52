"""Vocabularies are read once, when asked for, and never twice; one that cannot be had is said once."""

from __future__ import annotations

import asyncio
import base64
import gzip
from pathlib import Path
from typing import Any

import pytest

from omniroute._fast.bpe import Vocabulary
from omniroute.gateway import vocabularies
from omniroute.gateway.vocabularies import Vocabularies, read

SMALL = b"".join(b"%s %d\n" % (base64.b64encode(bytes([b])), b) for b in range(256))


class Reading:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, rules: str) -> bytes:
        self.asked.append(rules)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_read_when_asked_and_once() -> None:
    reading = Reading(SMALL, SMALL)
    all = Vocabularies(reading)
    assert reading.asked == []
    first, second = await asyncio.gather(all.get("o200k"), all.get("o200k"))
    assert isinstance(first, Vocabulary)
    assert first is second is await all.get("o200k")
    assert await all.get("cl100k") is not first
    assert reading.asked == ["o200k", "cl100k"]


@pytest.mark.parametrize("error", [LookupError("gone"), OSError("gone"), EOFError("gone"), MemoryError()])
async def test_what_cannot_be_read_is_not_asked_for_again(error: Exception) -> None:
    reading = Reading(error)
    all = Vocabularies(reading)
    assert await all.get("o200k") is None
    assert await all.get("o200k") is None
    assert reading.asked == ["o200k"]


async def test_what_is_no_vocabulary_is_none() -> None:
    assert await Vocabularies(Reading(b"nonsense")).get("o200k") is None


async def test_a_caller_that_leaves_does_not_stop_the_reading() -> None:
    all = Vocabularies(Reading(SMALL))
    leaving = asyncio.create_task(all.get("o200k"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert isinstance(await all.get("o200k"), Vocabulary)


def test_the_installed_ranks_are_the_published_ones() -> None:
    assert read("o200k").count(b"\n") == 199_998
    assert read("cl100k").count(b"\n") == 100_256


def test_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "vocabulary_of_others"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('its code must not run')\n")
    (package / "data" / "o200k_base.tiktoken.gz").write_bytes(gzip.compress(SMALL))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(vocabularies, "_PACKAGE", package.name)
    with pytest.raises(LookupError, match="not the published vocabulary"):
        read("o200k")
    with pytest.raises(OSError, match="cl100k"):
        read("cl100k")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabularies, "_PACKAGE", "no_such_package_here")
    with pytest.raises(LookupError, match="no_such_package_here is not installed"):
        read("o200k")
