"""What happens, told to dashboards that listen: rows of the ledger as they are stored, and what changes of routing's state.

Nobody who serves a request ever waits for a listener: rows come from the ledger's writer, the rest is looked at once a second,
and only while somebody listens. A listener that is slow gets less, and is told how much it has missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from omniroute.core import json
from omniroute.core.errors import Unavailable
from omniroute.core.ledger import LedgerRow
from omniroute.routing.health import Health

MOST_LISTENERS = 32
MOST_ROWS = 50
MEDIA = "text/event-stream"
_LOOK_AGAIN = 1.0
_HEARTBEAT = 15.0
_APART = 0.25
_RETRY = b"retry: 3000\n\n"
_BEAT = b": still here\n\n"

Allowed = Callable[[], Awaitable[bool]]
log = structlog.get_logger("omniroute.admin")


class Sign(NamedTuple):
    """``mark`` differs when something has changed; ``data`` is what is told then."""

    mark: Any
    data: dict[str, Any]


def signs(health: Health, now: float) -> dict[str, Sign]:
    """What of routing's state is worth telling, by the name of the event."""
    told = health.describe(now)
    under_way = sum(told["in_flight"].values())
    locks = [
        (account_id, model, lock["until"])
        for account_id, state in told["accounts"].items()
        for model, lock in ((None, state["lock"]), *state["models"].items())
        if lock is not None and lock["active"]
    ]
    breakers = [(provider_id, one["state"]) for provider_id, one in told["providers"].items() if one["state"] != "closed"]
    windows = [
        (account_id, window["name"], window["model"], round(window["used"], 4), window["resets_at"])
        for account_id, state in told["accounts"].items()
        for window in state["windows"]
    ]
    return {
        "in_flight": Sign(under_way, {"in_flight": under_way}),
        "health": Sign((locks, breakers), {"cooldowns": len(locks), "breakers": len(breakers)}),
        "quotas": Sign(windows, {"windows": len(windows)}),
    }


class Listener:
    """One who listens: what it has not been told yet, at most MOST_ROWS rows and the newest word of every other kind."""

    def __init__(self, allowed: Allowed | None, heartbeat: float, apart: float) -> None:
        self._allowed = allowed
        self._heartbeat = heartbeat
        self._apart = apart
        self._rows: deque[LedgerRow] = deque(maxlen=MOST_ROWS)
        self._missed = 0
        self._states: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Event()
        self._closed = False

    def rows(self, rows: Sequence[LedgerRow]) -> None:
        self._missed += max(0, len(self._rows) + len(rows) - MOST_ROWS)
        self._rows.extend(rows)
        self._news.set()

    def state(self, kind: str, data: dict[str, Any]) -> None:
        self._states[kind] = data
        self._news.set()

    def close(self) -> None:
        """End :meth:`parts`. Repeating it is harmless."""
        self._closed = True
        self._news.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """Frames, as they come, at most one every ``apart`` seconds; a comment when nothing is to be told for long. Ends when it
        is closed or the listener may no longer listen."""
        yield _RETRY
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while not self._closed:
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._news.wait()
            except TimeoutError:
                frame = _BEAT
            else:
                frame = self._take()
            if loop.time() - checked >= self._heartbeat:
                checked = loop.time()
                if self._allowed is not None and not await self._allowed():
                    return
            if frame:
                yield frame
            await asyncio.sleep(self._apart)

    def _take(self) -> bytes:
        self._news.clear()
        frames = [_frame(kind, data) for kind, data in self._states.items()]
        if self._rows:
            rows = [msgspec.structs.asdict(row) for row in self._rows]
            frames.append(_frame("usage", {"rows": rows, "missed": self._missed}))
        self._states.clear()
        self._rows.clear()
        self._missed = 0
        return b"".join(frames)


class Events:
    """``look`` gives the signs of this moment. Use from one event loop; :meth:`close` ends every listener."""

    def __init__(
        self,
        look: Callable[[], Mapping[str, Sign]],
        *,
        every: float = _LOOK_AGAIN,
        heartbeat: float = _HEARTBEAT,
        apart: float = _APART,
    ) -> None:
        self._look = look
        self._every = every
        self._heartbeat = heartbeat
        self._apart = apart
        self._listeners: set[Listener] = set()
        self._known: dict[str, Sign] = {}
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, allowed: Allowed | None = None) -> Listener:
        """A new listener, who is told the present state first. ``allowed`` is asked now and then whether it still may.
        Unavailable when there are too many, or at the end."""
        if self._closed:
            raise Unavailable("this OmniRoute is shutting down", retry_after=1)
        if len(self._listeners) >= MOST_LISTENERS:
            raise Unavailable(f"{MOST_LISTENERS} dashboards listen already; close one", retry_after=5)
        listener = Listener(allowed, self._heartbeat, self._apart)
        self._known = dict(self._look())
        for kind, sign in self._known.items():
            listener.state(kind, sign.data)
        self._listeners.add(listener)
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking(), name="admin-events")
        return listener

    def left(self, listener: Listener) -> None:
        """Nobody reads it any more."""
        listener.close()
        self._listeners.discard(listener)

    def stored(self, rows: Sequence[LedgerRow]) -> None:
        """Rows that the ledger now has. Never waits."""
        for listener in self._listeners:
            listener.rows(rows)

    def close(self) -> None:
        """End every listener, and refuse new ones."""
        self._closed = True
        for listener in tuple(self._listeners):
            self.left(listener)

    async def _keep_looking(self) -> None:
        """While somebody listens."""
        try:
            while self._listeners:
                await asyncio.sleep(self._every)
                self._compare(self._look())
        except Exception as error:  # the next listener finds a new look begun
            log.exception("dashboards are told nothing more", exc_info=error)
            for listener in tuple(self._listeners):
                self.left(listener)
        finally:
            self._looking = None

    def _compare(self, found: Mapping[str, Sign]) -> None:
        for kind, sign in found.items():
            known = self._known.get(kind)
            if known is None or known.mark != sign.mark:
                for listener in self._listeners:
                    listener.state(kind, sign.data)
        self._known = dict(found)


def _frame(kind: str, data: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + json.dumps(data) + b"\n\n"
