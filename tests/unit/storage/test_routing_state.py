"""What routing learned, over a restart."""

from __future__ import annotations

import pytest

from omniroute.storage import Database, RoutingRow, RoutingStateRepository


@pytest.fixture
def rows(db: Database) -> RoutingStateRepository:
    return RoutingStateRepository(db)


async def test_what_was_saved_comes_back(db: Database, rows: RoutingStateRepository) -> None:
    now = db.clock.now()
    saved = [RoutingRow("account", "a", '{"lock":1}', now + 90.5), RoutingRow("breaker", "a", "{}", None)]
    assert await rows.replace(saved) == 2
    assert await rows.load() == saved


async def test_a_save_replaces_the_one_before(db: Database, rows: RoutingStateRepository) -> None:
    await rows.replace([("account", "a", "1", None), ("account", "b", "2", None)])
    await rows.replace([("account", "b", "3", None)])
    assert await rows.load() == [RoutingRow("account", "b", "3", None)]
    assert await rows.replace([]) == 0
    assert await rows.load() == []


async def test_what_is_over_is_not_loaded(db: Database, rows: RoutingStateRepository) -> None:
    now = db.clock.now()
    await rows.replace([("account", "over", "1", now), ("account", "on", "2", now + 1)])
    assert [row.key for row in await rows.load()] == ["on"]


async def test_a_save_that_fails_leaves_the_one_before(rows: RoutingStateRepository) -> None:
    await rows.replace([("account", "a", "1", None)])
    with pytest.raises(Exception, match="UNIQUE"):
        await rows.replace([("account", "b", "1", None), ("account", "b", "2", None)])
    assert [row.key for row in await rows.load()] == ["a"]
