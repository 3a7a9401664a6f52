"""What is known of one request on its way through the gateway."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.gateway.ports import Exchange
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.translation.format import Format


class Context:
    """One request. ``received`` is monotonic seconds, ``wall`` unix seconds; ``attempts`` counts the tries made."""

    __slots__ = ("agent_id", "attempts", "body", "decision", "envelope", "exchange", "format", "grant", "received", "session_id",
                 "snapshot", "wall")  # fmt: skip

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
    ) -> None:
        self.exchange = exchange
        self.format = format
        self.snapshot = snapshot
        self.grant = grant
        self.envelope = envelope
        self.received = received
        self.wall = wall
        self.attempts = 0
        self.decision = ""
        self.session_id = (
            exchange.header("x-claude-code-session-id") or exchange.header("session-id") or exchange.header("x-session-id")
        )
        self.agent_id = exchange.header("x-claude-code-agent-id")
