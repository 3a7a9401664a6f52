"""What one try will be remembered by: times, tokens, result; handed to the recorder exactly once."""

from __future__ import annotations

import structlog

from omniroute._fast.codec import Bridge
from omniroute.core.errors import Fault
from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow, Outcome
from omniroute.gateway.context import Context, Waiting
from omniroute.gateway.egress import decision_of
from omniroute.gateway.ports import Recorder
from omniroute.ir.response import Usage
from omniroute.routing.plan import Attempt

log = structlog.get_logger("omniroute.gateway")

_BYTES_PER_TOKEN = 4
_NOTHING = Usage()


class Report:
    """Collects while the try runs; :meth:`settle` writes it down.

    ``queue_ms`` and ``connect_ms`` may be set by whoever waits for a free place and for a connection; ``fault`` is what went
    wrong; ``upstream`` runs while something is waited for; ``hedge``: it runs beside another try; ``lost``: the other had an
    answer first. Implements ``gateway.ports.Running``.
    """

    __slots__ = ("_answered", "_bridge", "_fallback", "_ttft", "_usage", "attempt", "began", "clock", "connect_ms",
                 "context", "fault", "hedge", "lost", "number", "queue_ms", "row_id", "upstream",
                 "upstream_format")  # fmt: skip

    def __init__(self, context: Context, attempt: Attempt, upstream_format: str, clock: Clock) -> None:
        self.context = context
        self.attempt = attempt
        self.upstream_format = upstream_format
        self.clock = clock
        self.number = context.attempts
        if context.upstream is None:
            context.upstream = Waiting(clock)
        self.upstream = context.upstream
        self.began = clock.monotonic()
        self.row_id = 0
        self.fault: Fault | None = None
        self.queue_ms: float | None = None
        self.connect_ms: float | None = None
        self.hedge = False
        self.lost = False
        self._fallback = context.failures > 0
        self._bridge: Bridge | None = None
        self._usage: Usage | None = None
        self._answered = False
        self._ttft: float | None = None

    def begin(self, recorder: Recorder) -> None:
        """Let the try be seen while it runs, so that it leaves a trace even if the process is killed."""
        recorder.begin(self)

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
        if self.fault is None:
            self.context.failures += 1
        self.fault = fault

    def input_estimate(self) -> int:
        """Prompt tokens by shape."""
        return self.context.input_estimate()

    def so_far(self) -> LedgerRow:
        """The ``open`` row: what has been measured until now; before anything useful came, the prompt by its shape."""
        usage = self._final_usage()
        if usage is _NOTHING:
            usage = Usage(input=self.input_estimate(), estimated=True)
        return self._row("open", 0, usage)

    @property
    def waited(self) -> float | None:
        """Seconds from the beginning of this try to its first useful event."""
        return None if self._ttft is None else self._ttft - (self.began - self.context.received)

    @property
    def running(self) -> float:
        """Seconds since the beginning of this try."""
        return self.clock.monotonic() - self.began

    def settle(self, recorder: Recorder, *, aborted: bool = False) -> LedgerRow:
        """Record the try. Call it once."""
        status = self.fault.http_status if self.fault is not None else 499 if aborted else 200
        row = self._row(self._outcome(aborted), status, self._final_usage())
        recorder.record(row)
        if self.context.snapshot.settings.enable_request_logs:
            _log(row)
        return row

    def _row(self, outcome: Outcome, status: int, usage: Usage) -> LedgerRow:
        context, attempt, ttft = self.context, self.attempt, self._ttft
        target = attempt.target
        return LedgerRow(
            id=self.row_id,
            request_id=context.exchange.request_id,
            attempt=self.number,
            started_at=context.wall,
            key_id=context.grant.id if context.grant else None,
            account_id=attempt.account.id,
            provider=target.provider.id,
            model=target.model,
            combo=attempt.combo,
            decision=decision_of(context, attempt),
            client_format=context.format.name,
            upstream_format=self.upstream_format,
            stream=context.stream,
            fallback=self._fallback,
            hedge=self.hedge,
            status=status,
            outcome=outcome,
            error_kind=self.fault.kind if self.fault is not None else None,
            input_tokens=usage.input,
            cached_tokens=usage.cached,
            written_tokens=usage.written,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            estimated=usage.estimated,
            queue_ms=self.queue_ms,
            connect_ms=self.connect_ms,
            ttft_ms=None if ttft is None else ttft * 1000,
            total_ms=(self.clock.monotonic() - context.received) * 1000,
            bytes_in=len(context.envelope.body),
            bytes_out=context.exchange.sent,
            session_id=context.session_id,
            agent_id=context.agent_id,
        )

    def _outcome(self, aborted: bool) -> Outcome:
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
                else self._unheard()
            )
        if not bridge.useful and not bridge.stopped:
            return self._unheard()
        seen = bridge.usage
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

    def _unheard(self) -> Usage:
        """Nothing useful came. Of one given up at work the prompt was read, and will be charged; of a refused one nothing was."""
        if not self.lost:
            return _NOTHING
        told = -1 if self._bridge is None else self._bridge.usage.input
        return Usage(input=told if told >= 0 else self.input_estimate(), estimated=True)


def _log(row: LedgerRow) -> None:
    """One line for the operator who asked for request logs."""
    log.info(
        "model request",
        model=f"{row.provider}/{row.model}",
        attempt=row.attempt,
        result=row.outcome,
        status=row.status,
        error=row.error_kind,
        stream=row.stream,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        ttft_ms=None if row.ttft_ms is None else round(row.ttft_ms, 1),
        total_ms=round(row.total_ms, 1),
        key=row.key_id,
    )


def _tokens(output_bytes: int) -> int:
    return -(-output_bytes // _BYTES_PER_TOKEN)
