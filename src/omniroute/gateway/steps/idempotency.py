"""The same request twice is one upstream call: while the first is under way, and for a moment after it was answered.

Requests are the same when the same client key asks the same thing, and says so: by an ``Idempotency-Key``, or by the count that
SDKs send with a repeated try. Answers are never shared between client keys.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from omniroute.core.errors import BadRequest
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.gateway.context import Context
from omniroute.gateway.fan_out import FanOut
from omniroute.gateway.policy import presented_key
from omniroute.gateway.ports import Exchange

WINDOW = 5.0
MOST_BYTES = 64 * 1024 * 1024
LARGEST = 4 * 1024 * 1024
MOST_ENTRIES = 2000
_LONGEST_KEY = 255
REPLAYED = ("x-omniroute-idempotent", "replayed")

Work = Callable[[Context], Awaitable[None]]


def concerns(exchange: Exchange, settings: Settings) -> bool:
    """The request may be the same as another one, or another one the same as it."""
    mode = settings.idempotency
    if mode == "off":
        return False
    if exchange.header("idempotency-key") is not None:
        return True
    tries = exchange.header("x-stainless-retry-count")
    return tries is not None and not (tries == "0" and mode == "marked")


class _Entry:
    """One answer, under way or kept until ``until``. ``digest`` tells what was asked."""

    __slots__ = ("answer", "digest", "until")

    def __init__(self, answer: FanOut, digest: bytes) -> None:
        self.answer = answer
        self.digest = digest
        self.until = float("inf")


class Idempotency:
    """Bounds: ``window`` seconds after the end of an answer, ``entries`` answers, ``size`` bytes of all and ``largest`` of one.

    An answer that grows over them is no longer shared with those who come later; it is served to its readers all the same.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        window: float = WINDOW,
        entries: int = MOST_ENTRIES,
        size: int = MOST_BYTES,
        largest: int = LARGEST,
    ) -> None:
        self._clock = clock
        self._window = window
        self._most = entries
        self._size = size
        self._largest = largest
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._finished: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._held = 0
        self._replayed = 0

    async def run(self, context: Context, work: Work) -> None:
        """``work(context)``, or the answer of an equal request. BadRequest when an Idempotency-Key was used for another one."""
        exchange = context.exchange
        if not concerns(exchange, context.snapshot.settings):
            await work(context)
            return
        mark = exchange.header("idempotency-key")
        tries = exchange.header("x-stainless-retry-count") if mark is None else None
        digest = _digest(context)
        key = (_owner(context), f"key:{_checked(mark)}" if mark is not None else digest.hex())
        entry = self._find(key)
        if entry is not None and entry.digest != digest:
            raise BadRequest(
                "This Idempotency-Key was used a moment ago for another request; use a new one.",
                param="Idempotency-Key",
                code="idempotency_key_reused",
            )
        if entry is not None and (mark is not None or tries != "0"):
            self._replayed += 1
            await entry.answer.read(exchange, [REPLAYED])
        elif entry is not None or len(self._entries) >= self._most:
            await work(context)  # a first try of its own, though equal to another
        else:
            await self._lead(key, digest, context, exchange, work)

    async def _lead(self, key: tuple[str, str], digest: bytes, context: Context, exchange: Exchange, work: Work) -> None:
        answer = FanOut(exchange, self._largest, self._grow)
        entry = self._entries[key] = _Entry(answer, digest)
        context.exchange = answer

        def done(answer: FanOut) -> None:
            if answer.complete and context.failures < context.attempts:  # a stream may have told of its failure itself
                entry.until = self._clock.monotonic() + self._window
                self._finished[key] = None
            else:
                self._drop(key, entry)
            self._trim()

        answer.begin(work(context), done)
        await answer.read(exchange)

    def describe(self) -> dict[str, object]:
        """Answers that can be shared now, their bytes, and how often that was done."""
        self._trim()
        return {"answers": len(self._entries), "bytes": self._held, "replayed": self._replayed}

    def clear(self) -> int:
        """Forget the finished answers; returns how many there were."""
        count = len(self._finished)
        while self._finished:
            key = next(iter(self._finished))
            self._drop(key, self._entries[key])
        return count

    def _find(self, key: tuple[str, str]) -> _Entry | None:
        self._trim()
        entry = self._entries.get(key)
        return entry if entry is not None and entry.answer.joinable else None

    def _grow(self, change: int) -> None:
        self._held += change
        if change > 0 and self._held > self._size:
            self._trim()

    def _trim(self) -> None:
        """Finished answers go when their time is over, or the oldest first when there is too much; then those under way lose
        what all of their readers have read."""
        now = self._clock.monotonic()
        while self._finished:
            key = next(iter(self._finished))
            if self._entries[key].until > now and self._held <= self._size:
                return
            self._drop(key, self._entries[key])
        if self._held > self._size:
            for entry in list(self._entries.values()):
                entry.answer.trim()

    def _drop(self, key: tuple[str, str], entry: _Entry) -> None:
        self._finished.pop(key, None)
        if self._entries.get(key) is entry:
            del self._entries[key]
        if not entry.answer.running:
            entry.answer.release()


def _owner(context: Context) -> str:
    """Whose answers these are: the key's, or of callers without one those who present the same word."""
    if context.grant is not None:
        return context.grant.id
    return "anonymous " + blake2b((presented_key(context.exchange) or "").encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _digest(context: Context) -> bytes:
    """What is asked: the body, and what the URL says beside it."""
    asked = f"{context.format.name}\0{context.model}\0{context.stream}\0{context.array}\0".encode("utf-8", "surrogatepass")
    return blake2b(asked + context.envelope.body, digest_size=16).digest()


def _checked(mark: str) -> str:
    if not mark.strip() or len(mark) > _LONGEST_KEY:
        raise BadRequest(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.", param="Idempotency-Key")
    return mark
