"""Requests for compaction: to a provider that compacts itself as they are; of any other one the model is asked for a summary,
which becomes such an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from omniroute._fast.envelope import scan
from omniroute.gateway.context import Context
from omniroute.gateway.conversations import Conversations, Remembering
from omniroute.gateway.egress import JSON_TYPE
from omniroute.routing.resolve import Target
from omniroute.translation.format import History

COMPACT = "compact"
"""The provider's path that compacts."""


def compacts_itself(targets: Sequence[Target], dialect: str) -> bool:
    """Whoever may be asked compacts in that dialect."""
    return all(target.format == dialect and COMPACT in target.provider.paths for target in targets)


def compact(context: Context, history: History, conversations: Conversations, *, alone: bool) -> None:
    """Turn ``context`` into a request for a summary, and its exchange into one that answers with the compacted conversation.

    ``alone``: as the route of its own answers. Raises BadRequest.
    """
    streamed = context.stream and not alone
    context.envelope = scan(history.ask(context.envelope.body))
    context.stream = False
    context.exchange = Compacting(context, history, conversations, alone=alone, streamed=streamed)


class Compacting(Remembering):
    """An Exchange whose finished answer is made a compaction; nothing is kept of it."""

    def __init__(self, context: Context, history: History, conversations: Conversations, *, alone: bool, streamed: bool) -> None:
        super().__init__(context.exchange, context, history, conversations)
        self._alone = alone
        self._streamed = streamed

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if status == 200:
            body = self._history.compacted(self._context.envelope.body, body, alone=self._alone)
            kept = [(name, value) for name, value in headers if name.lower() not in ("content-type", "content-length")]
            headers = [*kept, JSON_TYPE]
            if self._streamed:
                body = self._history.as_stream(body)
                headers = [*kept, ("content-type", self._context.format.stream_type)]
        await self._inner.respond(status, headers, body)
