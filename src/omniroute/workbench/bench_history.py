"""Earlier benchmark runs: ``bench.jsonl`` in the data directory, one report a line, for the owner's eyes only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from omniroute.core.errors import StorageError
from omniroute.workbench.bench import BenchReport

FILE_NAME = "bench.jsonl"
FIGURES = ("first_ms", "total_ms", "tokens_per_second", "overhead_ms")


def append(data_dir: Path, report: BenchReport) -> Path:
    """Add the report; the file is made readable by its owner only. StorageError when it cannot be written."""
    path = data_dir / FILE_NAME
    line = msgspec.json.encode(report) + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    return path


def read(data_dir: Path) -> list[BenchReport]:
    """The reports, oldest first. Lines that are none (a broken write, a later version's) are passed over."""
    try:
        lines = (data_dir / FILE_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"cannot read {data_dir / FILE_NAME}: {(error.strerror or str(error)).lower()}") from error
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=BenchReport))
        except msgspec.DecodeError:
            continue
    return found


def before(runs: Sequence[BenchReport], run: BenchReport) -> BenchReport | None:
    """The latest of ``runs`` to set beside ``run``: the same model at the same concurrency, with answers."""
    alike = (one for one in reversed(runs) if one.model == run.model and one.concurrency == run.concurrency and one.answered)
    return next(alike, None)


def ratios(now: BenchReport, then: BenchReport) -> dict[str, dict[str, float]]:
    """Now over then, by figure and by ``p50`` and the like; where either has nothing (or then was 0) there is no ratio."""
    found = {}
    for name in FIGURES:
        old: dict[str, float] = getattr(then, name)
        new: dict[str, float] = getattr(now, name)
        figures = {word: round(value / old[word], 3) for word, value in new.items() if old.get(word)}
        if figures:
            found[name] = figures
    return found
