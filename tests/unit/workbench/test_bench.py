"""The benchmark of a user's own models: what it counts, when it stops, what it remembers."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from omniroute.core.errors import StorageError
from omniroute.core.ids import FakeClock
from omniroute.workbench import bench_history
from omniroute.workbench.bench import BenchPlan, BenchReport, bench, overhead, spread


def _stream(*events: Any, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def _delta(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


_USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 20, "total_tokens": 27}}


class _Body(httpx.AsyncByteStream):
    """Events between which a clock moves on."""

    def __init__(self, clock: FakeClock, *parts: tuple[float, bytes]) -> None:
        self._clock = clock
        self._parts = parts

    async def __aiter__(self) -> Any:
        for seconds, data in self._parts:
            self._clock.advance(seconds)
            yield data


Answering = Callable[[httpx.Request], httpx.Response]


async def _bench(answer: Answering, clock: FakeClock | None = None, key: str | None = None, **plan: Any) -> BenchReport:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        given = {"url": "http://server", "model": "x/model", "requests": 3, **plan}
        return await bench(BenchPlan(**given), client, key, clock or FakeClock(), "1.2.3")


async def test_times_count_from_the_sending_and_the_first_token_is_the_first_content() -> None:
    clock = FakeClock()

    def answer(_request: httpx.Request) -> httpx.Response:
        body = _Body(
            clock,
            (0.25, _stream(_delta(role="assistant", content=""), done=False)),
            (0.25, _stream(_delta(content="Hello"), done=False)),
            (2.0, _stream(_delta(content=" you"), _USAGE)),
        )
        return httpx.Response(200, headers={"x-omniroute-provider": "x", "x-omniroute-overhead-ms": "1.5"}, stream=body)

    report = await _bench(answer, clock)
    assert report.started_at == FakeClock().now()
    assert (report.answered, report.requests, report.providers) == (3, 3, ("x",))
    assert report.first_ms["p50"] == pytest.approx(500)
    assert report.total_ms == {"min": 2500.0, "p50": 2500.0, "p99": 2500.0, "max": 2500.0}
    assert report.tokens_per_second["p50"] == pytest.approx(10)
    assert report.overhead_ms["max"] == 1.5
    assert (report.input_tokens, report.output_tokens) == (21, 60)


@pytest.mark.parametrize("field", ["content", "reasoning_content", "tool_calls", "refusal"])
async def test_whatever_a_model_says_first_is_its_first_token(field: str) -> None:
    report = await _bench(lambda _: httpx.Response(200, content=_stream(_delta(**{field: "x"}))))
    assert report.first_ms


async def test_what_is_sent() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=_stream(_delta(content="x"), _USAGE))

    await _bench(answer, key="sk-or-x", requests=5, concurrency=2, prompt="Hi", max_tokens=9)
    assert len(seen) == 5
    assert {request.headers["authorization"] for request in seen} == {"Bearer sk-or-x"}
    assert str(seen[0].url) == "http://server/v1/chat/completions"
    body = json.loads(seen[0].content)
    assert (body["model"], body["stream"], body["max_tokens"], body["messages"][0]["content"]) == ("x/model", True, 9, "Hi")


@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_it_stops_when_the_provider_says_no(status: int) -> None:
    calls: list[int] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(status, json={"error": {"message": "enough"}})

    report = await _bench(answer, requests=10)
    assert len(calls) == report.requests == 1
    assert report.stopped == f"status {status}: enough"
    assert (report.answered, report.errors, report.first_ms) == (0, {"enough": 1}, {})


async def test_it_stops_after_errors_in_a_row_and_not_before() -> None:
    answers = iter([500, 500, 200, 500, 500, 500, 200])

    def answer(_request: httpx.Request) -> httpx.Response:
        status = next(answers)
        return httpx.Response(status, content=_stream(_delta(content="x")) if status == 200 else b"oops")

    report = await _bench(answer, requests=7)
    assert (report.requests, report.answered) == (6, 1)
    assert report.errors == {"status 500": 5}
    assert report.stopped == "3 errors in a row, the last: status 500"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (_stream(_delta(content="x"), done=False), "the stream ended before the answer was complete"),
        (_stream(_delta(content="x"), {"error": {"message": "overloaded"}}, done=False), "overloaded"),
        (b"", "the stream ended before the answer was complete"),
    ],
)
async def test_an_incomplete_answer_is_an_error_not_a_figure(content: bytes, error: str) -> None:
    report = await _bench(lambda _: httpx.Response(200, content=content), requests=1)
    assert report.errors == {error: 1}
    assert (report.answered, report.total_ms) == (0, {})


async def test_a_server_that_is_gone_is_an_error() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    assert (await _bench(answer, requests=1)).errors == {"nobody there": 1}


async def test_without_usage_there_are_no_token_figures() -> None:
    report = await _bench(lambda _: httpx.Response(200, content=b"data: no json\n\n: comment\n\n" + _stream(_delta(content="x"))))
    assert report.answered == 3
    assert (report.output_tokens, report.tokens_per_second, report.overhead_ms) == (None, {}, {})


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({"x-omniroute-overhead-ms": "0.4"}, 0.4),
        ({"server-timing": 'upstream;dur=120.5, overhead;desc="own";dur=1.25'}, 1.25),
        ({"server-timing": "upstream;dur=120.5"}, None),
        ({"server-timing": "overhead"}, None),
        ({"x-omniroute-overhead-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_the_servers_own_share(headers: dict[str, str], value: float | None) -> None:
    assert overhead(httpx.Headers(headers)) == value


def test_spread() -> None:
    assert spread([]) == {}
    assert spread([None]) == {}
    assert spread([3.0, None, 1.0, 2.0]) == {"min": 1.0, "p50": 2.0, "p99": 3.0, "max": 3.0}
    assert spread([float(n) for n in range(101)])["p99"] == 99.0


def _report(model: str) -> BenchReport:
    return BenchReport(
        started_at=1.0, version="1", url="http://x", model=model, providers=(), requests=1, concurrency=1, answered=0
    )


def test_history_is_kept_for_its_owner(tmp_path: Path) -> None:
    assert bench_history.read(tmp_path) == []
    path = bench_history.append(tmp_path, _report("a/one"))
    path.write_bytes(path.read_bytes() + b'{"half": \n')
    bench_history.append(tmp_path, _report("b/two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [run.model for run in bench_history.read(tmp_path)] == ["a/one", "b/two"]


def test_history_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        bench_history.append(tmp_path / "missing", _report("a/one"))


def _run(
    started: float, *, model: str = "x/m", concurrency: int = 1, answered: int = 1, **figures: dict[str, float]
) -> BenchReport:
    return BenchReport(
        started_at=started, version="1", url="u", model=model, providers=(), requests=1, concurrency=concurrency,
        answered=answered, **figures,
    )  # fmt: skip


def test_a_run_is_compared_with_the_last_one_like_it() -> None:
    runs = [_run(1), _run(2), _run(3, model="x/other"), _run(4, concurrency=2), _run(5, answered=0)]
    found = bench_history.before(runs, _run(6))
    assert found is not None
    assert found.started_at == 2
    assert bench_history.before(runs[2:], _run(6)) is None


def test_ratios_leave_out_what_one_of_them_lacks() -> None:
    then = _run(1, first_ms={"p50": 4.0, "max": 0.0}, total_ms={"p50": 1.0})
    now = _run(2, first_ms={"p50": 5.0, "max": 3.0, "p99": 9.0}, overhead_ms={"p50": 1.0})
    assert bench_history.ratios(now, then) == {"first_ms": {"p50": 1.25}}
