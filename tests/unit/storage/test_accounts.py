"""Accounts at providers."""

from __future__ import annotations

import msgspec
import pytest

from omniroute.core.errors import BadRequest, Conflict, NotFound, WrongKey
from omniroute.core.ids import FakeClock
from omniroute.storage import AccountRepository, Database, Vault


@pytest.fixture
def accounts(db: Database, vault: Vault) -> AccountRepository:
    return AccountRepository(db, vault)


async def test_an_account_comes_back_as_it_was_put(accounts: AccountRepository, clock: FakeClock) -> None:
    row = await accounts.create("lab", " work ", secret="sk-1", enabled=False, priority=5, url_vars={"region": "eu"})
    assert (row.provider, row.name, row.enabled, row.priority, row.url_vars) == ("lab", "work", False, 5, {"region": "eu"})
    assert row.created_at == row.updated_at == clock.now()
    assert await accounts.get(row.id) == row
    assert await accounts.list() == [row]
    assert accounts.reveal(row) == "sk-1"
    assert b"sk-1" not in (row.secret or b"")
    assert "sk-1" not in repr(row)


async def test_accounts_are_listed_in_the_order_they_are_tried(accounts: AccountRepository, clock: FakeClock) -> None:
    for provider, name, priority in (("b", "x", 100), ("a", "late", 100), ("a", "first", 1), ("a", "later", 100)):
        await accounts.create(provider, name, priority=priority)
        clock.advance(1)
    assert [row.name for row in await accounts.list()] == ["first", "late", "later", "x"]
    assert [row.name for row in await accounts.list("b")] == ["x"]
    assert await accounts.list("c") == []


async def test_two_accounts_of_one_provider_need_two_names(accounts: AccountRepository) -> None:
    await accounts.create("lab", "a")
    await accounts.create("other", "a")
    with pytest.raises(Conflict, match="lab already has an account named 'a'"):
        await accounts.create("lab", "a")
    second = await accounts.create("lab", "b")
    with pytest.raises(Conflict, match="lab already has an account named 'a'") as caught:
        await accounts.update(second.id, name="a")
    assert caught.value.param == "name"
    assert (await accounts.get(second.id)).name == "b"


async def test_update_changes_what_is_given_only(accounts: AccountRepository, clock: FakeClock) -> None:
    row = await accounts.create("lab", "a", secret="sk-1", url_vars={"x": "y"})
    clock.advance(10)
    assert await accounts.update(row.id) == row
    changed = await accounts.update(row.id, enabled=False, priority=1)
    assert changed == msgspec.structs.replace(row, enabled=False, priority=1, updated_at=clock.now())
    renewed = await accounts.update(row.id, secret="sk-2", url_vars={})
    assert (accounts.reveal(renewed), renewed.url_vars) == ("sk-2", {})
    assert accounts.reveal(await accounts.update(row.id, secret=None)) is None


async def test_limits_and_a_sealed_proxy_come_back(accounts: AccountRepository, db: Database) -> None:
    proxy = "http://me:pa55word@127.0.0.1:3128"
    row = await accounts.create("lab", "a", limits={"rpm": 3}, proxy=proxy)
    assert (row.limits, row.proxy) == ({"rpm": 3}, proxy)
    assert await accounts.get(row.id) == row
    assert "pa55word" not in repr(row)
    stored = await db.read_one("SELECT proxy FROM accounts")
    assert stored is not None
    assert b"pa55word" not in stored["proxy"]
    changed = await accounts.update(row.id, limits={"concurrency": 1}, proxy=None)
    assert (changed.limits, changed.proxy) == ({"concurrency": 1}, None)


async def test_the_last_test_is_remembered(accounts: AccountRepository, clock: FakeClock) -> None:
    row = await accounts.create("lab", "a")
    await accounts.record_test(row.id, "401: bad key")
    failed = await accounts.get(row.id)
    assert (failed.last_test_at, failed.last_error) == (clock.now(), "401: bad key")
    await accounts.record_test(row.id, None)
    assert (await accounts.get(row.id)).last_error is None


async def test_a_deleted_account_is_gone(accounts: AccountRepository) -> None:
    row = await accounts.create("lab", "a", secret="sk-1")
    await accounts.delete(row.id)
    assert await accounts.list() == []
    calls = (
        accounts.get(row.id), accounts.delete(row.id), accounts.update(row.id, name="b"),
        accounts.update(row.id), accounts.record_test(row.id, None),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound, match=row.id):
            await call


async def test_a_credential_copied_to_another_account_does_not_open(accounts: AccountRepository) -> None:
    row = await accounts.create("lab", "a", secret="sk-1")
    other = await accounts.create("lab", "b", secret="sk-2")
    with pytest.raises(WrongKey):
        accounts.reveal(msgspec.structs.replace(other, secret=row.secret))


async def test_an_account_needs_a_name(accounts: AccountRepository) -> None:
    with pytest.raises(BadRequest):
        await accounts.create("lab", " ")
