"""Gateway: what a listening side calls for each model route. Every error leaves here as an answer in the caller's dialect."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog

from omniroute.core.errors import BadRequest, Fault, OmniRouteError, RequestError, Unavailable
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway import ollama_models
from omniroute.gateway.addresses import AddressGate, AddressRules
from omniroute.gateway.attendance import Attendance, Guest
from omniroute.gateway.compaction import COMPACT, compacts_itself
from omniroute.gateway.compaction import compact as ask_summary
from omniroute.gateway.context import Context
from omniroute.gateway.conversations import Conversations, Remembering, resume
from omniroute.gateway.counting import count_tokens
from omniroute.gateway.dispatch import Dispatch
from omniroute.gateway.egress import JSON_TYPE, send_error
from omniroute.gateway.express import Express
from omniroute.gateway.fitting import fitted
from omniroute.gateway.ingress import admit, confine
from omniroute.gateway.lanes import Lanes
from omniroute.gateway.models import SHAPES, list_models, one_model, spoken
from omniroute.gateway.own_credentials import OwnCredentials, told
from omniroute.gateway.pipeline import Pipeline, TransportFor
from omniroute.gateway.policy import Digest, authenticate
from omniroute.gateway.ports import Exchange, Recorder
from omniroute.gateway.steps.idempotency import Idempotency
from omniroute.gateway.steps.system_prompt import put_system_prompts
from omniroute.gateway.steps.warmups import HEADER, answered_here
from omniroute.gateway.visit import Gate, Presence, Visit
from omniroute.gateway.vocabularies import Vocabularies
from omniroute.routing.health import Health
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.format import Format, History, StreamMeta
from omniroute.upstream.executor import Executor

log = structlog.get_logger("omniroute.gateway")


class Gateway:
    """``snapshot`` gives the snapshot in force; a request keeps the one it started with. ``digest`` hashes a client key;
    ``health`` is what routing remembers of providers and accounts."""

    def __init__(
        self,
        *,
        formats: Registry[Format],
        snapshot: Callable[[], Snapshot],
        digest: Digest,
        transport_for: TransportFor,
        recorder: Recorder,
        clock: Clock,
        environ: Mapping[str, str],
        health: Health,
        rng: random.Random | None = None,
    ) -> None:
        self.formats = formats
        self._executor = Executor(environ)
        self.dispatch = Dispatch(health, clock, rng or random.Random())
        self.pipeline = Pipeline(formats, transport_for, recorder, clock, self._executor, self.dispatch)
        self.presence = Presence()
        self._snapshot = snapshot
        self._digest = digest
        self._transport_for = transport_for
        self._recorder = recorder
        self._vocabularies = Vocabularies()
        self.conversations = Conversations(clock)
        self.gate = Gate(clock)
        self.attendance = Attendance(clock)
        self.idempotency = Idempotency(clock)
        self.own = OwnCredentials(self.pipeline, self._executor, digest, clock)
        self._addresses = AddressGate()
        self._clock = clock
        self.lanes = Lanes(
            formats=formats,
            snapshot=snapshot,
            digest=digest,
            clock=clock,
            gate=self.gate,
            presence=self.presence,
            pipeline=self.pipeline,
            own=self.own,
            attendance=self.attendance,
            addresses=self._addresses,
            resume=self._resume,
        )

    @property
    def draining(self) -> bool:
        """No more chat requests are taken."""
        return self.presence.draining

    @draining.setter
    def draining(self, value: bool) -> None:
        self.presence.draining = value

    @property
    def in_flight(self) -> int:
        """Chat requests being served."""
        return self.presence.count

    async def settled(self) -> None:
        """Returns when no chat request is being served."""
        await self.presence.settled()

    async def chat(
        self,
        exchange: Exchange,
        format_name: str,
        provider: str | None = None,
        *,
        model: str | None = None,
        stream: bool | None = None,
        array: bool = False,
        compact: bool = False,
    ) -> None:
        """A chat request in the dialect ``format_name``; ``provider`` (a prefix, id or alias): by that one only.

        ``model`` and ``stream`` are given where the URL says them; ``array``: the stream is to be one JSON array;
        ``compact``: what is asked for is its conversation in short.
        """
        work = partial(self._chat, provider=provider, model=model, stream=stream, array=array, compact=compact)
        await self._guard(exchange, self.formats[format_name], work, listed=array)

    async def count_tokens(self, exchange: Exchange, format_name: str, *, model: str | None = None) -> None:
        await self._guard(exchange, self.formats[format_name], partial(self._count, model=model))

    async def models(self, exchange: Exchange, name: str | None = None, *, dialect: str | None = None) -> None:
        """The model list, or one model of it, in the dialect of that format; None = the headers tell which."""
        if dialect is None:
            dialect = spoken(exchange)
        shape, format = SHAPES[dialect], self.formats[dialect]

        async def answer(exchange: Exchange, format: Format) -> None:
            snapshot = self._snapshot()
            grant = authenticate(exchange, snapshot, self._digest, self._clock.now())
            if name is None:
                body = list_models(snapshot, grant, shape)
            else:
                body = one_model(snapshot, grant, name, shape)
            await exchange.respond(200, [JSON_TYPE], body)

        await self._guard(exchange, format, answer)

    async def ollama_models(self, exchange: Exchange, *, card: bool) -> None:
        """The model list for Ollama clients, or (``card``) what there is to know of the one named in the body."""

        async def answer(exchange: Exchange, format: Format) -> None:
            snapshot = self._snapshot()
            grant = authenticate(exchange, snapshot, self._digest, self._clock.now())
            if card:
                body = ollama_models.show(snapshot, grant, await exchange.body(snapshot.settings.max_body_size))
            else:
                body = ollama_models.tags(snapshot, grant)
            await exchange.respond(200, [JSON_TYPE], body)

        await self._guard(exchange, self.formats["ollama"], answer)

    def address_rules(self) -> AddressRules | None:
        """What addresses may call; None when all may."""
        return self._addresses.rules(self._snapshot().settings)

    async def refuse(self, exchange: Exchange, format_name: str, error: OmniRouteError) -> None:
        """Answer ``error`` in that dialect."""
        await send_error(exchange, self.formats[format_name], error)

    async def _chat(
        self,
        exchange: Exchange,
        format: Format,
        *,
        provider: str | None,
        model: str | None,
        stream: bool | None,
        array: bool,
        compact: bool,
    ) -> None:
        if self.draining:
            raise Unavailable("This OmniRoute is shutting down; try again in a moment.", retry_after=1)
        self.presence.enter()
        visit = Visit(self.gate)
        context: Context | None = None
        guest: Guest | None = None
        try:
            context = await admit(
                exchange, format, self._snapshot(), self._digest, self._clock, visit, model=model, stream=stream, array=array
            )
            guest = self.attendance.enter(context)
            exchange = context.exchange
            if await answered_here(context, self._recorder, self._clock):
                return
            own = self.own.recognised(context, provider=provider, compact=compact)
            if own is not None and await guest.run(partial(self.own.serve, own=own), context) is not False:
                return
            if provider is not None:
                confine(context, provider)
            if format.history is not None:
                self._go_on(context, format.history, compact=compact)
            put_system_prompts(context)
            if not await self._answered_idle(context):
                await self.idempotency.run(context, partial(guest.run, self.pipeline.run))
        except (RequestError, Fault) as error:
            if context is None or exchange.started:
                raise
            await send_error(exchange, format, told(context, error), listed=array, context=context)
        finally:
            if guest is not None:
                guest.close()
            visit.close()
            self.presence.leave()

    async def _resume(self, exchange: Exchange, one: Express) -> None:
        """A request that left its lane."""
        await self._guard(exchange, one.context.format, partial(self._go_on_with, one=one))

    async def _go_on_with(self, exchange: Exchange, format: Format, *, one: Express) -> None:
        try:
            await one.guest.run(partial(self.pipeline.run, begun=one), one.context)
        except (RequestError, Fault) as error:
            if exchange.started:
                raise
            await send_error(exchange, format, error, context=one.context)
        finally:
            one.leave_way()

    def _go_on(self, context: Context, history: History, *, compact: bool) -> None:
        """Take up an earlier response, and keep this one for a later request where the client lets us."""
        target = self.dispatch.target(context)
        native = target.format == context.format.name
        stores = native and target.profile.quirks.stored_items is not False
        resume(context, history, self.conversations, native=stores and not compact)
        if compact and compacts_itself(self.dispatch.targets(context), context.format.name):
            context.path, context.stream = COMPACT, False
            return
        if compact or (not native and history.triggered(context.envelope.body)):
            ask_summary(context, history, self.conversations, alone=compact)
            return
        raw = context.envelope.raw("store")
        if raw is None or raw != b"false":
            context.exchange = Remembering(context.exchange, context, history, self.conversations)

    async def stored(self, exchange: Exchange, format_name: str, response_id: str, part: str = "") -> None:
        """A kept response: GET gives it (or, for ``part`` = ``input_items``, a page of its input), DELETE forgets it."""
        format = self.formats[format_name]
        history = format.history
        if history is None:
            raise ValueError(f"{format_name} keeps no history")

        async def answer(exchange: Exchange, format: Format) -> None:
            grant = authenticate(exchange, self._snapshot(), self._digest, self._clock.now())
            if exchange.method == "DELETE":
                self.conversations.delete(grant, response_id)
                body = history.deleted(response_id)
            else:
                kept = self.conversations.get(grant, response_id)
                body = kept.response if not part else history.page(kept, **_page_of(exchange))
            await exchange.respond(200, [JSON_TYPE], body)

        await self._guard(exchange, format, answer)

    async def _answered_idle(self, context: Context) -> bool:
        """Answer a request that asks its model nothing, unless its provider can take it as it is. False for a real one."""
        format = context.format
        if format.idle is None:
            return False
        meta = StreamMeta(id=context.exchange.request_id, model=context.model, created=int(context.wall))
        body = format.idle(context.envelope, meta)
        if body is None or self.dispatch.target(context).format == format.name:
            return False
        await context.exchange.respond(200, [("content-type", format.stream_type) if context.stream else JSON_TYPE], body)
        return True

    async def _count(self, exchange: Exchange, format: Format, *, model: str | None) -> None:
        visit = Visit(self.gate)
        try:
            context = await admit(exchange, format, self._snapshot(), self._digest, self._clock, visit, model=model, stream=False)
            if format.history is not None:
                resume(context, format.history, self.conversations, native=False)
            own = self.own.recognised(context)
            if not format.model_in_url:  # there the counted request may stand inside of another
                put_system_prompts(context)
            attempt = own.attempt if own is not None else fitted(context, self.dispatch.foresee(context))
            upstream = self.formats[attempt.target.format]
            transport = self._transport_for(attempt.target.provider.carrier)
            body = await count_tokens(context, upstream, attempt, transport, self._executor, self._vocabularies, own)
        finally:
            visit.close()
        here = [(HEADER, "count_tokens")] if context.snapshot.settings.local_warmups else []
        await exchange.respond(200, [JSON_TYPE, *here], body)

    async def _guard(
        self, exchange: Exchange, format: Format, work: Callable[[Exchange, Format], Awaitable[None]], *, listed: bool = False
    ) -> None:
        try:
            await work(exchange, format)
        except (RequestError, Fault) as error:
            if exchange.started:
                log.warning("answer broken off", error=error.message)
                raise
            await send_error(exchange, format, error, listed=listed)
        except OmniRouteError as error:
            log.error("request failed", error=error.message)
            await self._internal(exchange, format)
        except Exception:
            log.exception("request failed")
            if exchange.started:
                raise
            await self._internal(exchange, format)

    async def _internal(self, exchange: Exchange, format: Format) -> None:
        """A defect of ours: the details are in the log under the request id, not in the answer."""
        await send_error(
            exchange,
            format,
            OmniRouteError(f"OmniRoute failed to serve this request; its log has the details under {exchange.request_id}."),
        )


def _page_of(exchange: Exchange) -> dict[str, Any]:
    limit = exchange.query("limit") or "20"
    if not limit.isdigit():
        raise BadRequest("limit must be a whole number.", param="limit")
    return {"after": exchange.query("after"), "limit": int(limit), "ascending": exchange.query("order") == "asc"}
