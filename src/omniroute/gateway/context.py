"""What is known of one request on its way through the gateway."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.gateway.ports import Exchange
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.translation.format import Format
from omniroute.translation.request import wants_stream


class Context:
    """One request. ``received`` is monotonic seconds, ``wall`` unix seconds; ``attempts`` counts the tries made.

    ``model`` and ``stream`` are what the client asked for, in the body or (where its format says that there) in the URL;
    ``array``: its stream is to be one JSON array, see ``Format.array``.
    """

    __slots__ = ("agent_id", "array", "attempts", "body", "decision", "envelope", "exchange", "format", "grant", "model",
                 "received", "session_id", "snapshot", "stream", "wall")  # fmt: skip

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
        self.decision = ""
        self.session_id = (
            exchange.header("x-claude-code-session-id") or exchange.header("session-id") or exchange.header("x-session-id")
        )
        self.agent_id = exchange.header("x-claude-code-agent-id")
