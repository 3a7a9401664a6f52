"""The runtime file and the reset of the password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from omniroute.core.errors import BadRequest
from omniroute.core.ids import FakeClock
from omniroute.core.loopback import is_loopback
from omniroute.operations import runtime
from omniroute.operations.reset_password import reset_password
from omniroute.storage import AuditRepository, Database, PasswordStore

MINE = runtime.RunningServer(pid=os.getpid(), url="http://127.0.0.1:20128", started_at=5.0)


def test_written_privately_and_read_back(tmp_path: Path) -> None:
    path = runtime.write(tmp_path, MINE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert runtime.read(tmp_path) == MINE == runtime.running(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["server.json"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"\xff", b"[]"])
def test_a_broken_file_is_no_server(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server.json").write_bytes(content)
    assert runtime.read(tmp_path) is None


def test_a_dead_process_is_no_server(tmp_path: Path) -> None:
    runtime.write(tmp_path, runtime.RunningServer(pid=2**22 + 1, url="http://x", started_at=1.0))
    assert runtime.read(tmp_path) is not None
    assert runtime.running(tmp_path) is None


def test_only_the_owner_takes_it_away(tmp_path: Path) -> None:
    runtime.write(tmp_path, MINE)
    runtime.remove(tmp_path, MINE.pid + 1)
    assert runtime.read(tmp_path) == MINE
    runtime.remove(tmp_path, MINE.pid)
    runtime.remove(tmp_path, MINE.pid)
    assert runtime.read(tmp_path) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[::1", ""])
def test_nobody_answers_there(url: str) -> None:
    assert not runtime.answers(url)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("notlocalhost", False),
        ("", False),
        ("127.0.0.1.example", False),
    ],
)
def test_what_is_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


async def test_resetting_the_password_beside_a_running_server(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await Database.open(tmp_path, clock=clock) as server:
        assert not await reset_password(tmp_path, "the first password", clock)
        first = await PasswordStore(server).generation()
        assert await reset_password(tmp_path, "the second password", clock)
        assert await PasswordStore(server).generation() == first + 1
        assert await PasswordStore(server).verify("the second password")
        assert [row.action for row in await AuditRepository(server).list()] == ["password.reset"] * 2


async def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        await reset_password(tmp_path, "short", FakeClock())
