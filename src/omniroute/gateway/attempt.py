"""One try at one target, up to the commit point and beyond it.

Until the first useful event of the answer nothing of it has been sent to the client: every fault up to there is raised and the
pipeline may go elsewhere. After it (``context.committed``) a fault is told to the client in its own dialect and the try is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from msgspec.structs import replace

from omniroute._fast.codec import Bridge, Collector
from omniroute.core import json
from omniroute.core.errors import BadAnswer, Fault, Scope, TimeoutFault, TruncatedStream, Verdict
from omniroute.gateway.attendance import stopped
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Dispatch
from omniroute.gateway.egress import JSON_TYPE, decision_headers, stream_headers
from omniroute.gateway.heartbeat import Heartbeat
from omniroute.gateway.hedge import Runner
from omniroute.gateway.prepare import Prepared
from omniroute.gateway.relay import relay
from omniroute.gateway.report import Report
from omniroute.routing.health import Lease
from omniroute.routing.plan import Attempt
from omniroute.translation.errors import error_in_body
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.request import Translated
from omniroute.translation.response import Answer, answer_as_stream, passes, straightened, stream_as_answer, translate_answer
from omniroute.translation.stream import bridge_for, gathering_bridge
from omniroute.upstream import faults
from omniroute.upstream.addresses import at_address
from omniroute.upstream.call import Call, Headers, Reply, Transport
from omniroute.upstream.executor import Executor

_ERROR_BODY_LIMIT = 1024 * 1024

Deliver = Callable[[], Awaitable[None]]
"""Sends on what a try has got: the commit point is within."""


class Try:
    """Everything one attempt holds. :meth:`run` either answers the client or raises a Fault before the commit point. In two
    steps: :meth:`open` gets as far as that point and gives what crosses it. ``lease`` is its place at the
    account, ``refusal`` the headers of an answer that was an error; ``runner``: another try may run beside it."""

    canonical = False  # whoever runs it needs the answer in canonical form

    def __init__(
        self,
        context: Context,
        attempt: Attempt,
        upstream: Format,
        transport: Transport,
        report: Report,
        heartbeat: Heartbeat,
        executor: Executor,
        prepared: Prepared,
        dispatch: Dispatch,
    ) -> None:
        self.context = context
        self.attempt = attempt
        self.upstream = upstream
        self.transport = transport
        self.report = report
        self.heartbeat = heartbeat
        self.translated: Translated = prepared.translated
        self._watch = prepared.watch
        self._dispatch = dispatch
        self._reply: Reply | None = None
        self.lease: Lease | None = None
        self.runner: Runner | None = None
        self.refusal: Headers | None = None
        self._ops = prepared.ops
        self.call = self._call(executor)
        self.first_token = self.call.timers.first_byte
        self._deadline: float | None = None

    def _call(self, executor: Executor) -> Call:
        context, provider = self.context, at_address(self.attempt.target.provider, self.attempt.retry)
        same = context.format is self.upstream
        call = executor.prepare(
            provider,
            self.attempt.account,
            self.translated.body,
            context.snapshot.settings,
            model=self.attempt.target.profile.model,
            path=context.path or ("chat" if self.upstream.name == provider.format else f"chat_{self.upstream.name}"),
            stream=self.translated.stream,
            client_headers=context.exchange.forwardable(self.upstream.forward_headers) if same else [],
            default_headers=self.upstream.default_headers,
            request_id=context.exchange.request_id,
            proxy=_chosen_proxy(context, self.attempt),
            asked=context,
        )
        if self.attempt.timeout is not None:
            call = replace(call, timers=replace(call.timers, first_byte=self.attempt.timeout))
        return call

    async def run(self) -> None:
        try:
            deliver = await self.open()
            if self.runner is not None:
                self.runner.claim()
                self.context.ops, self.context.attempt = self._ops, self.attempt
            await deliver()
        finally:
            await self.close()

    async def close(self) -> None:
        """Give the connection back, or cancel what the upstream still does. Harmless when repeated."""
        if self._reply is not None:
            await self._reply.close()

    async def open(self) -> Deliver:
        """Ask, and wait for the first useful event of a stream or for a whole answer. Close it on every path."""
        if self.first_token is not None:
            self._deadline = asyncio.get_running_loop().time() + self.first_token - self.report.running
        with self.report.upstream:
            self._reply = reply = await self.transport.send(self.call)
            if reply.connected is not None:
                self.report.connect_ms = reply.connected * 1000
            if reply.status >= 300:
                self.refusal = reply.headers
                body = await reply.read(_ERROR_BODY_LIMIT)
                raise faults.classify_reply(reply.status, reply.headers, body, self.attempt.target.provider)
            self._dispatch.read_headers(self.attempt, reply.headers)
            chunks = reply.chunks()
            first = await self._first_bytes(chunks)
        streamed = looks_like_stream(reply, first) or self._looks_like_lines(first)
        if self.translated.stream and streamed:
            return await self._pump(first, reply, chunks)
        if self.translated.stream:
            return self._replay(await self._rest(first, chunks))
        if streamed:
            return await self._collect(first, chunks)
        return self._finish(await self._rest(first, chunks))

    def _looks_like_lines(self, first: bytes) -> bool:
        """Where a stream is lines of JSON, a lone object is one as well: only what was asked for, or a second line, tells."""
        return self.upstream.stream_lines and (self.translated.stream or b"}\n{" in first)

    async def _first_bytes(self, chunks: AsyncIterator[bytes]) -> bytes:
        """The first bytes of the body that are not blank; b"" at its end. The transport's own timer bounds the wait."""
        head = b""
        async for chunk in chunks:
            head += chunk
            if head.strip():
                break
        return head

    async def _rest(self, first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
        limit = self.context.snapshot.settings.max_answer_size
        parts, size = [first], len(first)
        with self.report.upstream:
            async for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise BadAnswer(
                        f"The answer of {self.attempt.target.provider.name} is larger than {limit} bytes.", kind="too_large"
                    )
        return b"".join(parts)

    # -- streams ---------------------------------------------------------------------------------------------------

    async def _pump(self, first: bytes, reply: Reply, chunks: AsyncIterator[bytes]) -> Deliver:
        """Stream to stream: hold everything back until the first useful event, then one write per read."""
        hide = self.context.format is self.upstream and not self.translated.include_usage
        through = self._watch.filters() if self._watch is not None else ()
        bridge = bridge_for(self.context.format, self.upstream, self.meta(), hide_usage=hide, through=through)
        self.report.watch(bridge)
        head = bridge.feed(first)
        if not is_decided(bridge):
            with self.report.upstream:
                head += await self._await_useful(bridge, chunks)
        if bridge.error_status:
            raise self._stream_fault(bridge)
        if not bridge.useful and not bridge.stopped:
            raise self._empty()
        self.report.first_token()
        return partial(self._stream_on, head, bridge, reply, chunks)

    async def _stream_on(self, head: bytes, bridge: Bridge, reply: Reply, chunks: AsyncIterator[bytes]) -> None:
        if self.lease is not None:
            self._dispatch.useful(self.lease)
        await self._commit(head)
        await self._follow(bridge, reply, chunks)

    async def _await_useful(self, bridge: Bridge, chunks: AsyncIterator[bytes]) -> bytes:
        held = []
        try:
            async with asyncio.timeout_at(self._deadline):
                async for chunk in chunks:
                    held.append(bridge.feed(chunk))
                    if is_decided(bridge):
                        break
        except TimeoutError:
            raise self._silent() from None
        if not is_decided(bridge):  # all data is here; the last event may only lack its end
            held.append(bridge.finish())
            told = bridge.error_status and bridge.error_code != TruncatedStream.code
            if not (bridge.useful or bridge.stopped or told):
                raise self._empty()
        return b"".join(held)

    async def _follow(self, bridge: Bridge, reply: Reply, chunks: AsyncIterator[bytes]) -> None:
        """After the commit point: faults go to the client in-band, in its own dialect."""
        exchange = self.context.exchange
        failed: Fault | None = None
        with self.heartbeat.attend(self.context) as beat:
            beat.source = bridge
            try:
                await relay(exchange, reply, chunks, bridge, beat)
            except Fault as fault:
                failed = fault
            except asyncio.CancelledError:
                end = stopped(self.context)
                if end is not None:
                    await reply.close()
                    await self._close(self._tail(bridge, end))
                raise
        await self._close(self._tail(bridge, failed))

    def _tail(self, bridge: Bridge, fault: Fault | None) -> bytes:
        """What ends a committed stream that came to its end, or broke off with ``fault``."""
        if fault is not None and not bridge.stopped:
            self.report.fail(fault)
            return bridge.fail(fault.http_status, fault.error_code, fault.message)
        tail = bridge.finish()
        if bridge.error_status:
            self.report.fail(self._stream_fault(bridge))
        return tail

    async def _close(self, tail: bytes) -> None:
        if tail:
            await self.context.exchange.write(tail)
        await self.context.exchange.finish()

    async def _commit(self, head: bytes) -> None:
        exchange = self.context.exchange
        self.context.committed = True
        if not exchange.started:  # else the keep-alives of a long wait have begun it
            await exchange.start(200, stream_headers(self.context, decision_headers(self.context, self.attempt)))
        if head:
            await exchange.write(head)

    def _replay(self, body: bytes) -> Deliver:
        """The upstream answered whole although a stream was asked for."""
        self._refuse_error(body)
        answer = answer_as_stream(body, self.context.format, self.upstream, self.meta())
        self.report.answered(answer.usage, answer.stop)
        return partial(self._send_replay, answer)

    async def _send_replay(self, answer: Answer) -> None:
        self.keep(answer)
        await self._commit(answer.body)
        await self.context.exchange.finish()

    # -- finished answers ------------------------------------------------------------------------------------------

    def _finish(self, body: bytes) -> Deliver:
        body = straightened(body, self.attempt.target.profile.quirks)
        if self.context.path is not None:  # an answer of another kind than this format's
            self._refuse_error(body)
            self.report.answered(passes(body, self.upstream)[1], "stop")
            return partial(self._send, body)
        if self._passes():
            certain, usage = passes(body, self.upstream)
            if certain:
                self.report.answered(usage, "stop")
                return partial(self._send, body)
        self._refuse_error(body)
        return self._whole(translate_answer(body, self.context.format, self.upstream, self.meta()))

    def _whole(self, answer: Answer) -> Deliver:
        self.report.answered(answer.usage, answer.stop)
        return partial(self.respond, answer)

    async def _collect(self, first: bytes, chunks: AsyncIterator[bytes]) -> Deliver:
        """The upstream streamed although a finished answer was asked for: gather it."""
        collector = Collector()
        bridge = gathering_bridge(self.upstream, collector, self.meta())
        self.report.watch(bridge)
        bridge.feed(first)
        with self.report.upstream:
            async for chunk in chunks:
                bridge.feed(chunk)
        bridge.finish()
        if bridge.error_status:
            raise self._stream_fault(bridge)
        return self._whole(stream_as_answer(collector, bridge, self.context.format, self.upstream, self.meta()))

    async def respond(self, answer: Answer) -> None:
        """Send the finished answer."""
        self.keep(answer)
        await self._send(answer.body)

    async def _send(self, body: bytes) -> None:
        self.context.committed = True
        await self.context.exchange.respond(200, [JSON_TYPE, *decision_headers(self.context, self.attempt)], body)

    def _passes(self) -> bool:
        """Nobody needs the answer read: the client gets its very bytes, and nothing of it is kept."""
        same = self.context.format is self.upstream and not self.canonical
        rewritten = self.translated.tool_names or self.attempt.target.profile.quirks.think_tags
        return same and self._watch is None and not rewritten

    def keep(self, answer: Answer) -> None:
        """What the next turn will need of it, where the client cannot carry that."""
        if self._watch is not None:
            self._watch.keep(answer.response, self.meta().named(self.context.format.id_prefix).id)

    def _refuse_error(self, body: bytes) -> None:
        """An error object inside a 200 is an error."""
        try:
            value = json.loads(body)
        except ValueError:
            raise BadAnswer(
                f"{self.attempt.target.provider.name} answered with something that is not JSON.",
                kind="bad_answer",
                verdict=Verdict.NEXT_ACCOUNT,
            ) from None
        found = error_in_body(value)
        if found is not None:
            status, code, message = found
            raise faults.classify_stream_error(status, code, message, self.attempt.target.provider)

    # -- words -----------------------------------------------------------------------------------------------------

    def meta(self) -> StreamMeta:
        """What the writers of the answer must know."""
        return StreamMeta(
            id=self.context.exchange.request_id,
            model=self.context.model,
            created=int(self.context.wall),
            include_usage=self.translated.include_usage,
            input_tokens=0 if self.context.format is self.upstream else self.report.input_estimate(),
            tool_names=self.translated.tool_names,
            request=self.translated.request,
            array=self.context.array,
            think_tags=bool(self.attempt.target.profile.quirks.think_tags),
            sparse_end=self.attempt.target.profile.quirks.sparse_end is True,
        )

    def _stream_fault(self, bridge: Bridge) -> Fault:
        if bridge.error_code == TruncatedStream.code:
            return self._truncated()
        return faults.classify_stream_error(
            bridge.error_status, bridge.error_code, bridge.error_message, self.attempt.target.provider
        )

    def _silent(self) -> TimeoutFault:
        return TimeoutFault(
            f"{self.attempt.target.provider.name} sent no token within {self.first_token:g} seconds.",
            kind="timeout",
            scope=Scope.PROVIDER,
            verdict=Verdict.NEXT_ACCOUNT,
        )

    def _empty(self) -> TruncatedStream:
        return TruncatedStream(
            f"{self.attempt.target.provider.name} closed the stream before any token.",
            kind="empty_response",
            verdict=Verdict.NEXT_ACCOUNT,
        )

    def _truncated(self) -> TruncatedStream:
        return TruncatedStream(
            f"The stream of {self.attempt.target.provider.name} ended before the answer was complete.",
            kind="truncated",
            verdict=Verdict.NEXT_ACCOUNT,
        )


def _chosen_proxy(context: Context, attempt: Attempt) -> str | None:
    """The outbound proxy of the client's key, else of the combo; None where neither has one."""
    if context.grant is not None and context.grant.proxy is not None:
        return context.grant.proxy.reveal()
    combo = context.snapshot.combos.get(attempt.combo) if attempt.combo is not None else None
    return combo.proxy if combo is not None else None


def is_decided(bridge: Bridge) -> bool:
    return bridge.useful or bridge.stopped or bridge.ended or bool(bridge.error_status)


def looks_like_stream(reply: Reply, first: bytes) -> bool:
    """Content decides (upstreams lie in both directions), the declared type settles what content leaves open."""
    start = first.lstrip()[:1]
    if start in (b"{", b"["):
        declared = reply.header("content-type") or ""
        return "ndjson" in declared
    if start == b"":
        return "event-stream" in (reply.header("content-type") or "")
    return True
