"""How soon targets answer and how often accounts were used of late: figures for strategies, bounded in size."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniroute.catalog.account import Account

KEPT = 64
ENOUGH = 5
MOST_TARGETS = 2048
MOST_PAIRS = 20_000
_SPAN = 1800.0


class _Samples:
    __slots__ = ("known", "seconds")

    def __init__(self) -> None:
        self.seconds: deque[float] = deque(maxlen=KEPT)
        self.known: tuple[float, float] | None = None


class Latency:
    """Seconds to the first token of the last requests of each target; of too many targets the oldest is forgotten."""

    def __init__(self, most: int = MOST_TARGETS) -> None:
        self._targets: dict[str, _Samples] = {}
        self._most = most

    def add(self, target: str, seconds: float) -> None:
        samples = self._targets.get(target)
        if samples is None:
            if len(self._targets) >= self._most:
                del self._targets[next(iter(self._targets))]
            samples = self._targets[target] = _Samples()
        samples.seconds.append(seconds)
        samples.known = None

    def get(self, target: str) -> tuple[float, float] | None:
        """(median, 95th percentile), None below five requests."""
        samples = self._targets.get(target)
        if samples is None or len(samples.seconds) < ENOUGH:
            return None
        if samples.known is None:
            ordered = sorted(samples.seconds)
            samples.known = (ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100])
        return samples.known

    def items(self) -> list[tuple[str, tuple[float, float] | None]]:
        return [(target, self.get(target)) for target in self._targets]

    def __len__(self) -> int:
        return len(self._targets)


class Uses:
    """Requests begun, by account and model, over the last half hour to hour: two generations of half an hour."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._current: dict[str, dict[str, int]] = {}
        self._before: dict[str, dict[str, int]] = {}
        self._turn = 0.0
        self._most = most
        self._pairs = 0

    def add(self, account_id: str, model: str, now: float) -> None:
        if now >= self._turn:
            self._roll(now)
        models = self._current.get(account_id)
        if models is None:
            models = self._current[account_id] = {}
        if model in models:
            models[model] += 1
            return
        self._pairs += 1
        if self._pairs > self._most:  # clients can ask for any number of names
            self._roll(now)
            models = self._current.setdefault(account_id, {})
        models[model] = 1

    def get(self, account_id: str, model: str | None, now: float) -> int:
        """Of ``model``, or of all together."""
        if now >= self._turn:
            self._roll(now)
        new, old = self._current.get(account_id), self._before.get(account_id)
        total = 0
        if new is not None:
            total = sum(new.values()) if model is None else new.get(model, 0)
        if old is not None:
            total += sum(old.values()) if model is None else old.get(model, 0)
        return total

    def total(self, accounts: Sequence[Account], model: str, now: float) -> int:
        """Of ``model`` at all of ``accounts`` together."""
        if now >= self._turn:
            self._roll(now)
        total = 0
        for generation in (self._current, self._before):
            if generation:
                for account in accounts:
                    models = generation.get(account.id)
                    if models is not None:
                        total += models.get(model, 0)
        return total

    def __len__(self) -> int:
        return len(self._current) + len(self._before)

    def _roll(self, now: float) -> None:
        self._before = {} if now >= self._turn + _SPAN else self._current
        self._current = {}
        self._pairs = 0
        self._turn = now + _SPAN
