"""Where the data lives when nobody says so, and where it does when somebody does."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from omniroute.core.settings import Settings
from omniroute.storage import data_directory
from omniroute.storage.directory import DirectoryLock


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, platformdirs.user_data_path("omniroute", appauthor=False)),
        ("/srv/omniroute", Path("/srv/omniroute")),
        ("~/omniroute", Path.home() / "omniroute"),
        ("relative", Path.cwd() / "relative"),
    ],
)
def test_the_data_directory(given: str | None, wanted: Path) -> None:
    assert data_directory(Settings.load(flags={"data_dir": given})) == wanted


def test_a_released_lock_can_be_taken_again_and_released_twice(tmp_path: Path) -> None:
    lock = DirectoryLock.acquire(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock.acquire(tmp_path).release()
