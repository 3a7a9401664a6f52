"""What a client's key may use per minute and at once. Counters in memory, a small record per limited key in use."""

from __future__ import annotations

from collections import deque

from omniroute.core.errors import TooManyRequests
from omniroute.core.ids import Clock
from omniroute.routing.snapshot import KeyGrant

_MINUTE = 60.0
# Requests are counted in slots of this many seconds: some six hundred numbers per key, however many requests.
_SLOT = 0.1
_MOST_KEYS = 10_000
_LONGEST_GUESS = 60.0


class Stream:
    """A place among the streams of one key; :meth:`close` gives it back, a second call does nothing."""

    __slots__ = ("_use", "began")

    def __init__(self, use: _Use, began: float) -> None:
        self._use: _Use | None = use
        self.began = began

    def close(self, now: float) -> None:
        use, self._use = self._use, None
        if use is not None:
            use.ended(self, now)


class _Use:
    """What one key has used lately. ``slots``: (when it is forgotten, requests begun in it), a minute after its end."""

    __slots__ = ("mean", "slots", "streams", "total")

    def __init__(self) -> None:
        self.slots: deque[tuple[float, int]] = deque()
        self.total = 0
        self.streams: dict[Stream, None] = {}
        self.mean = 0.0

    def forget(self, now: float) -> None:
        while self.slots and self.slots[0][0] <= now:
            self.total -= self.slots.popleft()[1]

    def count(self, now: float) -> None:
        if self.slots and now < self.slots[-1][0] - _MINUTE:
            until, seen = self.slots.pop()
            self.slots.append((until, seen + 1))
        else:
            self.slots.append((now + _SLOT + _MINUTE, 1))
        self.total += 1

    def wait(self, now: float, rpm: int) -> float:
        """Seconds until one more request is within ``rpm``: when enough of those counted are a minute old."""
        surplus = self.total - rpm + 1
        for until, seen in self.slots:
            surplus -= seen
            if surplus <= 0:
                return until - now
        return _MINUTE

    def ended(self, stream: Stream, now: float) -> None:
        del self.streams[stream]
        took = now - stream.began
        self.mean = took if not self.mean else 0.8 * self.mean + 0.2 * took

    @property
    def idle(self) -> bool:
        return not self.slots and not self.streams


class ClientLimits:
    """Requests per minute and streams at once, by key. A key without such limits leaves no trace here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._uses: dict[str, _Use] = {}

    def count(self, grant: KeyGrant) -> None:
        """One more request of this key. TooManyRequests with the seconds until there is room in its minute; such a refusal does
        not count, so that waiting helps."""
        if grant.rpm is None:
            return
        now = self._clock.monotonic()
        use = self._use(grant.id)
        use.forget(now)
        if use.total >= grant.rpm:
            wait = use.wait(now, grant.rpm)
            raise TooManyRequests(
                f"This API key may make {grant.rpm} requests per minute; the next one in {_seconds(wait)} s.",
                code="key_rate_limit",
                retry_after=wait,
            )
        use.count(now)

    def stream(self, grant: KeyGrant) -> Stream | None:
        """A place for one more stream of this key, to be closed when it has ended; None when the key has no such limit.

        TooManyRequests when all are taken, with a guess at when the oldest one ends: this key's streams took so long lately.
        """
        if grant.streams is None:
            return None
        now = self._clock.monotonic()
        use = self._use(grant.id)
        if len(use.streams) >= grant.streams:
            oldest = next(iter(use.streams), None)
            left = use.mean - (now - oldest.began) if oldest is not None else _LONGEST_GUESS
            wait = min(max(left, 1.0), _LONGEST_GUESS)
            raise TooManyRequests(
                f"This API key may have {grant.streams} streams open at once, and has.",
                code="key_stream_limit",
                retry_after=wait,
            )
        stream = Stream(use, now)
        use.streams[stream] = None
        return stream

    def close(self, stream: Stream | None) -> None:
        """The stream has ended, however."""
        if stream is not None:
            stream.close(self._clock.monotonic())

    def describe(self) -> dict[str, object]:
        """``{"keys": {id: {"requests_in_minute", "streams"}}}`` of the limited keys in use."""
        self._sweep()
        return {"keys": {key: {"requests_in_minute": use.total, "streams": len(use.streams)} for key, use in self._uses.items()}}

    def _use(self, key: str) -> _Use:
        use = self._uses.get(key)
        if use is None:
            if len(self._uses) >= _MOST_KEYS:
                self._sweep()
            use = self._uses[key] = _Use()
        return use

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        for key, use in list(self._uses.items()):
            use.forget(now)
            if use.idle:
                del self._uses[key]


def _seconds(wait: float) -> int:
    return max(1, int(wait + 0.999))
