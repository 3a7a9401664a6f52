"""What is known of one request on its way through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omniroute._fast.envelope import Envelope
from omniroute._fast.tokens import estimate_body
from omniroute.core.ids import Clock
from omniroute.gateway.ports import Exchange
from omniroute.gateway.request_words import word_of
from omniroute.ir.request import ChatRequest
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.translation.format import Format
from omniroute.translation.media import File
from omniroute.translation.ops import Ops
from omniroute.translation.request import read_request, wants_stream

if TYPE_CHECKING:
    from omniroute.gateway.attendance import Guest
    from omniroute.gateway.heartbeat import Beat
    from omniroute.gateway.own_credentials import Own
    from omniroute.routing.plan import Attempt


class Waiting:
    """A stopwatch for what is waited for upstreams: it runs while any ``with`` block over it does, several at once count once."""

    __slots__ = ("_clock", "_since", "_under_way", "seconds")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way = 0
        self._since = 0.0
        self.seconds = 0.0

    def __enter__(self) -> None:
        if not self._under_way:
            self._since = self._clock.monotonic()
        self._under_way += 1

    def __exit__(self, *error: object) -> None:
        self._under_way -= 1
        if not self._under_way:
            self.seconds += self._clock.monotonic() - self._since

    def read(self) -> tuple[float, float]:
        """(monotonic seconds now, seconds waited so far)."""
        now = self._clock.monotonic()
        return now, self.seconds + (now - self._since if self._under_way else 0.0)


class Said(NamedTuple):
    """What the head of a request tells beside who asks: names of the conversation and of the agent in it, and whether the client
    wants to know what translation does."""

    session_id: str | None
    agent_id: str | None
    explain: bool


def said_by(exchange: Exchange) -> Said:
    return Said(
        exchange.header("x-claude-code-session-id") or exchange.header("session-id") or exchange.header("x-session-id"),
        exchange.header("x-claude-code-agent-id"),
        (exchange.header("x-omniroute-explain") or "").lower() in ("true", "1"),
    )


class Context:
    """One request. ``received`` is monotonic seconds, ``wall`` unix seconds; ``attempts`` counts the tries made,
    ``failures`` those that came to nothing.

    ``model`` and ``stream`` are what the client asked for, in the body or (where its format says that there) in the URL;
    ``array``: its stream is to be one JSON array, see ``Format.array``. ``explain``: the client wants to know what translation
    does; ``ops`` is what it did for the last try (None: nobody asked). ``files`` holds what URLs of the request led to, a text
    says why to nothing. ``committed``: something of an answer has been sent, so that no other try may follow. ``session`` is the
    name by which routing knows the conversation; ``beat`` keeps the client of a silent stream patient. ``attempt`` is the last
    try, ``queued`` the seconds spent in line and in pauses, ``upstream`` measures what is waited for others. ``own`` is set where
    the client is signed in by itself; ``guest``: the request in the list of those under way; ``path``: where not a chat is to be
    asked for, the key of the provider's path that is.
    """

    __slots__ = (
        "_estimate",
        "_request",
        "agent_id",
        "array",
        "attempt",
        "attempts",
        "beat",
        "body",
        "committed",
        "decision",
        "envelope",
        "exchange",
        "explain",
        "failures",
        "files",
        "format",
        "grant",
        "guest",
        "model",
        "ops",
        "own",
        "path",
        "queued",
        "received",
        "session",
        "session_id",
        "snapshot",
        "stream",
        "upstream",
        "wall",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        format: Format,
        snapshot: Snapshot,
        grant: KeyGrant | None,
        envelope: Envelope,
        *,
        received: float,
        wall: float,
        model: str | None = None,
        stream: bool | None = None,
        array: bool = False,
        said: Said | None = None,
    ) -> None:
        self.exchange = exchange
        self.format = format
        self.snapshot = snapshot
        self.grant = grant
        self.envelope = envelope
        self.received = received
        self.wall = wall
        self.model = model if model is not None else envelope.model or ""
        self.stream = stream if stream is not None else wants_stream(envelope, format)
        self.array = array
        self.attempts = 0
        self.failures = 0
        self.attempt: Attempt | None = None
        self.queued = 0.0
        self.upstream: Waiting | None = None
        self.committed = False
        self.session: str | None = None
        self.beat: Beat | None = None
        self.decision = ""
        self.ops: Ops = None
        self.files: dict[str, File | str] = {}
        self.own: Own | None = None
        self.path: str | None = None
        self.guest: Guest | None = None
        self._request: ChatRequest | None = None
        self._estimate: int | None = None
        self.session_id, self.agent_id, self.explain = said_by(exchange) if said is None else said

    def request(self) -> ChatRequest:
        """The request in canonical form, read once for all tries. Raises BadRequest."""
        if self._request is None:
            self._request = read_request(self.envelope, self.format, model=self.model, stream=self.stream)
        return self._request

    def word(self, name: str) -> str | None:
        """What the request says under a word of ``catalog.conduct``."""
        return word_of(self, name)

    def input_estimate(self) -> int:
        """Prompt tokens by shape, counted once."""
        if self._estimate is None:
            self._estimate = estimate_body(self.envelope.body)
        return self._estimate
