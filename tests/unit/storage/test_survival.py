"""What was acknowledged is still there after kill -9, at whatever moment it comes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omniroute.core.ids import FakeClock
from omniroute.storage import AccountRepository, Database, KeyRepository, UsageRepository, Vault

_PROGRAM = """
import asyncio, pathlib, sys
from omniroute.core.ids import SystemClock
from omniroute.storage import *
from omniroute.core.ledger import LedgerRow

async def main():
    db = await Database.open(pathlib.Path(sys.argv[1]), clock=SystemClock())
    vault = await Vault.open(db)
    accounts, keys, usage = AccountRepository(db, vault), KeyRepository(db, b"secret", vault), UsageRepository(db)
    for number in range(1_000_000):
        key, _ = await keys.create(f"key {number}")
        account = await accounts.create("lab", f"account {number}", secret=f"credential {number}")
        await usage.insert_batch([
            LedgerRow(id=number * 20 + attempt + 1, request_id=key.id, attempt=attempt, started_at=1.0, provider="lab", model="m",
                      client_format="a", upstream_format="b", stream=True, status=200, outcome="ok") for attempt in range(20)])
        print(key.id, account.id, flush=True)

asyncio.run(main())
"""


def _run_and_kill(data_dir: Path, acknowledged: int) -> list[list[str]]:
    """What the program said it had stored before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        seen = [next(process.stdout).split() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        seen += [line.split() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return seen


@pytest.mark.e2e
@pytest.mark.parametrize("acknowledged", [1, 7, 40])
async def test_everything_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    seen = await asyncio.to_thread(_run_and_kill, tmp_path, acknowledged)
    async with await Database.open(tmp_path, clock=FakeClock()) as db:
        assert await db.check() == []
        vault = await Vault.open(db)
        accounts = AccountRepository(db, vault)
        stored = {row.id: row for row in await accounts.list()}
        keys = {key.id for key in await KeyRepository(db, b"secret", vault).list()}
        attempts = {row.group: row.attempts for row in await UsageRepository(db).totals(group_by="provider")}
        assert len(seen) >= acknowledged
        for number, (key_id, account_id) in enumerate(seen):
            assert key_id in keys
            assert accounts.reveal(stored[account_id]) == f"credential {number}"
        assert attempts["lab"] >= 20 * len(seen)
        assert attempts["lab"] % 20 == 0  # a batch is there whole or not at all
