"""The loop over attempts: every model request goes through here, and only here is anything tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from omniroute.core.errors import Fault, Unavailable
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway.attempt import Try
from omniroute.gateway.context import Context
from omniroute.gateway.heartbeat import Heartbeat
from omniroute.gateway.ports import ClientGone, Recorder
from omniroute.gateway.report import Report
from omniroute.routing.plan import Attempt, Plan
from omniroute.routing.resolve import resolve
from omniroute.translation.format import Format
from omniroute.upstream.call import Transport
from omniroute.upstream.executor import Executor

TransportFor = Callable[[str], Transport]


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
        """One try, recorded however it ends."""
        context.attempts += 1
        upstream = self._formats[attempt.target.format]
        report = Report(context, attempt, upstream.name, self._clock)
        transport = self._transport_for(attempt.target.provider.wire)
        try:
            await Try(context, attempt, upstream, transport, report, self.heartbeat, self._executor).run()
        except Fault as fault:
            report.fail(fault)
            report.settle(self._recorder)
            raise
        except (ClientGone, asyncio.CancelledError):
            report.settle(self._recorder, aborted=True)
            raise
        report.settle(self._recorder)
