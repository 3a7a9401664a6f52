"""The audit log."""

from __future__ import annotations

from omniroute.core.ids import FakeClock
from omniroute.storage import AuditRepository, Database


async def test_entries_are_listed_newest_first_in_pages(db: Database, clock: FakeClock) -> None:
    audit = AuditRepository(db)
    for number in range(5):
        await audit.append("admin", "key.create", f"key_{number}", {"number": number})
        clock.advance(1)
    first = await audit.list(limit=2)
    assert [(row.actor, row.action, row.target, row.detail) for row in first] == [
        ("admin", "key.create", "key_4", {"number": 4}),
        ("admin", "key.create", "key_3", {"number": 3}),
    ]
    assert first[0].at == clock.now() - 1
    assert [row.target for row in await audit.list(before=first[-1].id)] == ["key_2", "key_1", "key_0"]


async def test_credentials_do_not_get_in(db: Database) -> None:
    audit = AuditRepository(db)
    key = "sk-or-0123456789abcdefghij"
    await audit.append(
        "cli", "account.create", "acc_1", {"note": f"with {key}", "deep": [{"x": f"Bearer {key}"}], "n": 1, "ok": True}
    )
    (row,) = await audit.list()
    assert key not in repr(row)
    assert row.detail["n"] == 1
    assert row.detail["ok"] is True
    assert row.detail["note"] == "with [redacted]"


async def test_no_detail_is_an_empty_object(db: Database) -> None:
    audit = AuditRepository(db)
    await audit.append("system", "start", "server")
    assert (await audit.list())[0].detail == {}
