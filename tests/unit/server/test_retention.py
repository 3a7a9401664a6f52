"""What is removed when, and what the capture writer makes of a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.core.settings import Settings
from omniroute.gateway.capture import AskedOnce, Message, Part, Recording
from omniroute.server.capture_writer import CaptureWriter, payload_of
from omniroute.server.retention import Retention
from omniroute.storage import Database, UsageRepository, Vault
from omniroute.storage.captures import CaptureRepository
from running.wired import Client

DAY = 86_400.0


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "data", clock=FakeClock()) as opened:
        yield opened


def row(number: int, at: float, size: int = 10) -> LedgerRow:
    return LedgerRow(
        id=number, request_id="r", attempt=1, started_at=at, provider="p", model="m" * size, client_format="f", upstream_format="f",
        stream=True, status=200, outcome="ok",
    )  # fmt: skip


async def test_tries_and_captures_go_with_their_age(db: Database) -> None:
    usage, captures = UsageRepository(db), CaptureRepository(db, await Vault.open(db))
    now = db.clock.now()
    await usage.insert_batch([row(age + 1, now - age * DAY) for age in range(120)])
    for age in range(10):
        await captures.add(f"r{age}", now - age * DAY - 1, None, {})
    values = Settings.load(file={"ledger_days": 30, "capture_days": 3})
    retention = Retention(db, usage, captures, lambda: values, db.clock)
    assert await retention.once() == (89, 7)
    assert await retention.once() == (0, 0)
    forever = Settings.load(file={"ledger_days": 0})
    assert await Retention(db, usage, captures, lambda: forever, db.clock).once() == (0, 0)


async def test_a_file_that_is_too_large_loses_its_oldest_tries(db: Database) -> None:
    usage, captures = UsageRepository(db), CaptureRepository(db, await Vault.open(db))
    await usage.insert_batch([row(number, 1000.0 + number, 500) for number in range(1, 3001)])
    await db.read("SELECT 1")
    size = (await db.sizes())["file"] + (await db.sizes())["log"]
    await db.write(lambda connection: connection.execute_fetchall("SELECT 1"))
    values = Settings.load(file={"ledger_days": 0, "ledger_size": size // 3})
    removed, _ = await Retention(db, usage, captures, lambda: values, db.clock).once()
    left = (await usage.history(limit=1)).rows
    sizes = await db.sizes()
    assert removed == 0 or left[0].id == 3000, "the newest stay as long as there are any"
    assert sizes["file"] - sizes["free"] <= size


def recording() -> Recording:
    made = Recording(Client(), b'{"key": "sk-ant-api03-abcdefghijklmnop"}', "k", 1.0, 100)
    made.request.headers = [("authorization", "Bearer abc"), ("x-vendor-key", "hidden"), ("user-agent", "x/1")]
    asked = AskedOnce(
        1, Message({"method": "POST", "url": "https://api.example/v1?key=hidden123"}, [("x-session-token", "hidden")], Part(100))
    )
    asked.answer = Message(
        {"status": 200}, [("set-cookie", "hidden"), ("x-ratelimit-remaining-tokens", "5")], Part(4, b"\xffabcdef")
    )
    asked.answer.error = "broke off: Bearer hidden-token-123"
    made.tries.append(asked)
    return made


def test_a_payload_holds_no_secrets() -> None:
    payload = payload_of(recording())
    assert "hidden" not in str(payload)
    assert "sk-ant" not in str(payload)
    assert payload["client_request"]["headers"][2] == ["user-agent", "x/1"]
    answer = payload["tries"][0]["upstream_answer"]
    assert answer["headers"][1] == ["x-ratelimit-remaining-tokens", "5"]
    assert (answer["body"], answer["bytes"], answer["truncated"]) == ("�abc", 7, True)
    assert payload["client_answer"] is None


async def test_the_writer_stores_what_it_took_and_counts_what_it_could_not(db: Database) -> None:
    captures = CaptureRepository(db, await Vault.open(db))
    writer = CaptureWriter(captures)
    for _ in range(250):
        writer.take(recording())
    assert writer.dropped == 50
    writer.start()
    await writer.flush()
    await writer.close()
    assert (await captures.stored())[0] == 200
    assert (await captures.get("req_1"))["key_id"] == "k"
