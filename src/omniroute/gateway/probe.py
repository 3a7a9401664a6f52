"""A live test of one account: the shortest real request, through the same pipeline as everybody's, answered to nobody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from omniroute._fast.envelope import scan
from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.core import json
from omniroute.core.errors import BadRequest, Fault, OmniRouteError, RequestError
from omniroute.core.ids import Clock, new_id
from omniroute.gateway.context import Context
from omniroute.gateway.pipeline import Pipeline
from omniroute.routing.plan import Attempt
from omniroute.routing.resolve import target
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.format import Format


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """``status`` is the HTTP status a client would have seen; ``first_token_ms`` None when nothing came."""

    ok: bool
    status: int
    message: str
    model: str | None
    first_token_ms: float | None = None


class _Nobody:
    """An Exchange that keeps the time of its first byte and forgets the rest."""

    method = "POST"
    path = "/v1/chat/completions"
    pushes = False

    def __init__(self, clock: Clock) -> None:
        self.request_id = new_id("req")
        self.started = False
        self.sent = 0
        self.first: float | None = None
        self._clock = clock

    def header(self, name: str) -> str | None:
        return None

    def query(self, name: str) -> str | None:
        return None

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        return []

    async def body(self, limit: int) -> bytes:
        return b""

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self._take(body)

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.started = True

    async def write(self, data: bytes) -> None:
        self._take(data)

    def push(self, data: bytes) -> bool:
        self._take(data)
        return True

    async def drained(self) -> None:
        self.started = True

    async def finish(self) -> None:
        self.started = True

    def _take(self, data: bytes) -> None:
        self.started = True
        self.sent += len(data)
        if self.first is None:
            self.first = self._clock.monotonic()


async def probe(
    pipeline: Pipeline,
    format: Format,
    snapshot: Snapshot,
    provider: Provider,
    account: Account,
    clock: Clock,
    model: str | None = None,
) -> ProbeResult:
    """Ask ``model`` (default: the provider's first chat model) for one token, streamed, paid by ``account``."""
    name = model or _cheapest(provider)
    if name is None:
        return ProbeResult(ok=False, status=400, message="The provider lists no chat model; name one to test with.", model=None)
    asked = target(snapshot, provider, name)
    body = json.dumps(
        {"model": asked.name, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 1, "stream": True}
    )
    exchange = _Nobody(clock)
    context = Context(exchange, format, snapshot, None, scan(body), received=clock.monotonic(), wall=clock.now())
    context.decision = "test"
    try:
        if not snapshot.usable(provider):
            raise BadRequest(f"{provider.name} cannot be used by this version yet.")
        attempt = Attempt(target=asked, account=account, probe=True)
        lease = pipeline.dispatch.lease(attempt)
        try:
            await pipeline.attempt(context, attempt, lease)
        finally:
            lease.release()
    except Fault as fault:
        return ProbeResult(ok=False, status=fault.http_status, message=fault.message, model=asked.name)
    except RequestError as error:
        return ProbeResult(ok=False, status=error.status, message=error.message, model=asked.name)
    except OmniRouteError as error:
        return ProbeResult(ok=False, status=500, message=error.message, model=asked.name)
    first = None if exchange.first is None else (exchange.first - context.received) * 1000
    return ProbeResult(ok=True, status=200, message="The account answered.", model=asked.name, first_token_ms=first)


def _cheapest(provider: Provider) -> str | None:
    """The listed chat model with the lowest output price, so that a test costs next to nothing."""
    chat = [m for m in provider.models if m.kind == "chat" and m.status is None]
    chat.sort(key=lambda m: m.price.output if m.price.output is not None else float("inf"))
    return chat[0].id if chat else None
