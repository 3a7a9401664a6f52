"""Earlier benchmark runs: ``bench.jsonl`` in the data directory, one report a line, for the owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from omniroute.core.errors import StorageError
from omniroute.workbench.bench import BenchReport

FILE_NAME = "bench.jsonl"


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
