"""Admission by bytes: a bound, small ones apart, fair turns, bounded waits, nothing lost by who leaves."""

from __future__ import annotations

import asyncio

import pytest

from omniroute.core.errors import Unavailable
from omniroute.core.ids import FakeClock
from omniroute.gateway.admission import SMALL, Admission, Hold

MIB = 1024 * 1024
LIMIT = 16 * MIB  # 12 MiB of it for large bodies
FOREVER = 1000.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def admission(clock: FakeClock) -> Admission:
    return Admission(clock)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def used(admission: Admission, room: str = "large") -> int:
    return admission.describe()[room]["bytes"]  # type: ignore[index,no-any-return]


async def enter(admission: Admission, size: int, client: str = "a", seconds: float = FOREVER) -> Hold:
    hold = await admission.enter(size, client, LIMIT, seconds)
    assert hold is not None
    return hold


async def test_without_a_limit_nothing_is_counted(admission: Admission) -> None:
    assert await admission.enter(10**9, "a", 0, 1) is None
    admission.leave(None)


async def test_the_bound_holds_and_what_is_given_back_is_given_on(admission: Admission) -> None:
    first = await enter(admission, 8 * MIB)
    waiting = asyncio.ensure_future(enter(admission, 8 * MIB, "b"))
    await settle()
    assert not waiting.done()
    assert used(admission) == 8 * MIB
    admission.leave(first)
    second = await waiting
    assert used(admission) == 8 * MIB
    admission.leave(second)
    admission.leave(second)
    assert used(admission) == 0


async def test_a_body_of_unknown_length_gives_back_what_it_did_not_need(admission: Admission) -> None:
    first = await enter(admission, 12 * MIB)
    waiting = asyncio.ensure_future(enter(admission, 8 * MIB, "b"))
    await settle()
    first.shrink(MIB)
    await waiting
    assert used(admission) == 9 * MIB


async def test_small_bodies_do_not_wait_for_large_ones(admission: Admission) -> None:
    await enter(admission, 12 * MIB)
    waiting = asyncio.ensure_future(enter(admission, MIB, "b"))
    await settle()
    await enter(admission, SMALL, "c", seconds=0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_body_larger_than_all_the_room_waits_until_it_is_alone(admission: Admission) -> None:
    first = await enter(admission, MIB)
    waiting = asyncio.ensure_future(enter(admission, 64 * MIB, "b"))
    await settle()
    assert not waiting.done()
    admission.leave(first)
    await waiting
    assert used(admission) == 12 * MIB


async def test_clients_take_turns_however_many_bodies_one_of_them_has(admission: Admission) -> None:
    order: list[str] = []

    async def one(client: str) -> None:
        hold = await enter(admission, 12 * MIB, client)
        order.append(client)
        await asyncio.sleep(0)
        admission.leave(hold)

    first = await enter(admission, 12 * MIB, "z")
    tasks = []
    for client in ("a", "a", "a", "b", "c"):
        tasks.append(asyncio.ensure_future(one(client)))
        await settle()
    admission.leave(first)
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c", "a", "a"]


async def test_nobody_overtakes_the_next_in_turn_for_ever(admission: Admission) -> None:
    first = await enter(admission, 8 * MIB)
    big = asyncio.ensure_future(enter(admission, 12 * MIB, "b"))
    await settle()
    little = asyncio.ensure_future(enter(admission, MIB, "c"))
    await settle()
    assert not little.done(), "it would fit, but then the big one would wait and wait"
    admission.leave(first)
    admission.leave(await big)
    await little


async def test_waiting_is_bounded_and_says_when_to_come_back(admission: Admission, clock: FakeClock) -> None:
    first = await enter(admission, 12 * MIB)
    clock.advance(7)
    admission.leave(first)
    held = await enter(admission, 12 * MIB)
    with pytest.raises(Unavailable) as refused:
        await enter(admission, 12 * MIB, "b", seconds=0)
    assert refused.value.retry_after == 7
    assert admission.describe()["large"] == {"bytes": 12 * MIB, "limit": 12 * MIB, "waiting": 0, "refused": 1}
    admission.leave(held)
    admission.leave(await enter(admission, 12 * MIB))


async def test_who_leaves_while_waiting_makes_way(admission: Admission) -> None:
    first = await enter(admission, 8 * MIB)
    big = asyncio.ensure_future(enter(admission, 12 * MIB, "b"))
    await settle()
    little = asyncio.ensure_future(enter(admission, MIB, "c"))
    await settle()
    big.cancel()
    admission.leave(await little)
    admission.leave(first)
    assert used(admission) == 0


async def test_who_leaves_in_the_moment_of_admission_loses_no_bytes(admission: Admission) -> None:
    first = await enter(admission, 12 * MIB)
    waiting = asyncio.ensure_future(enter(admission, 12 * MIB, "b"))
    await settle()
    admission.leave(first)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert used(admission) == 0
