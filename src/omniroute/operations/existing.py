"""Open the database beside whoever owns it, without making one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from omniroute.core.ids import Clock
from omniroute.storage.db import DATABASE_NAME, Database
from omniroute.storage.migrate import pending, shipped_migrations


@asynccontextmanager
async def existing_database(data_dir: Path, clock: Clock) -> AsyncIterator[Database | None]:
    """The database of ``data_dir``, or None when there is none of the present schema. Raises StorageError when it is unusable."""
    if not _present(data_dir):
        yield None
        return
    async with await Database.open(data_dir, clock=clock, shared=True, readers=1) as db:
        yield db


def _present(data_dir: Path) -> bool:
    path = data_dir / DATABASE_NAME
    return data_dir.is_dir() and path.exists() and not pending(path, shipped_migrations())
