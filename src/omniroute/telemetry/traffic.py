"""Counts and latencies of tries by provider and model: what the dashboard's health page and the metrics page read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from omniroute.core.ledger import LedgerRow
from omniroute.telemetry.histogram import Histogram
from omniroute.telemetry.metrics import Labels, Metrics, Sample, seconds

OTHER = "other"
_SERIES = 200
_KINDS = 64
_QUANTILES = (0.5, 0.95, 0.99)


class Series:
    """One provider and model. Costs in USD; ``first`` is the time to the first token of those that had one."""

    __slots__ = ("cached", "cost", "first", "input", "labels", "outcomes", "output", "reasoning", "shadow", "total", "written")

    def __init__(self, provider: str, model: str) -> None:
        self.labels: Labels = (("provider", provider), ("model", model))
        self.outcomes: dict[str, int] = {}
        self.input = self.cached = self.written = self.output = self.reasoning = 0
        self.cost = self.shadow = 0.0
        self.total = Histogram()
        self.first = Histogram()


class Traffic:
    """:meth:`count` takes a finished row. At most ``limit`` pairs of provider and model are told apart; what comes after them is
    counted under the model ``other``, since clients may ask for any name."""

    def __init__(self, *, limit: int = _SERIES) -> None:
        self._limit = limit
        self._series: dict[tuple[str, str], Series] = {}
        self._errors: dict[tuple[str, str], int] = {}
        self._fallbacks = 0
        self._hedges = 0
        self._queue = Histogram()
        self._connect = Histogram()

    def count(self, row: LedgerRow) -> None:
        key = (row.provider, row.model)
        series = self._series.get(key)
        if series is None:
            series = self._new(row.provider, row.model)
        outcomes, outcome = series.outcomes, row.outcome
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        series.input += row.input_tokens
        series.output += row.output_tokens
        if row.cached_tokens or row.written_tokens or row.reasoning_tokens:
            series.cached += row.cached_tokens
            series.written += row.written_tokens
            series.reasoning += row.reasoning_tokens
        if row.cost_usd:
            series.cost += row.cost_usd
        if row.shadow_cost_usd:
            series.shadow += row.shadow_cost_usd
        series.total.add(row.total_ms)
        if row.ttft_ms is not None:
            series.first.add(row.ttft_ms)
        if row.error_kind is not None or row.fallback or row.hedge:
            self._count_rare(row)
        if row.queue_ms is not None:
            self._queue.add(row.queue_ms)
        if row.connect_ms is not None:
            self._connect.add(row.connect_ms)

    def describe(self) -> list[dict[str, Any]]:
        """One record a provider and model, the busiest first: tries by outcome, and quantiles in ms."""
        busiest = sorted(self._series.values(), key=lambda series: -series.total.count)
        return [
            {
                **dict(series.labels),
                "outcomes": dict(series.outcomes),
                "total_ms": _quantiles(series.total),
                "ttft_ms": _quantiles(series.first),
            }
            for series in busiest
        ]

    def register(self, metrics: Metrics) -> None:
        """Hang the families on the metrics page."""
        add = metrics.register
        add("omniroute_requests_total", self._requests, kind="counter", help="Finished tries at a target, by outcome.")
        add(
            "omniroute_request_duration_seconds",
            self._each(lambda s: seconds(s.total, s.labels)),
            kind="histogram",
            help="From the client's request to the end of its answer.",
        )
        add(
            "omniroute_time_to_first_token_seconds",
            self._each(lambda s: seconds(s.first, s.labels)),
            kind="histogram",
            help="From the client's request to the first useful event.",
        )
        add(
            "omniroute_tokens_total",
            self._each(_tokens),
            kind="counter",
            help="Tokens; input includes cached and written.",
        )
        add(
            "omniroute_cost_usd_total",
            self._each(lambda s: (Sample(s.cost, s.labels),)),
            kind="counter",
            help="US dollars owed, where the price is known.",
        )
        add(
            "omniroute_shadow_cost_usd_total",
            self._each(lambda s: (Sample(s.shadow, s.labels),)),
            kind="counter",
            help="US dollars at list price of what plans made free.",
        )
        add("omniroute_errors_total", self._error_samples, kind="counter", help="Tries that failed, by kind of error.")
        add(
            "omniroute_fallbacks_total",
            lambda: self._fallbacks,
            kind="counter",
            help="Tries made after one that failed.",
        )
        add("omniroute_hedges_total", lambda: self._hedges, kind="counter", help="Tries made beside one under way.")
        add("omniroute_queue_seconds", lambda: seconds(self._queue), kind="histogram", help="Waits for a free place.")
        add(
            "omniroute_connect_seconds",
            lambda: seconds(self._connect),
            kind="histogram",
            help="Waits for a connection.",
        )

    def _new(self, provider: str, model: str) -> Series:
        if len(self._series) >= self._limit:
            # One rest for each provider; those are bounded by what is configured.
            model = OTHER
            known = self._series.get((provider, model))
            if known is not None:
                return known
        found = self._series[provider, model] = Series(provider, model)
        return found

    def _count_rare(self, row: LedgerRow) -> None:
        self._fallbacks += row.fallback
        self._hedges += row.hedge
        if row.error_kind is not None:
            key = (row.provider, row.error_kind)
            if key not in self._errors and len(self._errors) >= _KINDS * 8:
                key = (row.provider, OTHER)
            self._errors[key] = self._errors.get(key, 0) + 1

    def _each(self, samples: Callable[[Series], Iterator[Sample] | tuple[Sample, ...]]) -> Callable[[], Iterator[Sample]]:
        return lambda: (sample for series in tuple(self._series.values()) for sample in samples(series))

    def _requests(self) -> Iterator[Sample]:
        for series in self._series.values():
            for outcome, count in series.outcomes.items():
                yield Sample(count, (*series.labels, ("outcome", outcome)))

    def _error_samples(self) -> list[Sample]:
        return [Sample(count, (("provider", provider), ("kind", kind))) for (provider, kind), count in self._errors.items()]


def _tokens(series: Series) -> tuple[Sample, ...]:
    kinds = ("input", "cached", "written", "output", "reasoning")
    return tuple(Sample(getattr(series, kind), (*series.labels, ("type", kind))) for kind in kinds)


def _quantiles(histogram: Histogram) -> dict[str, float | None]:
    found = histogram.quantiles(_QUANTILES)
    return {f"p{share * 100:g}": None if ms is None else round(ms, 2) for share, ms in zip(_QUANTILES, found, strict=True)}
