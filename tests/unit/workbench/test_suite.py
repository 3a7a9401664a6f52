"""The benchmark suite's own arithmetic: scenarios, bars, comparison, plots, and the answers it takes for right."""

from __future__ import annotations

import importlib
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_FOLDER = str(Path(__file__).resolve().parents[3] / "benchmarks")
_OURS = ("bars", "compare", "dialects", "load", "measure", "mock_upstream", "page", "plot", "precise", "procs", "reading", "rig", "scenarios")  # fmt: skip
FORMATS = ("openai_chat", "anthropic", "openai_responses", "gemini", "ollama")


@pytest.fixture(scope="module", autouse=True)
def _suite() -> Iterator[None]:
    """The scripts import each other by bare names, as scripts of one folder do; nobody else shall see those names."""
    sys.path.insert(0, _FOLDER)
    yield
    sys.path.remove(_FOLDER)
    for name in _OURS:
        sys.modules.pop(name, None)


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def _rounds(**figures: list[float]) -> dict[str, Any]:
    summary = _module("measure").summary
    rounds = [dict(zip(figures, values, strict=True)) for values in zip(*figures.values(), strict=True)]
    return {**summary(rounds), "rounds": rounds, "rounds_run": len(rounds)}


def _record(scenario: str, **targets: dict[str, Any]) -> dict[str, Any]:
    one = {"targets": targets, "problems": {}, "loop": "closed", "stream": False}
    about = {"commit": "abc", "date": "today", "note": ""}
    return {"about": about, "scenarios": {scenario: one}, "probes": {}, "missing": []}


def _verdicts(record: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(bar.figure, bar.bar): bar for bar in _module("bars").judge(record)}


def test_names_are_unique_and_every_level_is_within_the_next() -> None:
    scenarios = _module("scenarios")
    everything = scenarios.matrix(FORMATS)
    names = [scenario.name for scenario in everything]
    assert len(set(names)) == len(names)
    quick, bars, full = (scenarios.chosen(everything, level) for level in scenarios.LEVELS)
    assert set(quick) < set(bars) < set(full) == set(everything)


def test_the_bars_ask_for_scenarios_that_exist() -> None:
    scenarios, bars = _module("scenarios"), _module("bars")
    names = {scenario.name for scenario in scenarios.chosen(scenarios.matrix(FORMATS), "bars")}
    asked = {bar.command.partition("--only '")[2].rstrip("'") for bar in bars.BARS if "--only" in bar.command}
    assert asked
    assert asked <= names


def test_formats_that_are_not_there_are_left_out() -> None:
    scenarios = _module("scenarios")
    assert {s.upstream for s in scenarios.matrix(("openai_chat", "anthropic"))} == {"openai_chat", "anthropic"}


def test_a_name_is_chosen_exactly_and_a_part_by_containing() -> None:
    scenarios = _module("scenarios")
    everything = scenarios.matrix(FORMATS)
    assert [s.name for s in scenarios.chosen(everything, "quick", ("chat json 1kB c16",))] == ["chat json 1kB c16"]
    assert len(scenarios.chosen(everything, "quick", ("json 1kB",))) > 5


@pytest.mark.parametrize(("ours", "passed"), [([99.0, 70.0], True), ([99.0, 90.0], False)])
def test_processor_time_is_judged_by_the_least_of_the_rounds(ours: list[float], passed: bool) -> None:
    record = _record("chat json 1kB c16", omniroute=_rounds(cpu_us=ours), nginx=_rounds(cpu_us=[20.0, 25.0]))
    verdict = _verdicts(record)["JSON passed through, CPU a request", "≤ 4 x nginx"]
    assert verdict.passed is passed
    assert verdict.value == ("3.5" if passed else "4.5")


def test_latency_is_judged_by_the_median_of_the_differences_within_rounds() -> None:
    record = _record(
        "chat first token 1kB 300/s",
        omniroute=_rounds(first_p50_ms=[1.0, 5.0, 1.3], first_p99_ms=[9.0, 9.0, 9.0]),
        direct=_rounds(first_p50_ms=[0.7, 1.0, 1.2], first_p99_ms=[1.0, 1.0, 1.0]),
    )
    verdicts = _verdicts(record)
    assert verdicts["added to the first token at 300 requests/s, p50", "≤ 0.5 ms"].value == "0.3"
    assert verdicts["added to the first token at 300 requests/s, p50", "≤ 0.5 ms"].passed is True
    assert verdicts["added to the first token at 300 requests/s, p99", "≤ 3 ms"].passed is False


def test_what_was_not_measured_neither_passes_nor_misses() -> None:
    record = _record("chat json 1kB c16", omniroute=_rounds(cpu_us=[50.0]))
    verdicts = _verdicts(record)
    assert {verdict.passed for verdict in verdicts.values()} == {None}
    assert "nginx was not there" in verdicts["JSON passed through, CPU a request", "≤ 4 x nginx"].remark


def test_a_comparison_also_goes_by_nginx() -> None:
    name = "chat json 1kB c16"
    then = _record(name, omniroute=_rounds(cpu_us=[100.0]), nginx=_rounds(cpu_us=[20.0]))
    now = _record(name, omniroute=_rounds(cpu_us=[150.0]), nginx=_rounds(cpu_us=[40.0]))
    (line,) = _module("compare").lines(now, then)
    assert (line.ratio, line.relative) == (1.5, 0.75)
    assert "no scenario is in both" in _module("compare").table(_record("other"), then)


def test_plots_are_well_formed_and_carry_their_values() -> None:
    plot = _module("plot")
    groups = [("a & b", {"omniroute": 5.0, "nginx": 2.5}), ("c", {"omniroute": 0.004})]
    for svg in (plot.bars("T < U", "µs", groups), plot.lines("T", "x", "y", {"omniroute": [(0, 1), (1, 2)], "nginx": [(0, 3)]})):
        root = ET.fromstring(svg)  # noqa: S314 - our own output
        assert root.tag.endswith("svg")
    texts = "".join(ET.fromstring(plot.bars("T", "µs", groups)).itertext())  # noqa: S314
    assert all(word in texts for word in ("a & b", "omniroute", "2.5", "0.004", "logarithmic"))


@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_mock_upstreams_answers_are_right_and_wrong_ones_are_seen(dialect: str, stream: bool) -> None:
    mock, scenarios, reading = (_module(name) for name in ("mock_upstream", "scenarios", "reading"))
    scenario = scenarios.Scenario("x", dialect, dialect, "closed", stream, "chunks=5;size=30")
    script = mock.Script.read({name: str(int(value)) for name, value in scenario.words.items()})
    answer = mock.prepare(dialect, stream, script)
    whole = answer.head + b"".join(answer.pieces)
    assert reading.problem_of(scenario, dialect, whole) is None
    assert "not a 200" in reading.problem_of(scenario, dialect, whole.replace(b"200 OK", b"500 No", 1))
    assert "characters, not" in reading.problem_of(scenario._replace(script="chunks=6;size=30"), dialect, whole)
    if stream:
        assert _module("dialects").DIALECTS[dialect].done in answer.pieces[-1]


def test_stamps_fit_where_they_are_put() -> None:
    mock = _module("mock_upstream")
    answer = mock.prepare("openai_responses", True, mock.Script(chunks=3, size=30, stamp=1))
    holes = [piece.count(b"~" + b"#" * mock.STAMP_DIGITS + b"~") for piece in answer.pieces]
    assert sum(holes) == 3
    assert max(holes) == 1
