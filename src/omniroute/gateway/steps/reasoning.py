"""Reasoning across turns: kept of an answer whose client cannot send it back, put into the next request to the same vendor."""

from __future__ import annotations

from omniroute._fast.codec import Collector
from omniroute._fast.filters import Filter, Tee
from omniroute.gateway.context import Context
from omniroute.gateway.memory import Memory
from omniroute.ir.response import ChatResponse
from omniroute.routing.resolve import Target
from omniroute.translation.answers import restore_calls
from omniroute.translation.format import Format
from omniroute.translation.replay_reasoning import Recall, leavings, names_of
from omniroute.translation.response import collected_parts


class Watch:
    """Keeps what one answer leaves behind. ``signed``: only what its vendor can prove."""

    __slots__ = ("_client", "_memory", "_owner", "_provider", "_signed", "_upstream")

    def __init__(self, memory: Memory, owner: str, provider: str, client: Format, upstream: Format, *, signed: bool) -> None:
        self._memory = memory
        self._owner = owner
        self._provider = provider
        self._client = client
        self._upstream = upstream
        self._signed = signed

    def filters(self) -> tuple[Filter, ...]:
        """Filters for the bridge of a stream; at its end the answer is kept by itself."""
        collector = Collector()

        def done() -> None:
            parts = collected_parts(collector, self._upstream)
            left = leavings(parts, signed=self._signed)
            if left is not None:
                self._memory.remember(self._owner, self._provider, names_of(parts, self._client.rules), left)

        return (Tee(collector, done),)

    def keep(self, answer: ChatResponse, fallback_id: str) -> None:
        """Keep a finished answer, whose calls get ids from ``fallback_id`` where the upstream gave none."""
        parts = restore_calls(answer, {}, fallback_id, self._client.rules).parts
        left = leavings(parts, signed=self._signed)
        if left is not None:
            self._memory.remember(self._owner, self._provider, [*names_of(answer.parts), *names_of(parts)], left)


class Reasoning:
    """What the memory is used for, request by request."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def matters(self, context: Context, target: Target, upstream: Format) -> bool:
        """Earlier reasoning may have to go into a request, or that of its answer be kept for others."""
        return _matters(context.format, upstream, target)

    def recall(self, context: Context, target: Target, upstream: Format) -> Recall | None:
        """How the request finds what earlier answers of this provider left; None when there is nothing to look for."""
        owner = _owner(context)
        if not self.memory.holds(owner) or not _matters(context.format, upstream, target):
            return None
        return self.memory.recall(owner, target.provider.id)

    def watch(self, context: Context, target: Target, upstream: Format) -> Watch | None:
        """Who keeps what the answer leaves; None when the client carries it by itself, or the vendor asks for nothing."""
        if not _matters(context.format, upstream, target):
            return None
        signed = upstream.rules.signed_thinking and not target.profile.quirks.replay_reasoning
        return Watch(self.memory, _owner(context), target.provider.id, context.format, upstream, signed=signed)


def _owner(context: Context) -> str:
    return context.grant.id if context.grant is not None else ""


def _matters(client: Format, upstream: Format, target: Target) -> bool:
    replayed = bool(target.profile.quirks.replay_reasoning)
    if client is upstream:
        return replayed and client.replay is not None
    rules = upstream.rules
    return replayed or rules.signed_calls or (rules.signed_thinking and not client.rules.carries_proofs)
