"""Memory: reasoning of recent answers, for clients that cannot send it back themselves. Bounded, and nothing leaves the process.

Each client key has its own: what one caller's conversation left behind is never found by another's. Vendors are kept apart by
provider: a proof goes back to whom it came from and to nobody else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from omniroute.core.ids import Clock
from omniroute.translation.replay_reasoning import Leavings, Recall

KEPT_SECONDS = 4 * 3600.0
MOST_ENTRIES = 20_000
MOST_CHARACTERS = 64 * 1024 * 1024
LARGEST = 1024 * 1024
OWNER_SHARE = 0.5


class _Place(NamedTuple):
    owner: str
    provider: str
    name: str


class _Kept(NamedTuple):
    until: float
    left: Leavings
    size: int


class Memory:
    """``clock`` times the forgetting. Limits: entries, characters in all, characters of one entry; the oldest goes first.

    One owner alone may hold half of the characters, so that a busy key does not make everybody else forget.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        seconds: float = KEPT_SECONDS,
        entries: int = MOST_ENTRIES,
        characters: int = MOST_CHARACTERS,
        largest: int = LARGEST,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._entries = entries
        self._characters = characters
        self._largest = largest
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()
        self._held = 0
        self._held_by: dict[str, int] = {}

    def remember(self, owner: str, provider: str, names: Iterable[str], left: Leavings) -> None:
        """Keep ``left`` under each of ``names``. Too large a one is not kept."""
        now = self._clock.monotonic()
        for name in names:
            size = left.size + len(name)
            if size > self._largest:
                return
            place = _Place(owner, provider, name)
            self._forget(place)
            self._kept[place] = _Kept(now + self._seconds, left, size)
            self._held += size
            self._held_by[owner] = self._held_by.get(owner, 0) + size
            if self._held_by[owner] > self._characters * OWNER_SHARE:
                self._trim_owner(owner)
        self._trim(now)

    def recall(self, owner: str, provider: str) -> Recall:
        """A look-up of names among what ``owner`` left at ``provider``. What is asked for again is kept longer."""

        def look(name: str) -> Leavings | None:
            place = _Place(owner, provider, name)
            kept = self._kept.get(place)
            now = self._clock.monotonic()
            if kept is None or kept.until <= now:
                return None
            self._kept[place] = kept._replace(until=now + self._seconds)
            self._kept.move_to_end(place)
            return kept.left

        return look

    def holds(self, owner: str) -> bool:
        """Whether anything is kept for ``owner``: nothing needs looking up otherwise."""
        return owner in self._held_by

    def describe(self) -> dict[str, object]:
        """Figures for the dashboard."""
        return {"entries": len(self._kept), "characters": self._held, "owners": len(self._held_by)}

    def _forget(self, place: _Place) -> None:
        kept = self._kept.pop(place, None)
        if kept is None:
            return
        self._held -= kept.size
        left = self._held_by[place.owner] - kept.size
        if left > 0:
            self._held_by[place.owner] = left
        else:
            del self._held_by[place.owner]

    def _trim(self, now: float) -> None:
        """The order of the entries is that of their ends: the first ones go, as long as they are over or too many."""
        while self._kept:
            place, kept = next(iter(self._kept.items()))
            if kept.until > now and len(self._kept) <= self._entries and self._held <= self._characters:
                return
            self._forget(place)

    def _trim_owner(self, owner: str) -> None:
        """Down to a little less than the share, so that this pass over everything is rare."""
        goal = self._characters * OWNER_SHARE * 0.9
        for place in [place for place in self._kept if place.owner == owner]:
            if self._held_by.get(owner, 0) <= goal:
                return
            self._forget(place)
