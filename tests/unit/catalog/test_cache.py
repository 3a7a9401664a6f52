"""The kept catalogue: never of other files than those that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from omniroute.catalog.cache import cache_file, read_through, tree
from omniroute.catalog.load import FOLDER, Baked, load_catalogue, read_sources


class Sources:
    """A folder of two files, with a reader that counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sources"
        (self.folder / "a").mkdir(parents=True)
        self.reads = 0
        for name in ("a/one.toml", "two.toml"):
            (self.folder / name).write_text(name)
        self.file = folder / "cache" / "kept.json"

    def entries(self) -> Iterator[os.DirEntry[str]]:
        return tree(self.folder)

    def read(self) -> bytes:
        self.reads += 1
        return b"".join(Path(entry.path).read_bytes() for entry in self.entries())

    def get(self) -> bytes:
        return read_through(self.file, self.entries, self.read)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setattr(
        "omniroute.catalog.cache._YOUNG_NS", -(10**18)
    )  # the files of this test are new, and trusted all the same
    return Sources(tmp_path)


def test_unchanged_files_are_read_once(sources: Sources) -> None:
    assert sources.get() == sources.get() == b"a/one.tomltwo.toml"
    assert sources.reads == 1
    assert sources.file.stat().st_mode & 0o077 == 0


def test_any_change_is_seen(sources: Sources) -> None:
    sources.get()
    changed = sources.folder / "two.toml"
    times = changed.stat()
    changed.write_text("TWO.toml")  # same length
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))  # and same time of change: the inode's own time tells
    assert sources.get() == b"a/one.tomlTWO.toml"
    (sources.folder / "three.toml").write_text("3")
    assert sources.get() == b"a/one.toml3TWO.toml"
    (sources.folder / "a" / "one.toml").unlink()
    assert sources.get() == b"3TWO.toml"
    assert sources.reads == 4


def test_files_just_written_are_not_trusted(tmp_path: Path) -> None:
    fresh = Sources(tmp_path)
    assert fresh.get() == fresh.get()
    assert (fresh.reads, fresh.file.exists()) == (2, False)


def test_a_directory_that_takes_nothing_is_no_error(sources: Sources) -> None:
    sources.file.parent.write_text("a file, not a directory")
    assert sources.get() == sources.get() == b"a/one.tomltwo.toml"
    assert sources.reads == 2


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/omniroute"),
        ({"HOME": "/h"}, "/h/.cache/omniroute"),
        ({}, None),
    ],
)
def test_where_it_is_kept(environ: dict[str, str], place: str | None) -> None:
    file = cache_file(FOLDER, environ)
    assert (None if file is None else str(file.parent)) == place


def test_the_kept_catalogue_is_the_one_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("omniroute.catalog.cache._YOUNG_NS", -(10**18))
    read = load_catalogue.__wrapped__
    plain: Baked = read_sources(FOLDER)
    first, second = read(FOLDER), read(FOLDER)
    assert first.providers == second.providers == plain.providers
    (kept,) = (tmp_path / "omniroute").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    assert read(FOLDER).providers == plain.providers
    assert not kept.exists()
