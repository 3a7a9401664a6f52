"""Secret files: random, private, whole, never replaced."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from omniroute.core.errors import StorageError
from omniroute.storage import load_secrets, read_admin_token
from omniroute.storage.secrets import read_or_create, read_secret


def test_first_run_makes_three_random_secrets(tmp_path: Path) -> None:
    assert read_admin_token(tmp_path) is None
    made = load_secrets(tmp_path)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "api_key.secret": 0o600, "session.secret": 0o600, "admin.token": 0o600,
    }  # fmt: skip
    assert load_secrets(tmp_path) == made
    assert read_admin_token(tmp_path) == made.admin_token
    assert made.admin_token.startswith("oat-")
    assert min(len(made.api_key), len(made.session), len(made.admin_token)) >= 43
    (tmp_path / "other").mkdir()
    other = load_secrets(tmp_path / "other")
    assert (
        len({made.api_key, made.session, made.admin_token.encode(), other.api_key, other.session, other.admin_token.encode()})
        == 6
    )


def test_a_given_value_needs_no_file(tmp_path: Path) -> None:
    made = load_secrets(tmp_path, api_key_secret="mine", jwt_secret="ours")
    assert (made.api_key, made.session) == (b"mine", b"ours")
    assert [path.name for path in tmp_path.iterdir()] == ["admin.token"]


def test_secrets_do_not_print_themselves(tmp_path: Path) -> None:
    made = load_secrets(tmp_path)
    assert made.admin_token not in f"{made} {made!r}"


def test_a_file_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "session.secret"
    path.write_text("kept\n")
    path.chmod(0o644)
    assert load_secrets(tmp_path).session == b"kept"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff\xfe\x00"])
def test_an_unusable_file_is_refused_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.secret"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"session\.secret is (empty|not a text file)"):
        load_secrets(tmp_path)
    assert path.read_bytes() == content


def test_a_directory_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "session.secret").mkdir()
    with pytest.raises(StorageError, match=r"cannot use .*session\.secret"):
        load_secrets(tmp_path)
    with pytest.raises(StorageError, match="cannot use"):
        load_secrets(tmp_path / "missing")


def test_two_first_runs_at_once_agree(tmp_path: Path) -> None:
    """The second one finds the name taken at the last moment and reads what the first one wrote."""
    path = tmp_path / "s"
    barrier = threading.Barrier(8)
    found: list[str] = []

    def run(number: int) -> None:
        def make() -> str:
            barrier.wait()
            return f"secret {number}"

        found.append(read_or_create(path, make))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [read_secret(path)] * 8
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert read_or_create(tmp_path / "s", lambda: "made") == "made"
    assert read_or_create(tmp_path / "s", lambda: "other") == "made"
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="no space left on device"):
        read_or_create(tmp_path / "s", lambda: "made")
    assert list(tmp_path.iterdir()) == []
