"""The loop over attempts without a server: a transport that does as it is told, a client that remembers, a clock that stands."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from omniroute._fast.envelope import scan
from omniroute.catalog.account import Account, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Auth, Model, Provider
from omniroute.core import json
from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.core.settings import Settings
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Dispatch
from omniroute.gateway.pipeline import Pipeline
from omniroute.gateway.ports import ClientGone, Running
from omniroute.routing.health import Health
from omniroute.routing.resolve import target as make_target
from omniroute.routing.routes import StoredRoutes, with_routes
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.format import registry
from omniroute.upstream.call import Call, Headers, Pulled, Reply
from omniroute.upstream.executor import Executor
from upstream.dialects import Anthropic, OpenAIChat, sse
from upstream.script import Script

STREAM: Headers = [("content-type", "text/event-stream")]
WHOLE: Headers = [("content-type", "application/json")]
Part = bytes | asyncio.Event | BaseException
"""Bytes are sent, an event is waited for, an exception is raised."""


@dataclass
class Answer:
    """``head``: waited for, or raised, before the status line, after so many ``turns`` of the loop."""

    parts: Sequence[Part] = ()
    status: int = 200
    headers: Headers = field(default_factory=lambda: STREAM)
    head: asyncio.Event | BaseException | None = None
    turns: int = 0


def told(text: str, *, dialect: str = "openai_chat") -> list[bytes]:
    """The stream that says ``text``, an event a part."""
    speaker = Anthropic() if dialect == "anthropic" else OpenAIChat()
    return [sse(event) for event in speaker.stream(Script(text), {"model": "m", "stream_options": {"include_usage": True}})]


def whole(text: str) -> Answer:
    return Answer([json.dumps(OpenAIChat().finished(Script(text), {"model": "m"}))], headers=WHOLE)


def refused(status: int, message: str = "scripted failure", *, code: str | None = None, headers: Headers = WHOLE) -> Answer:
    body = {"error": {"message": message, "type": "error", "code": code}}
    return Answer([json.dumps(body)], status=status, headers=headers)


class _Reply(Pulled):
    def __init__(self, answer: Answer, sent: Sent) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._parts = answer.parts
        self._sent = sent

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                await asyncio.sleep(0)
            elif isinstance(part, asyncio.Event):
                await part.wait()
            else:
                raise part
        self._sent.read = True

    async def read(self, limit: int) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])[:limit]

    async def close(self) -> None:
        self._sent.closed.set()


@dataclass(eq=False)
class Sent:
    """A call that went out. ``cancelled``: before its head came; ``closed`` is set when nothing of it is open any more, ``read``
    that its answer was read to the end."""

    call: Call
    provider: str
    account: str
    cancelled: bool = False
    read: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> Any:
        return json.loads(self.call.body)


class Transport:
    """``answers(sent)`` says what becomes of a call."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: Callable[[Sent], Answer] = lambda sent: Answer(told(f"from {sent.account}"))
        self._news = asyncio.Condition()

    async def send(self, call: Call) -> Reply:
        secret = next(value for name, value in call.headers if name == "authorization").removeprefix("Bearer ")
        sent = Sent(call, secret.partition("-")[0], secret)
        self.sent.append(sent)
        async with self._news:
            self._news.notify_all()
        answer = self.answers(sent)
        try:
            for _ in range(answer.turns):
                await asyncio.sleep(0)
            if isinstance(answer.head, asyncio.Event):
                await answer.head.wait()
            elif answer.head is not None:
                raise answer.head
        except BaseException as error:
            sent.cancelled = isinstance(error, asyncio.CancelledError)
            sent.closed.set()
            raise
        return _Reply(answer, sent)

    async def arrived(self, count: int) -> None:
        """``count`` calls have gone out."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.sent) >= count)

    async def close(self) -> None:
        self.sent.clear()

    def describe(self) -> dict[str, object]:
        return {}


class Client:
    """An Exchange that keeps what it gets. ``leaves_after``: so many writes, then it is gone."""

    method, path, pushes = "POST", "/v1/chat/completions", False

    def __init__(self, headers: dict[str, str] | None = None, leaves_after: int | None = None) -> None:
        self.request_id = "req_1"
        self.heads: list[tuple[int, dict[str, str]]] = []
        self.written: list[bytes] = []
        self.finished = 0
        self.begun = asyncio.Event()
        self._given = headers or {}
        self._leaves_after = leaves_after

    @property
    def started(self) -> bool:
        return bool(self.heads)

    @property
    def sent(self) -> int:
        return sum(map(len, self.written))

    @property
    def text(self) -> str:
        return b"".join(self.written).decode()

    @property
    def said(self) -> str:
        """The answer's words, of a stream in the Chat dialect."""
        lines = [line[6:] for line in self.text.splitlines() if line.startswith("data: {")]
        choices = [choice for line in lines for choice in json.loads(line.encode()).get("choices", ())]
        return "".join(choice.get("delta", {}).get("content") or "" for choice in choices)

    def header(self, name: str) -> str | None:
        return self._given.get(name)

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
        assert not self.heads, "an answer begins once"
        self.heads.append((status, dict(headers)))
        self.begun.set()

    async def write(self, data: bytes) -> None:
        assert self.heads, "nothing is written before the head"
        assert not self.finished, "nothing is written after the end"
        if self._leaves_after is not None and len(self.written) >= self._leaves_after:
            raise ClientGone
        self.written.append(data)

    def push(self, data: bytes) -> bool:
        raise AssertionError("this client does not take pushes")

    async def drained(self) -> None:
        raise AssertionError("this client does not take pushes")

    async def finish(self) -> None:
        self.finished += 1


class Ledger:
    """A Recorder that keeps its rows."""

    def __init__(self) -> None:
        self.begun: list[Running] = []
        self.rows: list[LedgerRow] = []

    def begin(self, running: Running) -> None:
        self.begun.append(running)
        running.row_id = len(self.begun)

    def record(self, row: LedgerRow) -> None:
        self.rows.append(row)


def installed(accounts: dict[str, int], settings: dict[str, Any] | None = None, **routes: Any) -> Snapshot:
    """A provider for each name, each with so many accounts named ``name-1``, ``name-2``, …, whose keys are their ids."""
    providers = [
        Provider(
            id=name, prefix=name, name=name.title(), format="openai_chat", base_url=f"http://127.0.0.1:1/{name}",
            auth=Auth(scheme="bearer"), models=(Model(id="m"),), paths={"chat": "/chat/completions"}, private=True,
        )
        for name in accounts
    ]  # fmt: skip
    bare = Snapshot(
        catalogue=Catalogue(providers),
        settings=Settings.load(file={"combo_retries": 0, "cooldown_wait": 0, **(settings or {})}),
        accounts={
            name: tuple(Account(id=f"{name}-{n}", provider=name, name=f"{n}", secret=Secret(f"{name}-{n}")) for n in range(1, count + 1))
            for name, count in accounts.items()
        },
        keys={},
        formats=frozenset(registry().names()),
        schemes=frozenset({"bearer"}),
    )  # fmt: skip
    combos = [(name, name, table) for name, table in routes.pop("combos", {}).items()]
    return with_routes(bare, None, StoredRoutes(combos=combos, **routes))


class Wired:
    """A pipeline over ``snapshot``; ``pauses`` are the seconds it would have slept."""

    def __init__(self, snapshot: Snapshot, seed: int = 1) -> None:
        self.snapshot = snapshot
        self.clock = FakeClock()
        self.pauses: list[float] = []
        self.health = Health(random.Random(seed))
        self.transport = Transport()
        self.ledger = Ledger()
        self.dispatch = Dispatch(self.health, self.clock, random.Random(seed), pause=self._pause)
        self.pipeline = Pipeline(registry(), lambda _: self.transport, self.ledger, self.clock, Executor({}), self.dispatch)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    def context(self, model: str, client: Client, *, dialect: str = "openai_chat", stream: bool = True, **more: Any) -> Context:
        body = {"model": model, "stream": stream, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], **more}
        envelope = scan(json.dumps(body))
        return Context(
            client, registry()[dialect], self.snapshot, None, envelope, received=self.clock.monotonic(), wall=self.clock.now()
        )

    def ask(self, model: str, client: Client, **more: Any) -> Awaitable[None]:
        return self.pipeline.run(self.context(model, client, **more))

    def usual(self, target: str, seconds: float) -> None:
        """Let ``target`` be known for so long a time to its first token."""
        provider, _, model = target.partition("/")
        found = self.snapshot.catalogue.by_id(provider)
        assert found is not None
        for _ in range(5):
            self.health.waited(make_target(self.snapshot, found, model), seconds)

    @property
    def under_way(self) -> int:
        described = self.health.describe(self.clock.now())["in_flight"]
        assert isinstance(described, dict)
        return sum(described.values())
