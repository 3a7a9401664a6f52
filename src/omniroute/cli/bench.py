"""``omniroute bench``: how fast a model answers through the running server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx
import msgspec

from omniroute import __version__
from omniroute.cli.client import AdminClient, segment
from omniroute.cli.failure import AUTH, FAILURE, Failure
from omniroute.cli.keys import PATH as KEYS
from omniroute.cli.options import Command
from omniroute.cli.output import moment, table
from omniroute.cli.state import State, pass_state
from omniroute.core.ids import SystemClock
from omniroute.workbench import bench_history
from omniroute.workbench.bench import PROMPT, BenchPlan, BenchReport
from omniroute.workbench.bench import bench as run_bench

KEY_VARIABLE = "OMNIROUTE_API_KEY"
_KEY_SECONDS = 3600
_WORDS = ("min", "p50", "p99", "max")
_FIGURES = (
    ("first token ms", "first_ms"),
    ("whole answer ms", "total_ms"),
    ("tokens/s", "tokens_per_second"),
    ("OmniRoute's share ms", "overhead_ms"),
)


@click.command(
    cls=Command,
    help="Measure a model through the running server: time to the first token, to the whole answer, tokens per second. Sends "
    "few, short requests, one at a time, and stops when the provider asks for less; they cost what such requests cost. Each run "
    f"is kept in {bench_history.FILE_NAME} in the data directory. Without {KEY_VARIABLE}, where the server wants a key, one is "
    "made and revoked again.",
    examples=(
        "omniroute bench demo/echo",
        "omniroute bench demo/echo --requests 50 --concurrency 4 --json",
        "omniroute bench demo/echo --compare",
        "omniroute bench --history",
    ),
)
@click.argument("model", required=False)
@click.option("-n", "--requests", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many requests to send.")
@click.option("-c", "--concurrency", type=click.IntRange(1, 32), default=1, show_default=True, help="How many at a time.")
@click.option("--prompt", default=PROMPT, show_default=True, help="What to ask.")
@click.option("--max-tokens", type=click.IntRange(1), default=128, show_default=True, help="Longest answer.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=120.0, show_default=True, help="Seconds for one answer."
)
@click.option("--compare", is_flag=True, help="Show the ratio to the run before it, of the same model and concurrency.")
@click.option("--history", is_flag=True, help="Show the earlier runs (of MODEL) and send nothing.")
@pass_state
@click.pass_context
def bench(
    ctx: click.Context,
    state: State,
    model: str | None,
    requests: int,
    concurrency: int,
    prompt: str,
    max_tokens: int,
    timeout: float,
    compare: bool,
    history: bool,
) -> None:
    if history:
        _show_history(state, model)
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL' (omniroute models lists them).")
    with state.client(offline=False) as client:
        plan = BenchPlan(
            url=client.url or "",
            model=model,
            requests=requests,
            concurrency=concurrency,
            prompt=prompt,
            max_tokens=max_tokens,
            timeout=timeout,
        )
        with _key(state, client) as key:
            report = asyncio.run(_measure(plan, key))
    then = bench_history.before(bench_history.read(state.data_path()), report) if compare else None
    bench_history.append(state.data_path(), report)
    told = msgspec.to_builtins(report)
    if then is not None:
        told["compared"] = {"started_at": then.started_at, "ratios": bench_history.ratios(report, then)}
    state.emit(told, _text(report, then))
    if compare and then is None:
        state.note("There is no run before it to compare with.")
    if report.stopped is not None:
        state.note(f"Stopped early: {report.stopped}")
    if not report.answered:
        ctx.exit(FAILURE)


async def _measure(plan: BenchPlan, key: str | None) -> BenchReport:
    async with httpx.AsyncClient(timeout=plan.timeout, trust_env=False) as client:
        await client.get(f"{plan.url}/healthz")  # opens the connection: no part of what a model takes
        return await run_bench(plan, client, key, SystemClock(), __version__)


@contextmanager
def _key(state: State, client: AdminClient) -> Iterator[str | None]:
    """The environment's key; where the server wants one and there is none, a fresh one that is revoked at the end."""
    given = state.environ.get(KEY_VARIABLE, "").strip()
    if given or not _wants_key(client):
        yield given or None
        return
    made = client.post(KEYS, {"name": "bench", "models": [], "providers": [], "expires_in": _KEY_SECONDS})
    try:
        yield made["key"]
    finally:
        client.delete(f"{KEYS}/{segment(made['id'])}")


def _wants_key(client: AdminClient) -> bool:
    try:
        answer = httpx.get(f"{client.url}/v1/models", timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise Failure(f"the server at {client.url} did not answer properly: {error or type(error).__name__}") from None
    if answer.status_code == 403:
        raise Failure(f"the server at {client.url} refuses this machine", AUTH)
    return answer.status_code == 401


def _text(report: BenchReport, then: BenchReport | None) -> str:
    ratios = {} if then is None else bench_history.ratios(report, then)
    rows = []
    for title, name in _FIGURES:
        figures: dict[str, float] = getattr(report, name)
        if figures:
            row = [title, *(figures[word] for word in _WORDS)]
            if then is not None:
                row.append(ratios.get(name, {}).get("p50"))
            rows.append(row)
    through = f" through {', '.join(report.providers)}" if report.providers else ""
    lines = [f"{report.model}{through}: {report.answered} of {report.requests} requests answered"]
    if report.output_tokens is not None:
        lines[0] += f", {report.input_tokens} tokens in, {report.output_tokens} out"
    if rows:
        beside = () if then is None else (f"p50 now / {moment(then.started_at)}",)
        lines.append(table(rows, ("figure", *_WORDS, *beside)))
    lines += [f"{count} x {error}" for error, count in report.errors.items()]
    return "\n".join(lines)


def _show_history(state: State, model: str | None) -> None:
    runs = [run for run in bench_history.read(state.data_path()) if model is None or run.model == model]
    rows = [
        (
            moment(run.started_at),
            run.model,
            ", ".join(run.providers),
            f"{run.answered}/{run.requests}",
            run.first_ms.get("p50"),
            run.first_ms.get("p99"),
            run.total_ms.get("p50"),
            run.tokens_per_second.get("p50"),
            run.overhead_ms.get("p50"),
        )
        for run in runs
    ]
    headings = ("when", "model", "provider", "answered", "first p50", "first p99", "total p50", "tokens/s", "own ms")
    state.emit({"data": msgspec.to_builtins(runs)}, table(rows, headings) if rows else "No runs yet.")
