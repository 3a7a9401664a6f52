"""The admin password."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from omniroute.core.errors import BadRequest, StorageError
from omniroute.storage import Database, PasswordStore

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def password(db: Database) -> PasswordStore:
    return PasswordStore(db, QUICK)


async def stored(db: Database) -> str:
    return str((await db.read_one("SELECT password_hash FROM admin"))["password_hash"])


async def test_there_is_none_at_first(password: PasswordStore) -> None:
    assert not await password.exists()
    assert await password.generation() == 0
    for guess in ("", "123456", "admin", "password"):
        assert not await password.verify(guess)


async def test_only_the_password_itself_is_right(db: Database, password: PasswordStore) -> None:
    await password.set("correct horse")
    assert await password.exists()
    assert await password.verify("correct horse")
    for wrong in ("Correct horse", "correct horse ", "", "x" * 2000):
        assert not await password.verify(wrong)
    assert (await stored(db)).startswith("$argon2id$")


async def test_a_change_starts_a_new_generation(password: PasswordStore) -> None:
    await password.set("first password")
    assert await password.generation() == 1
    await password.set("second password")
    assert await password.generation() == 2
    assert not await password.verify("first password")
    assert await password.verify("second password")


async def test_an_initial_password_does_not_replace_one(password: PasswordStore) -> None:
    assert await password.set("first password", only_first=True)
    assert not await password.set("other password", only_first=True)
    assert await password.verify("first password")
    assert await password.generation() == 1


@pytest.mark.parametrize("plain", ["", "short", "1234567", "x" * 1025])
async def test_a_weak_or_endless_one_is_refused(password: PasswordStore, plain: str) -> None:
    with pytest.raises(BadRequest):
        await password.set(plain)
    assert not await password.exists()


async def test_a_weaker_hash_is_renewed_without_ending_sessions(db: Database, password: PasswordStore) -> None:
    await password.set("correct horse")
    weak = await stored(db)
    stronger = PasswordStore(db, PasswordHasher(time_cost=2, memory_cost=128, parallelism=1))
    assert not await stronger.verify("wrong horse")
    assert await stored(db) == weak
    assert await stronger.verify("correct horse")
    renewed = await stored(db)
    assert "m=128,t=2" in renewed
    assert await stronger.verify("correct horse")
    assert await stored(db) == renewed
    assert await stronger.generation() == 1


async def test_a_damaged_hash_is_an_error_not_a_wrong_password(db: Database, password: PasswordStore) -> None:
    await db.write_many("INSERT INTO admin VALUES (1, ?, 1, 1.0)", [("$argon2id$broken",)])
    with pytest.raises(StorageError, match="reset-password"):
        await password.verify("anything")


async def test_default_parameters_and_many_attempts_at_once(db: Database) -> None:
    password = PasswordStore(db)
    await password.set("correct horse")
    results = await asyncio.gather(*(password.verify(word) for word in ("correct horse", "wrong", "correct horse")))
    assert results == [True, False, True]


async def test_hashing_does_not_block_the_event_loop(db: Database) -> None:
    password = PasswordStore(db)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await password.set("correct horse")
    ticking.cancel()
    assert ticks > 10
