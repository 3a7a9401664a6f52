"""Set the admin password from the command line: for whoever owns the files, with or without a running server."""

from __future__ import annotations

from pathlib import Path

from omniroute.core.ids import Clock
from omniroute.storage.audit import AuditRepository
from omniroute.storage.db import Database
from omniroute.storage.password import PasswordStore


async def reset_password(data_dir: Path, new_password: str, clock: Clock) -> bool:
    """Set it, which ends every open session; True if one was set before.

    Works beside a running server and without the encryption key. Raises BadRequest for a password too short or too long,
    StorageError when the database cannot be used.
    """
    async with await Database.open(data_dir, clock=clock, shared=True, readers=1) as db:
        store = PasswordStore(db)
        replaced = await store.exists()
        await store.set(new_password)
        await AuditRepository(db).append("cli", "password.reset", "admin")
    return replaced
