"""The loop over attempts: every model request goes through here, and only here is anything tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from omniroute.core.errors import Fault, RequestError
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway.attempt import Try
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Dispatch
from omniroute.gateway.heartbeat import Heartbeat, opening_bridge
from omniroute.gateway.memory import Memory
from omniroute.gateway.ports import ClientGone, Recorder
from omniroute.gateway.prepare import Preparation, Prepared
from omniroute.gateway.report import Report
from omniroute.gateway.steps.choices import Branch, answer_jointly, choices_to_make
from omniroute.gateway.steps.reasoning import Reasoning
from omniroute.routing.health import Lease
from omniroute.routing.plan import Attempt
from omniroute.translation.format import Format
from omniroute.upstream.call import Transport
from omniroute.upstream.executor import Executor
from omniroute.upstream.fetch import Fetcher

TransportFor = Callable[[str], Transport]
T = TypeVar("T", bound=Try)


class Pipeline:
    """Runs admitted requests. ``transport_for`` gives the transport of a wire name."""

    def __init__(
        self,
        formats: Registry[Format],
        transport_for: TransportFor,
        recorder: Recorder,
        clock: Clock,
        executor: Executor,
        dispatch: Dispatch,
    ) -> None:
        self._formats = formats
        self._transport_for = transport_for
        self._recorder = recorder
        self._clock = clock
        self._executor = executor
        self.dispatch = dispatch
        self.memory = Memory(clock)
        self._preparation = Preparation(Reasoning(self.memory), Fetcher(lambda: transport_for("http"), executor))
        self.heartbeat = Heartbeat(clock)

    async def run(self, context: Context) -> None:
        """Answer the request, or raise the error the client should see (nothing has been sent then)."""
        if not context.stream:
            await self._serve(context)
            return
        with self.heartbeat.attend(context):
            try:
                await self._serve(context)
            except (Fault, RequestError) as error:
                if not context.exchange.started or context.committed:
                    raise
                await self._fail_in_band(context, error)

    async def _serve(self, context: Context) -> None:
        course = self.dispatch.begin(context)
        while (attempt := await self.dispatch.next(context, course)) is not None:
            try:
                await self.attempt(context, attempt, course.lease, queue_ms=course.queue_ms)
            except Fault as fault:
                if context.committed:
                    raise
                self.dispatch.failed(course, attempt, fault)
                continue
            finally:
                self.dispatch.release(course)
            return
        raise self.dispatch.give_up(course)

    async def _fail_in_band(self, context: Context, error: Fault | RequestError) -> None:
        """Nothing came of a stream that keep-alives had begun: its client reads the error in it."""
        status = error.http_status if isinstance(error, Fault) else type(error).status
        await context.exchange.write(opening_bridge(context).fail(status, error.error_code, error.message))
        await context.exchange.finish()

    async def attempt(self, context: Context, attempt: Attempt, lease: Lease | None, *, queue_ms: float | None = None) -> None:
        """One try, recorded however it ends; several at once where the upstream cannot give several answers itself. ``lease``
        None: nothing becomes known of the account by it."""
        target, upstream = attempt.target, self._formats[attempt.target.format]
        count = self._choices(context, attempt, upstream)
        prepared = await self._preparation.prepare(context, target, upstream, alone=count > 1)
        if count == 1:
            one = self._make(Try, context, attempt, upstream, prepared)
            one.report.queue_ms = queue_ms
            one.lease = lease
            await self._run(one)
        else:
            branches = [self._make(Branch, context, attempt, upstream, prepared) for _ in range(count)]
            await answer_jointly(branches, self._run)

    def _choices(self, context: Context, attempt: Attempt, upstream: Format) -> int:
        profile = attempt.target.profile
        # Between equal formats only an ``n`` that this endpoint refuses matters; nothing is read to find that out.
        if context.format is upstream and ("n" not in profile.quirks.drop or context.envelope.raw("n") is None):
            return 1
        return choices_to_make(context.request(), upstream, profile)

    def _make(self, kind: type[T], context: Context, attempt: Attempt, upstream: Format, prepared: Prepared) -> T:
        context.attempts += 1
        report = Report(context, attempt, upstream.name, self._clock)
        transport = self._transport_for(attempt.target.provider.carrier)
        return kind(context, attempt, upstream, transport, report, self.heartbeat, self._executor, prepared, self.dispatch)

    async def _run(self, one: Try) -> None:
        report = one.report
        report.begin(self._recorder)
        try:
            await one.run()
        except Fault as fault:
            report.fail(fault)
            report.settle(self._recorder)
            self._tell(one)
            raise
        except (ClientGone, asyncio.CancelledError):
            report.settle(self._recorder, aborted=True)
            raise
        row = report.settle(self._recorder)
        self._tell(one, row.input_tokens + row.output_tokens)

    def _tell(self, one: Try, tokens: int = 0) -> None:
        """Routing learns from it."""
        if one.lease is not None:
            report = one.report
            self.dispatch.done(one.context, one.lease, fault=report.fault, ttft=report.waited, tokens=tokens)
            if one.refusal is not None:
                self.dispatch.read_headers(one.attempt, one.refusal)
