"""The bars: what this project asks of itself, as ratios taken in one run. Each is judged from a results record.

Processor time is judged by the minimum over the rounds (the robust figure on a shared machine), times by the median over the
rounds of the difference to the direct run of the same round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

Results = Mapping[str, Any]
OURS = "omniroute"


class Missing(Exception):
    """The figure was not taken; the message says why in a few words."""


class Bar(NamedTuple):
    """``measure`` gives the value to compare with ``limit`` and a remark. ``unit`` is printed behind both."""

    figure: str
    limit: float
    unit: str
    measure: Callable[[Results], tuple[float, str]]
    command: str


class Verdict(NamedTuple):
    """``value`` is None when the figure was not taken."""

    figure: str
    bar: str
    value: str | None
    passed: bool | None
    remark: str
    command: str


def _target(results: Results, scenario: str, name: str) -> Mapping[str, Any]:
    measured = results["scenarios"].get(scenario)
    if measured is None:
        raise Missing("not run")
    if name not in measured["targets"]:
        raise Missing(f"{name} was not there")
    found: Mapping[str, Any] = measured["targets"][name]
    return found


def _least(results: Results, scenario: str, name: str, figure: str) -> float:
    value = _target(results, scenario, name)["min"].get(figure)
    if value is None:
        raise Missing("no processor times on this system")
    return float(value)


def _ratio(scenario: str, figure: str, to: str, scenario_of_to: str | None = None) -> Callable[[Results], tuple[float, str]]:
    """Least processor time over the other's least."""

    def measure(results: Results) -> tuple[float, str]:
        ours = _least(results, scenario, OURS, figure)
        other = _least(results, scenario_of_to or scenario, to, figure)
        return ours / other, f"{ours:.0f} µs, {to} {other:.0f}"

    return measure


def added(results: Results, scenario: str, figure: str, name: str = OURS) -> tuple[float, float]:
    """(median, minimum) over the rounds of what ``name`` adds to the direct run, in ms."""
    ours, direct = (_target(results, scenario, each)["rounds"] for each in (name, "direct"))
    differences = [a[figure] - b[figure] for a, b in zip(ours, direct, strict=False) if figure in a and figure in b]
    if not differences:
        raise Missing("no answers")
    return median(differences), min(differences)


def _beside(scenario: str, figure: str, peer: str) -> Callable[[Results], tuple[float, str]]:
    """The ratio to another proxy, from this run or from the saved one with peers that stands beside it."""
    measure = _ratio(scenario, figure, peer)

    def judge_it(results: Results) -> tuple[float, str]:
        try:
            return measure(results)
        except Missing:
            if not results.get("peers"):
                raise
        value, remark = measure(results["peers"])
        return value, f"{remark} (run of {results['peers']['about']['date']})"

    return judge_it


def _added(scenario: str, figure: str) -> Callable[[Results], tuple[float, str]]:
    def measure(results: Results) -> tuple[float, str]:
        usual, least = added(results, scenario, figure)
        try:
            nginx = f", nginx {added(results, scenario, figure, 'nginx')[0]:.2f}"
        except Missing:
            nginx = ""
        return usual, f"best round {least:.2f}{nginx}"

    return measure


def _probe(*path: str) -> Callable[[Results], tuple[float, str]]:
    def measure(results: Results) -> tuple[float, str]:
        value: Any = results.get("probes", {})
        for word in path:
            if word not in value:
                raise Missing("not run")
            value = value[word]
        return float(value), ""

    return measure


def _slowest_leave(results: Results) -> tuple[float, str]:
    moments = results.get("probes", {}).get("disconnects")
    if not moments:
        raise Missing("not run")
    worst = max(moments, key=lambda name: moments[name]["max_ms"])
    return moments[worst]["max_ms"], f"slowest: {worst}; p50 {moments[worst]['p50_ms']:.1f}"


def _growth(results: Results) -> tuple[float, str]:
    soaked = results.get("soak")
    if not soaked:
        raise Missing("not run")
    remark = f"{soaked['minutes']:.0f} minutes, {soaked['slope_mb_per_hour']:+.1f} MB an hour"
    return abs(soaked["growth"]) * 100, remark


_SUITE = "python benchmarks/suite.py --only '{}'"
_JSON = "chat json 1kB c16"
_PACED = "chat paced 50x10ms"
_BURST = "chat burst 500 c16"
_TRANSLATED_BURST = "anthropic>chat burst 500 c16"
_TLS = "chat paced 50x10ms tls"
_FIRST = "chat first token 1kB 300/s"
_MANY = "chat paced 200x40ms"
_LARGE = "chat first token 400kB 20/s"
_PEERS = "make bench-peers"
_PROBES = "python benchmarks/suite.py --probes"


def _bar(scenario: str, figure: str, limit: float, unit: str, measure: Callable[[Results], tuple[float, str]]) -> Bar:
    return Bar(figure, limit, unit, measure, _SUITE.format(scenario))


BARS = (
    _bar(_JSON, "JSON passed through, CPU a request", 4, "x nginx", _ratio(_JSON, "cpu_us", "nginx")),
    Bar("JSON passed through, CPU a request", 1 / 8, "x Portkey", _beside(_JSON, "cpu_us", "portkey"), _PEERS),
    Bar("JSON passed through, CPU a request", 1 / 80, "x LiteLLM", _beside(_JSON, "cpu_us", "litellm"), _PEERS),
    Bar("JSON passed through, CPU a request", 1 / 150, "x OmniRoute of npm", _beside(_JSON, "cpu_us", "omniroute-npm"), _PEERS),
    _bar(_PACED, "SSE passed through, paced, CPU a chunk", 1.6, "x nginx", _ratio(_PACED, "chunk_us", "nginx")),
    _bar(_BURST, "SSE burst of 500 chunks, CPU a stream", 1.2, "x nginx", _ratio(_BURST, "cpu_us", "nginx")),
    _bar(
        _TRANSLATED_BURST, "the same, Anthropic client on OpenAI upstream", 2, "x nginx",
        _ratio(_TRANSLATED_BURST, "cpu_us", "nginx"),
    ),
    _bar(_TLS, "paced over TLS upstream, CPU a chunk", 1, "x aiohttp", _ratio(_TLS, "chunk_us", "aiohttp")),
    _bar(_TLS, "paced over TLS upstream, CPU a chunk", 2.5, "x nginx without TLS", _ratio(_TLS, "chunk_us", "nginx")),
    _bar(_FIRST, "added to the first token at 300 requests/s, p50", 0.5, "ms", _added(_FIRST, "first_p50_ms")),
    _bar(_FIRST, "added to the first token at 300 requests/s, p99", 3, "ms", _added(_FIRST, "first_p99_ms")),
    _bar(_MANY, "added delay of a chunk, 200 paced streams, p50", 0.2, "ms", _added(_MANY, "delay_p50_ms")),
    _bar(_MANY, "added delay of a chunk, 200 paced streams, p99", 1, "ms", _added(_MANY, "delay_p99_ms")),
    _bar(_LARGE, "body of 400 kB passed through, added p50", 2, "ms", _added(_LARGE, "first_p50_ms")),
    Bar("memory after start", 80, "MB", _probe("idle_mb"), _PROBES),
    Bar("memory of an extra open stream", 20, "kB", _probe("open_streams", OURS, "kb_per_stream"), _PROBES),
    Bar("memory a stalled reader of 50 MB adds", 10, "MB", _probe("stalled_reader", OURS, "stalled_mb"), _PROBES),
    Bar("memory growth under mixed traffic", 5, "%", _growth, "python benchmarks/suite.py --soak 30"),
    Bar("start to first answer", 600, "ms", _probe("start", "min_ms"), _PROBES),
    Bar("client leaves, upstream sees it", 50, "ms", _slowest_leave, _PROBES),
)  # fmt: skip


def judge(results: Results) -> list[Verdict]:
    """Each bar against the record."""
    verdicts = []
    for bar in BARS:
        said = f"≤ {_number(bar.limit)} {bar.unit}"
        try:
            value, remark = bar.measure(results)
        except Missing as missing:
            verdicts.append(Verdict(bar.figure, said, None, None, f"not measured: {missing}", bar.command))
            continue
        verdicts.append(Verdict(bar.figure, said, _number(value), value <= bar.limit, remark, bar.command))
    return verdicts


def _number(value: float) -> str:
    """Three significant digits; a fraction below 0.2 as 1/n where it is one of the bars'."""
    if 0 < value < 0.05:
        return f"1/{1 / value:.0f}"
    return f"{value:.3g}"
