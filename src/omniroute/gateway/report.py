"""What one try will be remembered by: times, tokens, result; handed to the recorder exactly once."""

from __future__ import annotations

import structlog

from omniroute._fast.codec import Bridge
from omniroute.core.errors import Fault
from omniroute.core.ids import Clock
from omniroute.gateway.context import Context
from omniroute.gateway.ports import Outcome, Recorder, Result
from omniroute.ir.response import Usage
from omniroute.routing.plan import Attempt

log = structlog.get_logger("omniroute.gateway")

_BYTES_PER_TOKEN = 4


class Report:
    """Collects while the try runs; :meth:`settle` writes it down."""

    def __init__(self, context: Context, attempt: Attempt, upstream_format: str, clock: Clock) -> None:
        self.context = context
        self.attempt = attempt
        self.upstream_format = upstream_format
        self.clock = clock
        self.number = context.attempts
        self.fault: Fault | None = None
        self._bridge: Bridge | None = None
        self._usage: Usage | None = None
        self._answered = False
        self._ttft: float | None = None
        self._settled = False

    def watch(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def first_token(self) -> None:
        self._ttft = self.clock.monotonic() - self.context.received

    def answered(self, usage: Usage | None, stop: str) -> None:
        """A finished answer came."""
        self._usage = usage
        self._answered = bool(stop)
        if self._ttft is None:
            self.first_token()

    def fail(self, fault: Fault) -> None:
        self.fault = fault

    def input_estimate(self) -> int:
        """Prompt tokens by shape."""
        return self.context.input_estimate()

    def settle(self, recorder: Recorder, *, aborted: bool = False) -> None:
        """Record the try; a second call does nothing."""
        if self._settled:
            return
        self._settled = True
        outcome = self._outcome(aborted)
        recorder.record(outcome)
        if self.context.snapshot.settings.enable_request_logs:
            _log(outcome)

    def _outcome(self, aborted: bool) -> Outcome:
        context, target = self.context, self.attempt.target
        return Outcome(
            request_id=context.exchange.request_id,
            attempt=self.number,
            started_at=context.wall,
            result=self._result(aborted),
            status=self.fault.http_status if self.fault else 499 if aborted else 200,
            error_kind=self.fault.kind if self.fault else None,
            key_id=context.grant.id if context.grant else None,
            account_id=self.attempt.account.id,
            provider=target.provider.id,
            model=target.model,
            client_format=context.format.name,
            upstream_format=self.upstream_format,
            stream=context.stream,
            usage=self._final_usage(),
            ttft_ms=None if self._ttft is None else self._ttft * 1000,
            total_ms=(self.clock.monotonic() - context.received) * 1000,
            bytes_in=len(context.envelope.body),
            bytes_out=context.exchange.sent,
            session_id=context.session_id,
            agent_id=context.agent_id,
        )

    def _result(self, aborted: bool) -> Result:
        if aborted:
            return "aborted"
        if self.fault is None:
            return "ok"
        return "truncated" if self._ttft is not None else "error"

    def _final_usage(self) -> Usage:
        if self._usage is not None:
            return self._usage
        bridge = self._bridge
        if bridge is None:
            return (
                Usage(input=self.input_estimate(), output=_tokens(self.context.exchange.sent), estimated=True)
                if self._answered
                else Usage()
            )
        seen = bridge.usage
        if not bridge.useful and not bridge.stopped:
            return Usage()
        cached, written, reasoning = max(0, seen.cached), max(0, seen.written), max(0, seen.reasoning)
        if bridge.stopped and seen.input >= 0 and seen.output >= 0:
            return Usage(input=seen.input, cached=cached, written=written, output=seen.output, reasoning=reasoning)
        # Broken off, or never told: what was told of the input stands, the output is at least what passed through our hands.
        return Usage(
            input=seen.input if seen.input >= 0 else self.input_estimate(),
            cached=cached,
            written=written,
            output=max(seen.output, _tokens(bridge.output_chars)),
            reasoning=reasoning,
            estimated=True,
        )


def _log(outcome: Outcome) -> None:
    """One line for the operator who asked for request logs."""
    log.info(
        "model request",
        model=f"{outcome.provider}/{outcome.model}",
        attempt=outcome.attempt,
        result=outcome.result,
        status=outcome.status,
        error=outcome.error_kind,
        stream=outcome.stream,
        input_tokens=outcome.usage.input,
        output_tokens=outcome.usage.output,
        ttft_ms=None if outcome.ttft_ms is None else round(outcome.ttft_ms, 1),
        total_ms=round(outcome.total_ms, 1),
        key=outcome.key_id,
    )


def _tokens(output_bytes: int) -> int:
    return -(-output_bytes // _BYTES_PER_TOKEN)
