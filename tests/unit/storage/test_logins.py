"""Logins in the store: sealed, one per person, and renewed by one process at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omniroute.core.errors import NotFound, WrongKey
from omniroute.core.ids import FakeClock
from omniroute.storage import AccountRepository, Database, Vault
from omniroute.storage.logins import LoginRepository, LoginRow

TOKENS = '{"access":"at-secret","refresh":"rt-secret"}'


@pytest.fixture
def logins(db: Database, vault: Vault) -> LoginRepository:
    return LoginRepository(db, vault)


@pytest.fixture
async def beside(db: Database, clock: FakeClock, vault: Vault) -> AsyncIterator[LoginRepository]:
    """Another process over the same file."""
    async with await Database.open(db.data_dir, clock=clock, shared=True) as other:
        yield LoginRepository(other, vault)


async def sign_in(logins: LoginRepository, subject: str = "ada", **more: Any) -> str:
    given: dict[str, Any] = {
        "name": "ada@example.com", "flow": "device", "method": "device", "tokens": TOKENS, "facts": {"plan": "pro"},
        "expires_at": 5.0,
    }  # fmt: skip
    return await logins.signed_in("lab", subject, **{**given, **more})


async def row_of(logins: LoginRepository, account_id: str) -> LoginRow:
    row = await logins.get(account_id)
    assert row is not None
    return row


async def save(logins: LoginRepository, account_id: str, generation: int, by: str = "me", **more: Any) -> bool:
    return await logins.save(account_id, generation, by, tokens='{"access":"b"}', facts={}, expires_at=9.0, **more)


async def test_a_login_comes_back_as_it_was_put_and_makes_an_account(
    logins: LoginRepository, db: Database, vault: Vault, clock: FakeClock
) -> None:
    account_id = await sign_in(logins)
    row = await row_of(logins, account_id)
    assert (row.provider, row.subject, row.generation, row.facts) == ("lab", "ada", 1, {"plan": "pro"})
    assert (row.created_at, row.refreshed_at, row.expires_at) == (clock.now(), clock.now(), 5.0)
    assert await logins.list() == [row]
    assert logins.reveal(row) == TOKENS
    assert "secret" not in repr(row)
    account = await AccountRepository(db, vault).get(account_id)
    assert (account.name, account.secret, account.enabled) == ("ada@example.com", None, True)


async def test_tokens_are_nowhere_in_the_files(logins: LoginRepository, tmp_path: Path) -> None:
    await sign_in(logins)
    for file in (tmp_path / "data").iterdir():
        assert b"rt-secret" not in file.read_bytes()


async def test_tokens_open_in_their_own_row_only(logins: LoginRepository, db: Database) -> None:
    one, two = await sign_in(logins), await sign_in(logins, "bob")
    moved = await db.read_one("SELECT tokens FROM logins WHERE account_id = ?", (one,))
    assert moved is not None
    await db.write(lambda c: c.execute_fetchall("UPDATE logins SET tokens = ? WHERE account_id = ?", (moved[0], two)))
    with pytest.raises(WrongKey):
        logins.reveal(await row_of(logins, two))


async def test_the_same_person_keeps_the_account_and_loses_its_problem(logins: LoginRepository) -> None:
    account_id = await sign_in(logins)
    assert await logins.lost(account_id, 1, "sign in again")
    assert await sign_in(logins, tokens='{"access":"new"}') == account_id
    row = await row_of(logins, account_id)
    assert (row.generation, row.problem, logins.reveal(row)) == (2, None, '{"access":"new"}')
    assert len(await logins.list()) == 1


async def test_people_of_one_name_are_told_apart_by_a_number(logins: LoginRepository, db: Database, vault: Vault) -> None:
    ids = [await sign_in(logins, subject) for subject in ("a", "b", "c")]
    names = [(await AccountRepository(db, vault).get(account_id)).name for account_id in ids]
    assert names == ["ada@example.com", "ada@example.com 2", "ada@example.com 3"]


async def test_a_login_goes_with_its_account(logins: LoginRepository, db: Database, vault: Vault) -> None:
    account_id = await sign_in(logins)
    await AccountRepository(db, vault).delete(account_id)
    assert await logins.get(account_id) is None


async def test_one_process_at_a_time_may_renew(logins: LoginRepository, beside: LoginRepository, clock: FakeClock) -> None:
    account_id = await sign_in(logins)
    until = clock.now() + 60
    assert await logins.claim(account_id, 1, "me", until)
    assert await logins.claim(account_id, 1, "me", until)
    assert not await beside.claim(account_id, 1, "other", until)
    assert (await row_of(beside, account_id)).claimed(clock.now())
    await logins.release(account_id, "me")
    assert await beside.claim(account_id, 1, "other", until)
    await logins.release(account_id, "me")
    assert not await logins.claim(account_id, 1, "me", until)
    clock.advance(61)
    assert await logins.claim(account_id, 1, "me", until + 120)


async def test_only_the_present_generation_is_followed(
    logins: LoginRepository, beside: LoginRepository, clock: FakeClock
) -> None:
    account_id = await sign_in(logins)
    assert await save(logins, account_id, 1)
    assert not await save(beside, account_id, 1, "other")
    assert not await beside.claim(account_id, 1, "other", clock.now() + 60)
    assert not await beside.lost(account_id, 1, "sign in again")
    row = await row_of(beside, account_id)
    assert (row.generation, row.problem, row.expires_at) == (2, None, 9.0)


async def test_a_claim_ends_with_the_save_unless_more_is_to_come(logins: LoginRepository, clock: FakeClock) -> None:
    account_id = await sign_in(logins)
    assert await logins.claim(account_id, 1, "me", clock.now() + 60)
    assert await save(logins, account_id, 1, keep_claim=True)
    assert (await row_of(logins, account_id)).claimed_by == "me"
    assert await save(logins, account_id, 2)
    assert not (await row_of(logins, account_id)).claimed(clock.now())


async def test_a_login_with_a_problem_is_not_claimed(logins: LoginRepository, clock: FakeClock) -> None:
    account_id = await sign_in(logins)
    assert await logins.lost(account_id, 1, "sign in again")
    assert not await logins.claim(account_id, 1, "me", clock.now() + 60)


async def test_claims_of_the_dead_are_given_up(logins: LoginRepository, clock: FakeClock) -> None:
    account_id = await sign_in(logins)
    assert await logins.claim(account_id, 1, "dead", clock.now() + 60)
    await logins.release_all()
    assert await logins.claim(account_id, 1, "me", clock.now() + 60)


async def test_tokens_can_be_forgotten(logins: LoginRepository, db: Database, vault: Vault) -> None:
    account_id = await sign_in(logins)
    await logins.delete(account_id)
    assert await logins.get(account_id) is None
    assert (await AccountRepository(db, vault).get(account_id)).id == account_id
    with pytest.raises(NotFound):
        await logins.delete(account_id)


async def test_what_was_acknowledged_is_the_text(logins: LoginRepository) -> None:
    assert await logins.acknowledged() == {}
    await logins.acknowledge("lab", "one")
    await logins.acknowledge("lab", "two")
    assert await logins.acknowledged() == {"lab": "two"}
