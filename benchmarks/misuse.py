"""Traffic that does not end well: clients that leave, upstreams that fail. Each request is bounded, its end is counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from load import Job
from rig import Target
from scenarios import PASS_THROUGH, TRANSLATED, Scenario, label

_LONGEST = 15.0  # seconds for an answer to a failing request; what takes longer hangs
_READ = 65536


class Misuse(NamedTuple):
    """``leave_after`` in seconds, None = stay to the end. ``ends``: how an answer may end, by :func:`_ending`."""

    name: str
    scenario: Scenario
    rate: float
    leave_after: float | None
    ends: frozenset[str]


def _scenario(pair: tuple[str, str], what: str, script: str, *, stream: bool = True, failing: bool = False) -> Scenario:
    return Scenario(f"{label(*pair)} {what}", *pair, "open", stream, script, failing=failing)


def _leaving(pair: tuple[str, str], what: str, script: str, after: float, *, stream: bool = True) -> Misuse:
    scenario = _scenario(pair, what, script, stream=stream)
    return Misuse(scenario.name, scenario, 2.0, after, frozenset({"left"}))


def _failing(pair: tuple[str, str], what: str, script: str, rate: float = 1.0, *, stream: bool = True) -> Misuse:
    """An error status, an error told in the stream, or a broken connection are right; silence and success are not."""
    scenario = _scenario(pair, what, script, stream=stream, failing=True)
    return Misuse(scenario.name, scenario, rate, None, frozenset({"refused", "broken"}))


MISUSES = (
    _leaving(PASS_THROUGH, "left in the stream", "chunks=60;size=27;gap_ms=20", 0.3),
    _leaving(TRANSLATED, "left in the stream", "chunks=61;size=27;gap_ms=20", 0.3),
    _leaving(PASS_THROUGH, "left before the first token", "chunks=9;size=28;first_ms=4000", 0.2),
    _leaving(TRANSLATED, "left before the answer", "chunks=10;size=28;first_ms=4000", 0.2, stream=False),
    _failing(PASS_THROUGH, "upstream answers 500", "chunks=2;status=500"),
    _failing(TRANSLATED, "upstream answers 429", "chunks=3;status=429", stream=False),
    _failing(PASS_THROUGH, "upstream cuts the stream", "chunks=40;size=27;cut=12"),
    _failing(TRANSLATED, "upstream cuts the stream", "chunks=41;size=27;cut=12"),
    _failing(PASS_THROUGH, "upstream falls silent", "chunks=42;size=27;stall=12", 0.5),
    _failing(TRANSLATED, "upstream never begins", "chunks=43;size=27;first_ms=30000", 0.5),
)


class Ends:
    """How the requests of one kind ended."""

    def __init__(self) -> None:
        self.sent = 0
        self.counts: dict[str, int] = {}

    def note(self, ending: str) -> None:
        self.counts[ending] = self.counts.get(ending, 0) + 1


async def misuse(kind: Misuse, target: Target, ends: Ends, until: float) -> None:
    """Requests of that kind at its rate until the monotonic clock says ``until``; returns when all have ended."""
    closing = target._replace(headers=(*target.headers, ("connection", "close")))
    job = closing.job(kind.scenario)
    start, index = time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()
    while (due := start + index / kind.rate) < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.ensure_future(_one(kind, job, ends.note))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        ends.sent += 1
        index += 1
    await asyncio.gather(*under_way)


async def _one(kind: Misuse, job: Job, note: Callable[[str], None]) -> None:
    answer = bytearray()
    reader, writer = await asyncio.open_connection(job.host, job.port)
    try:
        writer.write(job.request)
        async with asyncio.timeout(kind.leave_after or _LONGEST):
            while data := await reader.read(_READ):
                answer += data
    except TimeoutError:
        note("hangs" if kind.leave_after is None else "left")
    except ConnectionError:
        note("broken")
    else:
        note(_ending(bytes(answer), job.terminator))
    finally:
        writer.transport.abort()


def _ending(answer: bytes, terminator: bytes | None) -> str:
    """``complete``, ``refused`` (an error status), ``broken`` (begun, and told or seen to be incomplete)."""
    if not answer.startswith(b"HTTP/1.1 200"):
        return "refused" if answer.startswith(b"HTTP/1.1 ") else "broken"
    if b'"error"' in answer:
        return "broken"
    return "complete" if terminator is None or terminator in answer else "broken"
