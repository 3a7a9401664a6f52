"""The doctor on a healthy set-up and on broken ones: it says what is wrong and how to mend it."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from omniroute.core.ids import FakeClock
from omniroute.operations import checks, runtime
from omniroute.operations.doctor import examine, mend
from omniroute.operations.finding import Finding
from omniroute.storage import (
    AccountRepository,
    AuditRepository,
    Database,
    NodeRepository,
    PasswordStore,
    SettingRepository,
    Vault,
    load_secrets,
)
from omniroute.storage.db import DATABASE_NAME
from omniroute.storage.logins import LoginRepository


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def data_dir(tmp_path: Path, clock: FakeClock) -> Path:
    """What a server that has run and stopped leaves behind, one stored credential included."""
    path = tmp_path / "data"
    async with await Database.open(path, clock=clock) as db:
        vault = await Vault.open(db)
        load_secrets(path)
        await AccountRepository(db, vault).create("alpha", "work", secret="sk-alpha-0123456789")
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        yield holder.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def look(
    data_dir: Path, clock: FakeClock, *, environ: dict[str, str] | None = None, config: Path | None = None, **flags: Any
) -> list[Finding]:
    given = {"data_dir": str(data_dir), "port": free_port(), **flags}
    return await examine(flags=given, environ=environ or {}, config=config, clock=clock)


def bad(findings: list[Finding]) -> dict[str, Finding]:
    return {f.id: f for f in findings if f.severity != "ok"}


async def test_a_healthy_set_up(data_dir: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "shipped_extensions", lambda: {"envelope"})
    before = {
        p.name: p.read_bytes() for p in data_dir.iterdir() if p.suffix not in (".sqlite-wal", ".sqlite-shm") and p.is_file()
    }
    findings = await look(data_dir, clock)
    assert bad(findings) == {}
    assert {"database.open", "encryption.key", "files.private", "port.free", "catalogue.load", "config.file"} <= {
        f.id for f in findings
    }
    after = {p.name: p.read_bytes() for p in data_dir.iterdir() if p.suffix not in (".sqlite-wal", ".sqlite-shm") and p.is_file()}
    assert after == before


async def test_a_fresh_machine_is_healthy_and_stays_untouched(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "shipped_extensions", lambda: {"envelope"})
    assert bad(await look(tmp_path / "nothing" / "yet", clock)) == {}
    assert list(tmp_path.iterdir()) == []


async def test_a_held_port(data_dir: Path, clock: FakeClock, taken_port: int) -> None:
    found = bad(await look(data_dir, clock, port=taken_port))["port.free"]
    assert found.severity == "error"
    assert str(taken_port) in found.what
    assert "--port" in (found.fix or "")


async def test_an_address_that_is_not_ours(data_dir: Path, clock: FakeClock) -> None:
    found = bad(await look(data_dir, clock, host="192.0.2.7", require_api_key=True, initial_password="long enough"))
    assert found["port.free"].severity == "error"


async def test_a_broken_config_line(data_dir: Path, clock: FakeClock, tmp_path: Path) -> None:
    file = tmp_path / "omniroute.toml"
    file.write_text("port = 20128\nprot = 1\n")
    found = bad(await look(data_dir, clock, config=file))["config.file"]
    assert found.severity == "error"
    assert "omniroute.toml:2" in found.what
    assert "did you mean 'port'" in found.what


async def test_a_broken_node_in_the_config_file(data_dir: Path, clock: FakeClock, tmp_path: Path) -> None:
    file = tmp_path / "omniroute.toml"
    file.write_text('[nodes.lab]\nformat = "telepathy"\nbase_url = "http://127.0.0.1:9"\n')
    found = bad(await look(data_dir, clock, config=file))["config.providers"]
    assert "omniroute.toml:2" in found.what


async def test_a_wrong_variable(data_dir: Path, clock: FakeClock) -> None:
    findings = await examine(flags={}, environ={"PORT": "many", "DATA_DIR": str(data_dir)}, config=None, clock=clock)
    assert "PORT" in bad(findings)["config.settings"].what


async def test_a_file_in_place_of_the_directory(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "data").write_text("")
    assert bad(await look(tmp_path / "data", clock))["data_dir.usable"].severity == "error"
    assert bad(await look(tmp_path / "data" / "below", clock))["data_dir.usable"].severity == "error"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_an_unwritable_directory(data_dir: Path, clock: FakeClock) -> None:
    data_dir.chmod(0o500)
    try:
        assert bad(await look(data_dir, clock))["data_dir.usable"].severity == "error"
    finally:
        data_dir.chmod(0o700)


async def test_the_wrong_encryption_key(data_dir: Path, clock: FakeClock) -> None:
    found = bad(await look(data_dir, clock, storage_encryption_key="another key altogether"))["encryption.key"]
    assert found.severity == "error"
    assert "STORAGE_ENCRYPTION_KEY" in (found.fix or "")


async def test_a_lost_key_file_is_not_replaced(data_dir: Path, clock: FakeClock) -> None:
    (data_dir / "storage.key").unlink()
    assert bad(await look(data_dir, clock))["encryption.key"].severity == "error"
    assert not (data_dir / "storage.key").exists()


async def test_sealed_headers_alone_count_as_credentials(tmp_path: Path, clock: FakeClock) -> None:
    async with await Database.open(tmp_path, clock=clock) as db:
        await NodeRepository(db, await Vault.open(db)).create(
            "lab", format="openai_chat", base_url="http://x", headers={"x-key": "secret"}
        )
    (tmp_path / "storage.key").unlink()
    assert "encryption.key" in bad(await look(tmp_path, clock))


async def signed_in(db: Database, vault: Vault, subject: str, expires_at: float | None) -> str:
    return await LoginRepository(db, vault).signed_in(
        "alpha", subject, name=subject, flow="code", method="browser", tokens="{}", facts={}, expires_at=expires_at
    )


async def test_sealed_logins_alone_count_as_credentials(tmp_path: Path, clock: FakeClock) -> None:
    async with await Database.open(tmp_path, clock=clock) as db:
        await signed_in(db, await Vault.open(db), "ada", None)
    assert "encryption.key" not in bad(await look(tmp_path, clock))
    (tmp_path / "storage.key").unlink()
    assert "encryption.key" in bad(await look(tmp_path, clock))


async def test_who_must_sign_in_again_is_named(tmp_path: Path, clock: FakeClock) -> None:
    now = clock.now()
    async with await Database.open(tmp_path, clock=clock) as db:
        vault = await Vault.open(db)
        for subject, expires_at in (("ada", now + 60), ("late", now - 60), ("never", None)):
            await signed_in(db, vault, subject, expires_at)
    found = {f.id: f for f in await look(tmp_path, clock)}
    assert (found["logins.last"].severity, found["logins.last"].what) == ("ok", "3 accounts are signed in")
    async with await Database.open(tmp_path, clock=clock) as db:
        vault = await Vault.open(db)
        await signed_in(db, vault, "over", now - 2 * 86400)
        lost = await signed_in(db, vault, "lost", now + 60)
        await LoginRepository(db, vault).lost(lost, 1, "revoked by its owner")
    findings = [f for f in await look(tmp_path, clock) if f.id == "logins.last"]
    assert {f.what for f in findings} == {
        "account 'over' must sign in again: its token ended more than a day ago",
        "account 'lost' must sign in again: revoked by its owner",
    }
    assert {f.fix for f in findings} == {"omniroute login alpha"}


async def test_without_credentials_no_key_is_made(tmp_path: Path, clock: FakeClock) -> None:
    async with await Database.open(tmp_path, clock=clock):
        pass
    assert "encryption.key" not in bad(await look(tmp_path, clock))
    assert not (tmp_path / "storage.key").exists()


async def test_a_newer_database(data_dir: Path, clock: FakeClock) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as db:
        db.execute("INSERT INTO migrations VALUES ('9999_future', 'x', 0)")
        db.commit()
    found = bad(await look(data_dir, clock))["database.schema"]
    assert "newer" in found.what


async def test_a_damaged_database(data_dir: Path, clock: FakeClock) -> None:
    for name in (DATABASE_NAME, f"{DATABASE_NAME}-wal"):
        if (data_dir / name).exists():
            (data_dir / name).write_bytes(b"this is not a database, but long enough to look at" * 100)
    assert bad(await look(data_dir, clock))["database.open"].severity == "error"


async def test_open_secrets_are_found_and_mended(data_dir: Path, clock: FakeClock) -> None:
    data_dir.chmod(0o755)
    (data_dir / "session.secret").chmod(0o644)
    findings = [f for f in await look(data_dir, clock) if f.id == "files.private"]
    assert {f.severity for f in findings} == {"warning", "error"}
    said = mend(findings)
    assert len(said) == 2
    assert (data_dir.stat().st_mode & 0o777, (data_dir / "session.secret").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "files.private" not in bad(await look(data_dir, clock))


async def test_mending_that_fails_is_said(tmp_path: Path) -> None:
    def impossible() -> str:
        raise PermissionError("not yours")

    assert mend([Finding(id="x.y", severity="error", what="w", mend=impossible)]) == ["x.y: could not be mended: not yours"]


@pytest.mark.parametrize(
    ("flags", "environ", "missing"),
    [
        ({}, {}, ["REQUIRE_API_KEY", "INITIAL_PASSWORD"]),
        ({"require_api_key": True}, {}, ["INITIAL_PASSWORD"]),
        ({}, {"INITIAL_PASSWORD": "long enough"}, ["REQUIRE_API_KEY"]),
        ({"require_api_key": True}, {"INITIAL_PASSWORD": "long enough"}, []),
    ],
)
async def test_a_public_bind_without_protection(
    data_dir: Path, clock: FakeClock, flags: dict[str, Any], environ: dict[str, str], missing: list[str]
) -> None:
    found = bad(await look(data_dir, clock, environ=environ, host="0.0.0.0", **flags)).get("bind.protected")
    assert [
        word for word in ("REQUIRE_API_KEY", "INITIAL_PASSWORD") if found is not None and word in (found.fix or "")
    ] == missing


async def test_what_the_database_holds_protects_a_public_bind(data_dir: Path, clock: FakeClock) -> None:
    async with await Database.open(data_dir, clock=clock) as db:
        await SettingRepository(db).put("require_api_key", True)
        await PasswordStore(db).set("long enough secret")
    assert "bind.protected" not in bad(await look(data_dir, clock, host="0.0.0.0"))


@pytest.mark.parametrize(
    ("environ", "complains"),
    [
        ({}, False),
        ({"HTTP_PROXY": "http://proxy.example:8080"}, True),
        ({"all_proxy": "socks5://proxy.example:1080", "NO_PROXY": "localhost"}, True),
        ({"HTTPS_PROXY": "http://proxy.example:8080", "NO_PROXY": "localhost, 127.0.0.1"}, False),
        ({"HTTPS_PROXY": "http://proxy.example:8080", "no_proxy": "*"}, False),
    ],
)
def test_a_proxy_that_would_catch_loopback(environ: dict[str, str], complains: bool) -> None:
    assert ("proxy.loopback" in bad(checks.proxies_spare_loopback(environ))) is complains


def test_a_missing_extension() -> None:
    (found,) = checks.extensions_load(["envelope", "not_built"])
    assert found.severity == "error"
    assert "not_built" in found.what
    assert "envelope:" not in found.what


def test_an_old_python() -> None:
    assert checks.runtime_found((3, 10, 4))[0].severity == "error"


async def test_a_clock_that_is_years_behind(data_dir: Path) -> None:
    assert "clock.sane" in bad(await look(data_dir, FakeClock(0.0)))


async def test_a_database_from_the_future(data_dir: Path, clock: FakeClock) -> None:
    ahead = FakeClock(clock.now() + 86400)
    async with await Database.open(data_dir, clock=ahead) as db:
        await AuditRepository(db).append("system", "x", "y")
    assert bad(await look(data_dir, clock))["clock.forward"].severity == "warning"


async def test_a_full_disk(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def free(amount: int) -> Finding:
        monkeypatch.setattr(
            checks.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and type("Usage", (), {"free": amount})()
        )
        return checks.disk_free(data_dir)[0]

    assert [free(amount).severity for amount in (10 * 1024**2, 500 * 1024**2, 50 * 1024**3)] == ["error", "warning", "ok"]


async def test_a_server_that_does_not_answer(data_dir: Path, clock: FakeClock) -> None:
    runtime.write(data_dir, runtime.RunningServer(pid=os.getpid(), url=f"http://127.0.0.1:{free_port()}", started_at=1.0))
    found = bad(await look(data_dir, clock))["server.alive"]
    assert str(os.getpid()) in (found.fix or "")


async def test_a_left_over_runtime_file_is_no_server(data_dir: Path, clock: FakeClock) -> None:
    runtime.write(data_dir, runtime.RunningServer(pid=2**22 + 1, url="http://127.0.0.1:1", started_at=1.0))
    assert "server.alive" not in bad(await look(data_dir, clock))


async def test_accounts_of_the_environment_are_named(data_dir: Path, clock: FakeClock) -> None:
    findings = {f.id: f for f in await look(data_dir, clock, environ={"OPENAI_API_KEY": "sk-secret-value-123"})}
    assert "OPENAI_API_KEY" in findings["providers.environment"].what
    assert "sk-secret-value-123" not in str([f.as_dict() for f in findings.values()])
