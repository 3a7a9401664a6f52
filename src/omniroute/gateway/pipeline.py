"""The loop over attempts: every model request goes through here, and only here is anything tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from omniroute.core.errors import Fault, RequestError, UpstreamStatus
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway.attempt import Try
from omniroute.gateway.attendance import stopped
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Course, Dispatch
from omniroute.gateway.fitting import fitted
from omniroute.gateway.heartbeat import Heartbeat, opening_bridge
from omniroute.gateway.hedge import Hedging, Runner
from omniroute.gateway.memory import Memory
from omniroute.gateway.ports import ClientGone, Recorder, Renewal
from omniroute.gateway.prepare import Preparation, Prepared
from omniroute.gateway.renewal import spared, with_renewal
from omniroute.gateway.report import Report
from omniroute.gateway.steps.choices import Branch, answer_jointly, choices_to_make
from omniroute.gateway.steps.reasoning import Reasoning
from omniroute.routing.health import Lease
from omniroute.routing.plan import Attempt
from omniroute.routing.resolve import Target
from omniroute.translation.format import Format
from omniroute.translation.refused_thinking import refuses_thinking, without_thinking
from omniroute.upstream.call import Tracking, Transport
from omniroute.upstream.executor import Executor
from omniroute.upstream.fetch import Fetcher

if TYPE_CHECKING:
    from omniroute.gateway.express import Express
    from omniroute.upstream.track import Track

TransportFor = Callable[[str], Transport]
T = TypeVar("T", bound=Try)


def body_without_thinking(prepared: Prepared, upstream: Format, fault: UpstreamStatus) -> bytes | None:
    """What to ask instead when ``fault`` says that proofs of thinking in the history are not good; None = it is another fault,
    or there is nothing to take out."""
    if not refuses_thinking(fault.upstream_status or 0, fault.message, fault.error_code):
        return None
    return without_thinking(prepared.translated.body, upstream)


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
        self.recorder = recorder
        self.clock = clock
        self.executor = executor
        self.dispatch = dispatch
        self.memory = Memory(clock)
        self._preparation = Preparation(Reasoning(self.memory), Fetcher(lambda: transport_for("http"), executor))
        self.heartbeat = Heartbeat(clock)
        self._hedging = Hedging(dispatch)
        self.renewal: Renewal | None = None  # where accounts are logins

    async def run(self, context: Context, begun: Express | None = None) -> None:
        """Answer the request, or raise the error the client should see (nothing has been sent then). ``begun``: its first try is
        under way."""
        if not context.stream:
            await self._serve(context, begun)
            return
        with self.heartbeat.attend(context):
            try:
                await self._serve(context, begun)
            except (Fault, RequestError) as error:
                if not context.exchange.started or context.committed:
                    raise
                await self._fail_in_band(context, error)

    async def _serve(self, context: Context, begun: Express | None) -> None:
        if begun is None:
            course = self.dispatch.begin(context)
        else:
            course = begun.course()
            if await self._delivers(context, course, begun.attempt, self._go_on(begun)):
                return
        hedged = self._hedging.admits(context)
        while (attempt := await self.dispatch.next(context, course)) is not None:
            patience = self._hedging.patience(context, attempt) if hedged else None
            if patience is not None:
                hedged = False  # one race a request
                if await self._hedging.run(context, course, attempt, patience, partial(self._beside, context, course.queue_ms)):
                    return
                continue
            work = self.attempt(context, attempt, course.lease, queue_ms=course.queue_ms)
            if await self._delivers(context, course, attempt, work):
                return
        raise self.dispatch.give_up(course)

    async def _delivers(self, context: Context, course: Course, attempt: Attempt, work: Awaitable[None]) -> bool:
        """Whether the try comes to something; the plan knows when it does not."""
        try:
            await work
        except Fault as fault:
            if context.committed:
                raise
            self.dispatch.failed(course, attempt, fault)
            return False
        finally:
            self.dispatch.release(course)
        return True

    async def _go_on(self, begun: Express) -> None:
        """The rest of a try that was begun in a lane."""
        context, upstream, first = begun.context, begun.upstream, begun.enter()

        async def ask(prepared: Prepared) -> None:
            one = begun if prepared is first else self._make(Try, context, begun.attempt, upstream, prepared)
            one.lease = begun.lease
            await self._run(one)

        await self._ask(context, upstream, first, ask)

    async def _ask(
        self, context: Context, upstream: Format, prepared: Prepared, ask: Callable[[Prepared], Awaitable[None]]
    ) -> None:
        """A try; another follows at once, without the thinking of earlier turns, when its proofs are all that was refused."""
        try:
            await ask(prepared)
        except UpstreamStatus as fault:
            body = None if context.committed else body_without_thinking(prepared, upstream, fault)
            if body is None:
                raise
            await ask(prepared._replace(translated=replace(prepared.translated, body=body)))

    async def _beside(self, context: Context, queue_ms: float | None, attempt: Attempt, lease: Lease, runner: Runner) -> None:
        """A try of a race."""
        await self.attempt(context, attempt, lease, queue_ms=queue_ms, runner=runner)

    async def _fail_in_band(self, context: Context, error: Fault | RequestError) -> None:
        """Nothing came of a stream that keep-alives had begun: its client reads the error in it."""
        status = error.http_status if isinstance(error, Fault) else type(error).status
        await context.exchange.write(opening_bridge(context).fail(status, error.error_code, error.message))
        await context.exchange.finish()

    async def attempt(
        self,
        context: Context,
        attempt: Attempt,
        lease: Lease | None,
        *,
        queue_ms: float | None = None,
        runner: Runner | None = None,
    ) -> None:
        """One try, recorded however it ends; several at once where the upstream cannot give several answers itself. Another
        follows at once, without the thinking of earlier turns, when its proofs are all that was refused. ``lease`` None: nothing
        becomes known of the account by it. ``runner``: its part in a race."""
        ask = partial(self._attempt, context, lease=lease, queue_ms=queue_ms, runner=runner)
        if self.renewal is None or attempt.account.login is None:
            await ask(attempt)
        else:
            await with_renewal(self.renewal, self.dispatch, context, attempt, lease, ask)

    async def _attempt(
        self, context: Context, attempt: Attempt, *, lease: Lease | None, queue_ms: float | None, runner: Runner | None
    ) -> None:
        attempt = fitted(context, attempt)
        target, upstream = attempt.target, self._formats[attempt.target.format]
        count = self._choices(context, attempt, upstream)
        prepared = await self._preparation.prepare(context, target, upstream, alone=count > 1)

        async def ask(prepared: Prepared) -> None:
            if count > 1:
                branches = [self._make(Branch, context, attempt, upstream, prepared) for _ in range(count)]
                await answer_jointly(branches, self._run)
                return
            one = self._make(Try, context, attempt, upstream, prepared)
            one.report.queue_ms = queue_ms
            one.lease, one.runner = lease, runner
            one.report.hedge = runner is not None and runner.beside
            await self._run(one)

        await self._ask(context, upstream, prepared, ask)

    def leaves_nothing(self, context: Context, target: Target, upstream: Format) -> bool:
        """Neither the request nor its answer has to do with reasoning of other turns."""
        return not self._preparation.reasoning.matters(context, target, upstream)

    def track(self, context: Context, attempt: Attempt, upstream: Format, prepared: Prepared) -> Track | None:
        """Tries like this one, as far as they are all alike; None where that cannot be said."""
        provider = attempt.target.provider
        transport = self._transport_for(provider.carrier)
        if not isinstance(transport, Tracking) or not self.executor.repeats(provider, upstream.name):
            return None
        report = Report(context, attempt, upstream.name, self.clock)
        try:
            one = Try(context, attempt, upstream, transport, report, self.heartbeat, self.executor, prepared, self.dispatch)
        except (Fault, RequestError):
            return None
        if one.call.body != prepared.translated.body:
            return None
        return transport.track(replace(one.call, body=b""), context.exchange.request_id)

    def _choices(self, context: Context, attempt: Attempt, upstream: Format) -> int:
        profile = attempt.target.profile
        # Between equal formats only an ``n`` that this endpoint refuses matters; nothing is read to find that out.
        if context.format is upstream and ("n" not in profile.quirks.drop or context.envelope.raw("n") is None):
            return 1
        return choices_to_make(context.request(), upstream, profile)

    async def forward(self, context: Context, attempt: Attempt, prepared: Prepared, kind: Callable[..., Try]) -> None:
        """One try as it is ``prepared``, recorded however it ends. Nothing becomes known of the account by it."""
        await self._run(self._make(kind, context, attempt, self._formats[attempt.target.format], prepared))

    def _make(self, kind: Callable[..., T], context: Context, attempt: Attempt, upstream: Format, prepared: Prepared) -> T:
        context.attempts += 1
        report = Report(context, attempt, upstream.name, self.clock)
        transport = self._transport_for(attempt.target.provider.carrier)
        if context.guest is not None and context.guest.recording is not None:
            transport = context.guest.recording.transport(transport, context.attempts)
        return kind(context, attempt, upstream, transport, report, self.heartbeat, self.executor, prepared, self.dispatch)

    async def _run(self, one: Try) -> None:
        report = one.report
        if not report.row_id:
            report.begin(self.recorder)
        try:
            await one.run()
        except Fault as fault:
            report.fail(fault)
            report.settle(self.recorder)
            if self.renewal is None or not spared(self.renewal, one.attempt, fault):
                self._tell(one)
            raise
        except (ClientGone, asyncio.CancelledError):
            end = stopped(one.context)
            if end is not None:
                report.fail(end)
            if one.runner is not None and one.runner.lost:
                report.lost = True
                self.dispatch.waited(one.attempt, report.running)
            report.settle(self.recorder, aborted=True)
            raise
        self.settle(one)

    def settle(self, one: Try) -> None:
        """Write down a try that delivered, and let routing learn from it."""
        row = one.report.settle(self.recorder)
        self._tell(one, row.input_tokens + row.output_tokens)

    def _tell(self, one: Try, tokens: int = 0) -> None:
        """Routing learns from it."""
        if one.lease is not None:
            report = one.report
            waited = report.waited if one.context.stream else None  # a whole answer takes as long as it is long
            self.dispatch.done(one.context, one.lease, fault=report.fault, ttft=waited, tokens=tokens)
            if one.refusal is not None:
                self.dispatch.read_headers(one.attempt, one.refusal)
