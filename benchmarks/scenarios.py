"""What is measured: the matrix of dialects, body sizes, kinds of answer, pace and numbers of streams."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from dialects import DIALECTS, compact, conversation

Loop = Literal["closed", "open", "streams"]
Level = Literal["quick", "bars", "full"]
LEVELS: tuple[Level, ...] = ("quick", "bars", "full")

SHORT = {"openai_chat": "chat", "openai_responses": "responses"}
# client, upstream
PASS_THROUGH = ("openai_chat", "openai_chat")
TRANSLATED = ("anthropic", "openai_chat")
PAIRS = (
    PASS_THROUGH,
    TRANSLATED,
    ("openai_chat", "anthropic"),
    ("anthropic", "anthropic"),
    ("openai_responses", "anthropic"),
    ("openai_responses", "openai_responses"),
    ("openai_chat", "gemini"),
    ("gemini", "gemini"),
    ("openai_chat", "ollama"),
)
SHOWN = (("openai_responses", "anthropic"), ("openai_chat", "gemini"))  # further translations that every report has
BODIES = {"1kB": 1_000, "50kB": 50_000, "400kB": 400_000, "1MB": 1_000_000}
STREAMS = (1, 16, 50, 200, 1000)
_CHUNKS_PER_SECOND = 5000  # of all streams of a paced run together: what the load side carries with ease on one core


class Scenario(NamedTuple):
    """``loop``: ``closed`` (``connections``, each sends when it has its answer), ``open`` (``rate`` arrivals a second) or
    ``streams`` (``connections`` streams begun one after another, each run once). ``script`` is the mock upstream's.
    ``failing``: through a node of its own with short timers, so that its faults are held against nobody else."""

    name: str
    client: str
    upstream: str
    loop: Loop
    stream: bool
    script: str
    body: int = 1_000
    connections: int = 16
    rate: float = 0.0
    tls: bool = False
    level: Level = "full"
    failing: bool = False

    @property
    def words(self) -> dict[str, float]:
        return {name: float(value) for name, _, value in (pair.partition("=") for pair in self.script.split(";"))}

    @property
    def chunks(self) -> int:
        return int(self.words.get("chunks", 100))

    @property
    def stamped(self) -> bool:
        return bool(self.words.get("stamp"))

    @property
    def node(self) -> str:
        return f"bench-{self.upstream.replace('_', '-')}{'-tls' if self.tls else '-failing' if self.failing else ''}"

    def request(self, dialect: str, model: str, host: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
        """The whole HTTP request in that dialect."""
        return _request(dialect, model, host, headers, self.stream, self.body)


@lru_cache(64)
def _request(dialect: str, model: str, host: str, headers: tuple[tuple[str, str], ...], stream: bool, size: int) -> bytes:
    spoken = DIALECTS[dialect]
    body = compact(spoken.request(model, conversation(size), stream))
    head = f"POST {spoken.path(model, stream)} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    head += f"accept: */*\r\nuser-agent: omniroute-bench\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers)
    return head.encode() + b"\r\n" + body


def label(client: str, upstream: str) -> str:
    pair = [SHORT.get(name, name) for name in (client, upstream)]
    return pair[0] if pair[0] == pair[1] else ">".join(pair)


def paced(client: str, upstream: str, streams: int, gap_ms: int, *, tls: bool = False, level: Level = "full") -> Scenario:
    """Seconds of a chunk every ``gap_ms`` on each of ``streams`` streams, two of them with all of the streams open."""
    chunks = (2000 + streams * 1000 // 400) // gap_ms
    name = f"{label(client, upstream)} paced {streams}x{gap_ms}ms{' tls' if tls else ''}"
    script = f"chunks={chunks};size=28;gap_ms={gap_ms};stamp=1"
    return Scenario(name, client, upstream, "streams", True, script, connections=streams, tls=tls, level=level)


def json_answers(client: str, upstream: str, body: str, connections: int = 16, level: Level = "full") -> Scenario:
    """Answers of about 1,150 bytes in the chat dialect."""
    name = f"{label(client, upstream)} json {body} c{connections}"
    size = BODIES[body]
    return Scenario(name, client, upstream, "closed", False, "chunks=100;size=8", size, connections, level=level)


def burst(client: str, upstream: str, chunks: int, body: str = "1kB", connections: int = 16, level: Level = "full") -> Scenario:
    name = f"{label(client, upstream)} burst {chunks}{'' if body == '1kB' else f' {body}'} c{connections}"
    script = f"chunks={chunks};size=8"
    return Scenario(name, client, upstream, "closed", True, script, BODIES[body], connections, level=level)


def arrivals(client: str, upstream: str, body: str, rate: int, level: Level = "full") -> Scenario:
    """Short streams at a fixed rate of arrivals: what is added to the first token."""
    name = f"{label(client, upstream)} first token {body} {rate}/s"
    script = "chunks=8;size=28;stamp=1"
    return Scenario(name, client, upstream, "open", True, script, BODIES[body], 16, float(rate), level=level)


def _of_pair(client: str, upstream: str) -> Iterator[Scenario]:
    through = (client, upstream) == PASS_THROUGH
    core = through or (client, upstream) == TRANSLATED
    level: Level = "quick" if core else "bars" if (client, upstream) in SHOWN else "full"
    yield json_answers(client, upstream, "1kB", level=level)
    yield burst(client, upstream, 100, level="bars" if core else "full")
    yield burst(client, upstream, 500, level=level)
    yield paced(client, upstream, 50, 10, level="quick" if core else "full")
    yield arrivals(client, upstream, "1kB", 300, level="quick" if through else "bars" if core else "full")
    yield paced(client, upstream, 200, 40, level="quick" if through else "bars" if core else "full")
    yield arrivals(client, upstream, "400kB", 20, level="quick" if through else "bars" if core else "full")
    for body in ("50kB", "400kB", "1MB"):
        connections = 16 if body == "50kB" else 4
        yield json_answers(client, upstream, body, connections)
        for chunks in (100, 500):
            yield burst(client, upstream, chunks, body, connections)
    yield arrivals(client, upstream, "50kB", 50)
    yield arrivals(client, upstream, "1MB", 10)
    for connections in (1, 50, 200, 1000):
        yield json_answers(client, upstream, "1kB", connections)
        yield burst(client, upstream, 100, "1kB", connections)
    for streams in (1, 16, 1000):
        yield paced(client, upstream, streams, max(10, streams * 1000 // _CHUNKS_PER_SECOND))


def matrix(formats: Collection[str]) -> list[Scenario]:
    """Every scenario whose two formats are among ``formats``, the ones for the bars first within each pair."""
    found: list[Scenario] = []
    for client, upstream in PAIRS:
        if client in formats and upstream in formats:
            found += _of_pair(client, upstream)
            if (client, upstream) == PASS_THROUGH:
                found.insert(7, paced(client, upstream, 50, 10, tls=True, level="quick"))
    return found


def chosen(scenarios: list[Scenario], level: Level, only: tuple[str, ...] = ()) -> list[Scenario]:
    """Those of the level and below; with ``only`` those of any level with such a name, or else one that contains it."""
    if only:
        names = {scenario.name for scenario in scenarios}
        return [s for s in scenarios if any(s.name == text or (text not in names and text in s.name) for text in only)]
    return [scenario for scenario in scenarios if LEVELS.index(scenario.level) <= LEVELS.index(level)]
