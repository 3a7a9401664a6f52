"""Equal requests share one upstream call: who joins whom, what each reader gets, who may leave, what is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest, TruncatedStream, Unavailable
from omniroute.core.ids import FakeClock
from omniroute.gateway.steps.idempotency import REPLAYED, Idempotency
from omniroute.translation.format import registry

FORMAT = registry()["openai_chat"]
HELD = "x-omniroute-idempotent"


class Client:
    """One client's side. ``gate`` holds back its writes."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request_id, self.method, self.path, self.pushes = "req_1", "POST", "/v1/chat/completions", False
        self.status = 0
        self.given: dict[str, str] = {}
        self.body_seen = b""
        self.done = False
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def started(self) -> bool:
        return self.status != 0

    @property
    def sent(self) -> int:
        return len(self.body_seen)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def query(self, name: str) -> str | None:
        return None

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        return []

    async def body(self, limit: int) -> bytes:
        return b""

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        await self.start(status, headers)
        await self.write(body)
        await self.finish()

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.status, self.given = status, dict(headers)

    async def write(self, data: bytes) -> None:
        await self.gate.wait()
        self.body_seen += data

    def push(self, data: bytes) -> bool:
        raise AssertionError("readers write")

    async def drained(self) -> None:
        return None

    async def finish(self) -> None:
        self.done = True


class Upstream:
    """The work behind: counts its calls; each waits for ``go`` between its parts."""

    def __init__(self, parts: Sequence[bytes] = (b"one", b"two"), *, whole: bool = False, error: Exception | None = None) -> None:
        self.parts = parts
        self.whole = whole
        self.error = error
        self.calls = self.cancelled = 0
        self.go = asyncio.Semaphore(0)

    async def __call__(self, context: Any) -> None:
        self.calls += 1
        context.attempts += 1
        exchange = context.exchange
        try:
            await self.go.acquire()
            if self.error is not None and not self.parts:
                context.failures += 1
                raise self.error
            if self.whole:
                await exchange.respond(200, [("content-type", "application/json")], b"".join(self.parts))
                return
            await exchange.start(200, [("content-type", "text/event-stream")])
            for part in self.parts:
                await exchange.write(part)
                await self.go.acquire()
            if self.error is not None:
                context.failures += 1
                raise self.error
            await exchange.finish()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def release(self, count: int = 10) -> None:
        for _ in range(count):
            self.go.release()
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def ask(client: Client, *, key: str | None = None, body: bytes = b'{"model":"m"}', mode: str = "marked") -> Any:
    snapshot = SimpleNamespace(settings=SimpleNamespace(idempotency=mode))
    return SimpleNamespace(
        exchange=client, grant=None if key is None else SimpleNamespace(id=key), envelope=scan(body), format=FORMAT, model="m",
        stream=True, array=False, snapshot=snapshot, attempts=0, failures=0,
    )  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def same(clock: FakeClock) -> Idempotency:
    return Idempotency(clock)


Begin = Callable[..., "asyncio.Task[None]"]


@pytest.fixture
def begin(same: Idempotency) -> Begin:
    def start(client: Client, upstream: Upstream, **asked: Any) -> asyncio.Task[None]:
        return asyncio.ensure_future(same.run(ask(client, **asked), upstream))

    return start


async def test_readers_of_one_stream_all_get_it_from_the_first_byte(begin: Begin) -> None:
    upstream, clients = Upstream(), [Client(idempotency_key="k") for _ in range(3)]
    tasks = [begin(clients[0], upstream)]
    await upstream.release(1)
    tasks.append(begin(clients[1], upstream))
    await upstream.release(1)
    tasks.append(begin(clients[2], upstream))
    await settle()
    assert [client.body_seen for client in clients] == [b"onetwo"] * 3
    assert not any(client.done for client in clients)
    await upstream.release()
    await asyncio.gather(*tasks)
    assert upstream.calls == 1
    assert all(client.done for client in clients)
    assert [client.given.get(HELD) for client in clients] == [None, "replayed", "replayed"]


async def test_a_finished_answer_is_replayed_for_five_seconds(begin: Begin, clock: FakeClock, same: Idempotency) -> None:
    upstream = Upstream([b"{}"], whole=True)
    first = begin(Client(idempotency_key="k"), upstream)
    await upstream.release()
    await first
    clock.advance(4.9)
    again = Client(idempotency_key="k")
    await begin(again, upstream)
    assert (again.status, again.body_seen, again.given[REPLAYED[0]]) == (200, b"{}", "replayed")
    assert same.describe() == {"answers": 1, "bytes": 2, "replayed": 1}
    clock.advance(0.2)
    await begin(Client(idempotency_key="k"), upstream)
    assert upstream.calls == 2


async def test_never_across_client_keys(begin: Begin) -> None:
    upstream = Upstream()
    tasks = [begin(Client(idempotency_key="k"), upstream, key=key) for key in ("one", "other", None)]
    tasks.append(begin(Client(idempotency_key="k", x_api_key="placeholder"), upstream))
    await settle()
    assert upstream.calls == 4
    await upstream.release(40)
    await asyncio.gather(*tasks)


async def test_the_same_word_for_another_request_is_refused(begin: Begin) -> None:
    upstream = Upstream()
    first = begin(Client(idempotency_key="k"), upstream)
    await settle()
    with pytest.raises(BadRequest) as refused:
        await begin(Client(idempotency_key="k"), upstream, body=b'{"model":"m","n":2}')
    assert refused.value.error_code == "idempotency_key_reused"
    await upstream.release()
    await first


async def test_the_leader_may_leave(begin: Begin) -> None:
    upstream, follower = Upstream(), Client(idempotency_key="k")
    leader = begin(Client(idempotency_key="k"), upstream)
    await upstream.release(1)
    second = begin(follower, upstream)
    await settle()
    leader.cancel()
    await upstream.release()
    await second
    assert (follower.body_seen, follower.done, upstream.cancelled) == (b"onetwo", True, 0)


async def test_the_upstream_is_cancelled_with_its_last_reader_and_nobody_joins_the_rest(begin: Begin, same: Idempotency) -> None:
    upstream = Upstream()
    tasks = [begin(Client(idempotency_key="k"), upstream) for _ in range(2)]
    await upstream.release(1)
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    again = Client(idempotency_key="k")
    third = begin(again, upstream)
    await upstream.release()
    await third
    assert (upstream.cancelled, upstream.calls, again.done) == (1, 2, True)
    assert again.given.get(HELD) is None
    assert same.describe()["answers"] == 1


async def test_errors_reach_every_reader_and_are_not_kept(begin: Begin, same: Idempotency) -> None:
    upstream = Upstream([], error=Unavailable("later", retry_after=3))
    tasks = [begin(Client(idempotency_key="k"), upstream) for _ in range(2)]
    await settle()
    await upstream.release()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert same.describe() == {"answers": 0, "bytes": 0, "replayed": 1}


@pytest.mark.parametrize("in_band", [True, False])
async def test_a_stream_that_broke_is_not_replayed(begin: Begin, same: Idempotency, in_band: bool) -> None:
    upstream, client = Upstream(error=None if in_band else TruncatedStream("cut", kind="truncated")), Client(idempotency_key="k")

    async def told_in_the_stream(context: Any) -> None:
        await upstream(context)
        context.failures = context.attempts if in_band else context.failures

    task = asyncio.ensure_future(same.run(ask(client), told_in_the_stream))
    await upstream.release()
    await asyncio.gather(task, return_exceptions=True)
    assert client.body_seen == b"onetwo"
    assert same.describe()["answers"] == 0


@pytest.mark.parametrize(
    ("mode", "counts", "calls"),
    [
        ("marked", ("1", "2"), 1),
        ("marked", ("0", "1"), 2),
        ("marked", ("0", "0"), 2),
        ("marked", (None, None), 2),
        ("retries", ("0", "1"), 1),
        ("retries", ("0", "0"), 2),
        ("retries", (None, None), 2),
        ("off", ("1", "2"), 2),
    ],
)
async def test_repeated_tries_are_told_by_their_count(
    begin: Begin, mode: str, counts: tuple[str | None, ...], calls: int
) -> None:
    upstream = Upstream()
    clients = [Client(**({} if count is None else {"x_stainless_retry_count": count})) for count in counts]
    tasks = [begin(client, upstream, mode=mode) for client in clients]
    await settle()
    assert upstream.calls == calls
    await upstream.release(20)
    await asyncio.gather(*tasks)
    assert all(client.body_seen == b"onetwo" for client in clients)


async def test_a_retry_of_something_else_is_something_else(begin: Begin) -> None:
    upstream = Upstream()
    bodies = [b'{"model":"m"}', b'{"model":"m","n":2}']
    tasks = [begin(Client(x_stainless_retry_count="1"), upstream, body=body) for body in bodies]
    await settle()
    assert upstream.calls == 2
    await upstream.release(20)
    await asyncio.gather(*tasks)


async def test_over_the_bound_a_late_one_is_served_alone(clock: FakeClock) -> None:
    same, upstream = Idempotency(clock, largest=4), Upstream([b"one", b"two", b"three"])
    clients = [Client(idempotency_key="k") for _ in range(2)]
    tasks = [asyncio.ensure_future(same.run(ask(clients[0]), upstream))]
    await upstream.release(2)
    tasks.append(asyncio.ensure_future(same.run(ask(clients[1]), upstream)))
    await upstream.release(20)
    await asyncio.gather(*tasks)
    assert upstream.calls == 2
    assert [client.body_seen for client in clients] == [b"onetwothree"] * 2
    assert same.describe()["bytes"] == 0


async def test_what_is_kept_is_bounded_in_all(clock: FakeClock) -> None:
    same = Idempotency(clock, size=10)
    for word in ("a", "b", "c"):
        upstream = Upstream([b"12345"], whole=True)
        await upstream.release()
        await same.run(ask(Client(idempotency_key=word)), upstream)
    assert same.describe() == {"answers": 2, "bytes": 10, "replayed": 0}


async def test_a_slow_reader_does_not_hold_up_the_others_and_is_cut_off(clock: FakeClock) -> None:
    same = Idempotency(clock, largest=1000)
    upstream = Upstream([b"x" * 600] * 5)
    slow, fast = Client(idempotency_key="k"), Client(idempotency_key="k")
    slow.gate.clear()
    tasks = [asyncio.ensure_future(same.run(ask(client), upstream)) for client in (slow, fast)]
    await upstream.release(20)
    await tasks[1]
    assert len(fast.body_seen) == 3000
    slow.gate.set()
    with pytest.raises(TruncatedStream):
        await tasks[0]
    assert not slow.done


async def test_readers_that_are_all_slow_hold_the_upstream_back(clock: FakeClock) -> None:
    same = Idempotency(clock)
    upstream = Upstream([b"x" * 200_000] * 10)
    slow = Client(idempotency_key="k")
    slow.gate.clear()
    task = asyncio.ensure_future(same.run(ask(slow), upstream))
    await upstream.release(20)
    assert same.describe()["bytes"] == 400_000
    slow.gate.set()
    await task
    assert len(slow.body_seen) == 2_000_000
