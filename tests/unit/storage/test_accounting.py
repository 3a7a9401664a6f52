"""Prices, budgets and captures in the store."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.core.errors import BadRequest, NotFound
from omniroute.core.ids import FakeClock
from omniroute.storage import Database, Vault
from omniroute.storage.budgets import BudgetRepository
from omniroute.storage.captures import CaptureRepository
from omniroute.storage.prices import PriceRepository, PriceVersion


async def test_prices_are_stated_changed_and_taken_back(db: Database, clock: FakeClock) -> None:
    prices = PriceRepository(db)
    await prices.put("lab", "m", {"input": 1.0})
    clock.advance(5)
    await prices.put("lab", "m", {"input": 2.0})
    (found,) = await prices.list()
    assert (found.rates, found.updated_at) == ({"input": 2.0}, clock.now())
    await prices.delete("lab", "m")
    with pytest.raises(NotFound):
        await prices.delete("lab", "m")


async def test_a_price_version_stands_as_it_was_first_used(db: Database) -> None:
    prices = PriceRepository(db)
    first = PriceVersion(version="v", provider="lab", model="m", rates={"price": {"input": 1.0}}, first_used_at=1.0)
    await prices.remember([first])
    await prices.remember([PriceVersion(version="v", provider="x", model="y", rates={}, first_used_at=2.0)])
    assert await prices.version("v") == first
    assert await prices.version("w") is None


GIVEN: dict[str, Any] = {"key_id": None, "period": "daily", "usd": 5.0, "tokens": None, "action": "block", "warn_at": 0.8}


async def test_there_is_one_budget_for_each_key_period_and_action(db: Database) -> None:
    budgets = BudgetRepository(db)
    first, made = await budgets.put(**GIVEN)
    again, made_again = await budgets.put(**{**GIVEN, "usd": 7.0})
    assert (made, made_again, again.id, again.usd) == (True, False, first.id, 7.0)
    await budgets.put(**{**GIVEN, "key_id": "k"})
    warning, _ = await budgets.put(**{**GIVEN, "action": "warn"})
    assert len(await budgets.list()) == 3
    with pytest.raises(BadRequest, match="already"):
        await budgets.change(type(warning)(**{**{n: getattr(warning, n) for n in warning.__struct_fields__}, "action": "block"}))
    await budgets.delete(first.id)
    with pytest.raises(NotFound):
        await budgets.get(first.id)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"usd": None}, "usd"), ({"usd": 0.0}, "usd"), ({"usd": float("nan")}, "usd"), ({"usd": 1e12}, "usd"), ({"tokens": 0}, "tokens"),
        ({"warn_at": 0.0}, "warn_at"), ({"warn_at": 1.5}, "warn_at"),
    ],
)  # fmt: skip
async def test_budgets_that_make_no_sense_are_refused(db: Database, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await BudgetRepository(db).put(**{**GIVEN, **wrong})
    assert refused.value.param == param


async def test_capture_rules_end_by_themselves(db: Database, clock: FakeClock) -> None:
    captures = CaptureRepository(db, await Vault.open(db))
    await captures.put_rule("k", clock.now() + 60, "admin")
    clock.advance(1)
    await captures.put_rule(None, None, "cli")
    assert [(rule.key_id, rule.actor) for rule in await captures.rules()] == [("k", "admin"), (None, "cli")]
    clock.advance(61)
    assert [rule.key_id for rule in await captures.rules()] == [None]
    assert await captures.remove_rules(["nobody"]) == 0
    assert await captures.remove_rules([None]) == 1
    assert await captures.remove_rules() == 1


async def test_payloads_are_sealed_and_the_newest_is_shown(db: Database) -> None:
    vault = await Vault.open(db)
    captures = CaptureRepository(db, vault)
    await captures.add("r", 1.0, None, {"said": "old words"})
    await captures.add("r", 2.0, "k", {"said": "new words"})
    assert await captures.get("r") == {"said": "new words"}
    assert (await captures.stored())[0] == 2
    stored = (await db.read("SELECT payload FROM captures"))[0]["payload"]
    assert b"words" not in bytes(stored)
    other = CaptureRepository(db, Vault(b"o" * 32))
    with pytest.raises(NotFound, match="another key"):
        await other.get("r")
    with pytest.raises(NotFound, match="nothing is captured"):
        await captures.get("q")


async def test_captures_are_kept_within_their_age_and_size(db: Database) -> None:
    captures = CaptureRepository(db, await Vault.open(db))
    for number in range(30):
        await captures.add(f"r{number}", float(number), None, {"said": str(number) * 100})
    assert await captures.prune(10.0, 10**9) == 10
    _, size = await captures.stored()
    gone = await captures.prune(0.0, size // 2)
    count, left = await captures.stored()
    assert (gone + count, left <= size // 2) == (20, True)
    assert not await captures.has("r10")
    assert await captures.has("r29")
    assert await captures.clear() == count
    assert await captures.stored() == (0, 0)
