"""How often a password may be tried: a token bucket per address and one for everybody together."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from omniroute.core.errors import TooManyRequests
from omniroute.core.ids import Clock

_MAX_ADDRESSES = 2048


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Attempts:
    """``burst`` tries at once, then one every ``seconds``. The shared bucket bounds the hashing work a crowd can cause."""

    def __init__(
        self, clock: Clock, *, burst: int = 5, seconds: float = 12.0, shared_burst: int = 50, shared_seconds: float = 1.0
    ) -> None:
        self._clock = clock
        self._burst, self._seconds = burst, seconds
        self._shared_burst, self._shared_seconds = shared_burst, shared_seconds
        self._shared = _Bucket(shared_burst, clock.monotonic())
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, address: str) -> None:
        """Use one try. Raises TooManyRequests with the seconds to wait; a refused try costs nothing."""
        now = self._clock.monotonic()
        own = self._buckets.pop(address, None) or _Bucket(self._burst, now)
        self._buckets[address] = own
        while len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        _refill(own, now, self._burst, self._seconds)
        _refill(self._shared, now, self._shared_burst, self._shared_seconds)
        wait = max((1 - own.tokens) * self._seconds, (1 - self._shared.tokens) * self._shared_seconds)
        if wait > 0:
            raise TooManyRequests(f"too many password attempts; try again in {wait:.0f} seconds", retry_after=wait)
        own.tokens -= 1
        self._shared.tokens -= 1

    def forgive(self, address: str) -> None:
        """Forget the address's failures after a right password."""
        self._buckets.pop(address, None)


def _refill(bucket: _Bucket, now: float, burst: int, seconds: float) -> None:
    bucket.tokens = min(float(burst), bucket.tokens + (now - bucket.at) / seconds)
    bucket.at = now
