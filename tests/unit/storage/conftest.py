"""A real database in a real directory, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omniroute.core.ids import FakeClock
from omniroute.storage import Database, Vault


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def db(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "data", clock=clock) as database:
        yield database


@pytest.fixture
async def vault(db: Database) -> Vault:
    return await Vault.open(db)
