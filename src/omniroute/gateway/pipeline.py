"""The loop over attempts: every model request goes through here, and only here is anything tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from omniroute.core.errors import Fault, Unavailable
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway.attempt import Try
from omniroute.gateway.context import Context
from omniroute.gateway.heartbeat import Heartbeat
from omniroute.gateway.memory import Memory
from omniroute.gateway.ports import ClientGone, Recorder
from omniroute.gateway.prepare import Preparation, Prepared
from omniroute.gateway.report import Report
from omniroute.gateway.steps.choices import Branch, answer_jointly, choices_to_make
from omniroute.gateway.steps.reasoning import Reasoning
from omniroute.routing.plan import Attempt, Plan
from omniroute.routing.resolve import resolve
from omniroute.translation.format import Format
from omniroute.upstream.call import Transport
from omniroute.upstream.executor import Executor
from omniroute.upstream.fetch import Fetcher

TransportFor = Callable[[str], Transport]
T = TypeVar("T", bound=Try)


class Pipeline:
    """Runs admitted requests. ``transport_for`` gives the transport of a wire name."""

    def __init__(
        self, formats: Registry[Format], transport_for: TransportFor, recorder: Recorder, clock: Clock, executor: Executor
    ) -> None:
        self._formats = formats
        self._transport_for = transport_for
        self._recorder = recorder
        self._clock = clock
        self._executor = executor
        self.memory = Memory(clock)
        self._preparation = Preparation(Reasoning(self.memory), Fetcher(lambda: transport_for("http"), executor))
        self.heartbeat = Heartbeat(clock)

    async def run(self, context: Context) -> None:
        """Answer the request, or raise the error the client should see (nothing has been sent then)."""
        resolution = resolve(context.snapshot, context.model, context.grant)
        context.decision = resolution.decision
        plan = Plan(resolution, context.snapshot)
        last: Fault | None = None
        while (attempt := plan.next()) is not None:
            try:
                await self.attempt(context, attempt)
            except Fault as fault:
                if context.exchange.started:
                    raise
                plan.failed(attempt, fault)
                last = fault
                continue
            return
        raise last or Unavailable(f"No account can serve the model {context.model!r} now.")

    async def attempt(self, context: Context, attempt: Attempt) -> None:
        """One try, recorded however it ends; several at once where the upstream cannot give several answers itself."""
        target, upstream = attempt.target, self._formats[attempt.target.format]
        count = self._choices(context, attempt, upstream)
        prepared = await self._preparation.prepare(context, target, upstream, alone=count > 1)
        if count == 1:
            await self._run(self._make(Try, context, attempt, upstream, prepared))
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
        transport = self._transport_for(attempt.target.provider.wire)
        return kind(context, attempt, upstream, transport, report, self.heartbeat, self._executor, prepared)

    async def _run(self, one: Try) -> None:
        try:
            await one.run()
        except Fault as fault:
            one.report.fail(fault)
            one.report.settle(self._recorder)
            raise
        except (ClientGone, asyncio.CancelledError):
            one.report.settle(self._recorder, aborted=True)
            raise
        one.report.settle(self._recorder)
