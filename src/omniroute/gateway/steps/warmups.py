"""Requests that agents make beside their work: titles for a list of sessions, pings to see whether anybody is there. Where the
operator wants it, they are answered here, at no cost, and marked as such.

What such a request looks like is written down in :data:`PATTERNS`; one that fits none of them is a real one.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow
from omniroute.gateway.context import Context
from omniroute.gateway.egress import JSON_TYPE, stream_headers
from omniroute.gateway.ports import Recorder
from omniroute.ir.request import ChatRequest, Text
from omniroute.ir.response import ChatResponse, Usage
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.response import answer_as_stream

PROVIDER = "omniroute"
"""Who answered, in the log."""
HEADER = "x-omniroute-local"
_LARGEST = 64 * 1024
_TITLE_WORDS, _TITLE_LENGTH = 6, 50
_UNTITLED = "New session"
_REMINDER = re.compile(r"<(system-reminder|environment_context)>.*?</\1>", re.S)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stated must hold. ``says``: the whole of the only thing a person said, in any case; ``system``: a phrase of the
    system text, in any case; ``schema``: the only properties of the JSON schema asked for; ``tools`` False: there are none;
    ``most_tokens``: the output limit is no higher.

    ``answer``: a ``title`` made of what the person said first (as the only property of ``schema`` where there is one), or a
    ``word``.
    """

    name: str
    says: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    schema: tuple[str, ...] = ()
    tools: bool | None = None
    most_tokens: int | None = None
    answer: Literal["title", "word"]


PATTERNS: tuple[Pattern, ...] = (
    # Claude Code names a session by a call without tools for an object of one property
    Pattern(name="title", schema=("title",), tools=False, answer="title"),
    # opencode and its kin ask a small model, in words
    Pattern(name="title", system=("title generator", "generate a title", "generate a short title"), tools=False, answer="title"),
    # older versions of Claude Code look whether the plan has something left, and keep agents warm
    Pattern(name="quota", says=("quota",), tools=False, most_tokens=1, answer="word"),
    Pattern(name="ping", says=("ping", "hi", "hello", "test"), tools=False, most_tokens=1, answer="word"),
    Pattern(name="warm-up", says=("warmup", "warm-up"), answer="word"),
)


async def answered_here(context: Context, recorder: Recorder, clock: Clock) -> bool:
    """Answer the request if it is one of those. Off, it costs one check."""
    if not context.snapshot.settings.local_warmups or len(context.envelope.body) > _LARGEST:
        return False
    try:
        request = context.request()
    except BadRequest:
        return False
    pattern = next((pattern for pattern in PATTERNS if fits(pattern, request)), None)
    if pattern is None:
        return False
    running = _Here(context, pattern, clock)
    recorder.begin(running)
    text = title_of(request) if pattern.answer == "title" else "OK"
    if pattern.answer == "title" and pattern.schema:
        text = json.dumps_text({pattern.schema[0]: text})
    context.committed = True
    try:
        await _respond(context, pattern, text)
    finally:
        recorder.record(running.row("ok"))
    return True


def fits(pattern: Pattern, request: ChatRequest) -> bool:
    """The request is one of that kind."""
    if pattern.tools is False and request.tools:
        return False
    if pattern.most_tokens is not None and (request.max_tokens is None or request.max_tokens > pattern.most_tokens):
        return False
    if pattern.schema and not _asks_for(request, pattern.schema):
        return False
    if pattern.system:
        told = " ".join(text.text for text in _system(request)).casefold()
        if not any(phrase in told for phrase in pattern.system):
            return False
    return not pattern.says or _said(request) in pattern.says


def title_of(request: ChatRequest) -> str:
    """A few words of what the person said first."""
    for message in request.messages:
        if message.role == "user":
            said = " ".join(_REMINDER.sub(" ", part.text) for part in message.parts if isinstance(part, Text)).split()
            if said:
                title = " ".join(said[:_TITLE_WORDS])
                return title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1].rstrip() + "…"
    return _UNTITLED


def _asks_for(request: ChatRequest, properties: tuple[str, ...]) -> bool:
    wanted = request.response_format
    schema = wanted.schema if wanted is not None and wanted.kind == "schema" else None
    found = schema.get("properties") if schema is not None else None
    return isinstance(found, dict) and tuple(found) == properties


def _system(request: ChatRequest) -> list[Text]:
    inner = [part for message in request.messages if message.role in ("system", "developer") for part in message.parts]
    return [*request.system, *(part for part in inner if isinstance(part, Text))]


def _said(request: ChatRequest) -> str | None:
    """The only thing that was said, without reminders, in lower case; None when there was more, or something else."""
    turns = [message for message in request.messages if message.role not in ("system", "developer")]
    if len(turns) != 1 or turns[0].role != "user" or not all(isinstance(part, Text) for part in turns[0].parts):
        return None
    said = " ".join(_REMINDER.sub(" ", part.text) for part in turns[0].parts if isinstance(part, Text))
    return " ".join(said.split()).casefold()


async def _respond(context: Context, pattern: Pattern, text: str) -> None:
    format, exchange = context.format, context.exchange
    meta = StreamMeta(
        id=exchange.request_id, model=context.model, created=int(context.wall), include_usage=True, array=context.array
    )
    answer = ChatResponse(
        origin=format.name,
        id=meta.named(format.id_prefix).id,
        model=context.model,
        parts=(Text(text=text),),
        stop="stop",
        usage=Usage(input=context.input_estimate(), output=-(-len(text) // 4), estimated=True),
        created=meta.created,
    )
    body = format.encode_response(answer, meta.named(format.id_prefix))
    mark = (HEADER, pattern.name)
    if context.stream:
        await exchange.start(200, stream_headers(context, [mark]))
        await exchange.write(_streamed(body, format, meta))
        await exchange.finish()
    else:
        await exchange.respond(200, [JSON_TYPE, mark], body)


def _streamed(body: bytes, format: Format, meta: StreamMeta) -> bytes:
    return answer_as_stream(body, format, format, meta).body


class _Here:
    """An answer of ours in the log: nobody was asked, nothing was used. Implements ``gateway.ports.Running``."""

    def __init__(self, context: Context, pattern: Pattern, clock: Clock) -> None:
        self.row_id = 0
        self.began = clock.monotonic()
        self._context = context
        self._pattern = pattern
        self._clock = clock

    def so_far(self) -> LedgerRow:
        return self.row("open")

    def row(self, outcome: Literal["ok", "open"]) -> LedgerRow:
        context = self._context
        return LedgerRow(
            id=self.row_id,
            request_id=context.exchange.request_id,
            attempt=1,
            started_at=context.wall,
            key_id=context.grant.id if context.grant else None,
            provider=PROVIDER,
            model=context.model,
            decision=f"answered here: {self._pattern.name}",
            client_format=context.format.name,
            upstream_format=context.format.name,
            stream=context.stream,
            status=200,
            outcome=outcome,
            total_ms=(self._clock.monotonic() - context.received) * 1000,
            bytes_in=len(context.envelope.body),
            bytes_out=context.exchange.sent,
            session_id=context.session_id,
            agent_id=context.agent_id,
        )
