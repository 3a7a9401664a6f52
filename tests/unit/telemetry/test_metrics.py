"""The metrics page, and what it counts."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from omniroute.core.ledger import LedgerRow
from omniroute.telemetry.histogram import Histogram
from omniroute.telemetry.loop_lag import GcPauses, LoopLag
from omniroute.telemetry.metrics import Metrics, Sample, seconds
from omniroute.telemetry.traffic import Traffic


def row(**more: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "request_id": "r", "attempt": 1, "started_at": 0.0, "provider": "lab", "model": "m", "client_format": "a",
        "upstream_format": "b", "stream": True, "status": 200, "outcome": "ok", "total_ms": 100.0, **more,
    }  # fmt: skip
    return LedgerRow(**fields)


def page(traffic: Traffic, *, openmetrics: bool = False) -> list[str]:
    metrics = Metrics()
    traffic.register(metrics)
    return metrics.render(openmetrics=openmetrics).splitlines()


def test_a_family_is_described_and_asked_each_time() -> None:
    metrics, values = Metrics(), [1, 2.5]
    metrics.register("up", lambda: values.pop(0), help='Whether it is "up",\nor \\ not.')
    assert metrics.render() == '# HELP up Whether it is "up",\\nor \\\\ not.\n# TYPE up gauge\nup 1\n'
    assert metrics.render().endswith("up 2.5\n")


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.register("x_total", lambda: (Sample(3, (("model", 'a"b\\c\nd\udcff'),)),), kind="counter", help="x")
    assert metrics.render().splitlines()[-1] == 'x_total{model="a\\"b\\\\c\\nd?"} 3'


def test_openmetrics_names_counters_without_their_ending_and_says_where_it_ends() -> None:
    metrics = Metrics()
    metrics.register("x_total", lambda: float("inf"), kind="counter", help="x")
    assert metrics.render(openmetrics=True) == "# HELP x x\n# TYPE x counter\nx_total +Inf\n# EOF\n"


def test_names_are_taken_once_and_fit_their_kind() -> None:
    metrics = Metrics()
    metrics.register("x", lambda: 1, help="x")
    for name, kind in (("x", "gauge"), ("y", "counter"), ("y_total", "gauge")):
        with pytest.raises(ValueError, match=name):
            metrics.register(name, lambda: 1, kind=kind, help="x")  # type: ignore[arg-type]


def test_a_histogram_is_cumulative_and_in_seconds() -> None:
    histogram = Histogram()
    for ms in (0.5, 3.0, 3.0, 200_000.0):
        histogram.add(ms)
    found = list(seconds(histogram, (("a", "b"),)))
    buckets = [s.value for s in found if s.suffix == "_bucket"]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[2], buckets[-2], buckets[-1]) == (1, 3, 3, 4)
    assert found[0].labels == (("a", "b"), ("le", "0.001024"))
    assert [(s.suffix, s.value) for s in found[-2:]] == [("_sum", pytest.approx(200.0065)), ("_count", 4)]


def test_tries_are_counted_by_provider_model_and_outcome() -> None:
    traffic = Traffic()
    traffic.count(row(input_tokens=10, cached_tokens=4, output_tokens=3, cost_usd=0.5, ttft_ms=20.0))
    traffic.count(row(input_tokens=5, outcome="error", error_kind="network", fallback=True))
    lines = page(traffic)
    for line in (
        'omniroute_requests_total{provider="lab",model="m",outcome="ok"} 1',
        'omniroute_requests_total{provider="lab",model="m",outcome="error"} 1',
        'omniroute_tokens_total{provider="lab",model="m",type="input"} 15',
        'omniroute_tokens_total{provider="lab",model="m",type="cached"} 4',
        'omniroute_cost_usd_total{provider="lab",model="m"} 0.5',
        'omniroute_errors_total{provider="lab",kind="network"} 1',
        "omniroute_fallbacks_total 1",
        'omniroute_request_duration_seconds_count{provider="lab",model="m"} 2',
        'omniroute_time_to_first_token_seconds_count{provider="lab",model="m"} 1',
    ):
        assert line in lines
    (told,) = traffic.describe()
    assert told["outcomes"] == {"ok": 1, "error": 1}
    assert told["total_ms"]["p50"] == pytest.approx(100, rel=0.07)


def test_invented_names_do_not_fill_the_memory() -> None:
    traffic = Traffic(limit=3)
    for number in range(1000):
        traffic.count(row(model=f"m{number}", outcome="error", error_kind=f"kind{number}"))
    told = {entry["model"]: entry["outcomes"]["error"] for entry in traffic.describe()}
    assert told == {"m0": 1, "m1": 1, "m2": 1, "other": 997}
    assert len([line for line in page(traffic) if line.startswith("omniroute_errors_total{")]) <= 513


async def test_lag_is_what_the_loop_was_late() -> None:
    lag = LoopLag(interval=0.0)
    lag.start()
    for _ in range(100):
        await asyncio.sleep(0)
    assert lag.all.count
    lag.stop()
    lag.note(250.0, asyncio.get_running_loop().time())
    assert lag.describe()["max_ms"] == 250.0
    seen = lag.all.count
    for _ in range(10):
        await asyncio.sleep(0)
    assert lag.all.count == seen


def test_pauses_of_the_collector_are_counted_by_generation() -> None:
    pauses = GcPauses()
    pauses.start()
    gc.collect(0)
    gc.collect(2)
    pauses.stop()
    pauses.stop()
    told = pauses.describe()["collections"]
    gc.collect(2)
    assert told[0] >= 1
    assert told[2] >= 1
    assert pauses.describe()["collections"] == told
