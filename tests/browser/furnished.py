"""Set-ups for the dashboard's tests and pictures: providers of the catalogue whose base URLs lead to the scripted upstream."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from browser.visitor import PASSWORD
from omniroute.core.ids import SystemClock
from omniroute.core.ledger import LedgerRow
from omniroute.storage import Database, UsageRepository
from running.fixtures import Server, serving
from upstream.script import Fault, Script, Usage
from upstream.server import Received, ScriptedUpstream

_DAY = 86_400
# Provider, model, format, dollars per million tokens in and out (None = a plan pays), weight.
_MODELS = (
    ("anthropic", "claude-sonnet-4-6", "anthropic", (3.0, 15.0), 5),
    ("anthropic", "claude-haiku-4-5-20251001", "anthropic", (1.0, 5.0), 3),
    ("openai", "gpt-5.1", "openai_chat", (1.25, 10.0), 3),
    ("deepseek", "deepseek-chat", "openai_chat", (0.27, 1.1), 2),
    ("groq", "llama-3.3-70b-versatile", "openai_chat", (0.59, 0.79), 2),
    ("lab", "qwen3-coder", "openai_chat", None, 2),
)


def rerouted(provider: str, upstream: ScriptedUpstream, *accounts: str) -> str:
    """``[providers.<provider>]`` of a config file: its calls go to ``upstream``; ``accounts``: their API keys, in order of
    priority."""
    base_url = upstream.anthropic_base_url if provider == "anthropic" else upstream.openai_base_url
    listed = ", ".join(f'{{ api_key = "{key}", priority = {n} }}' for n, key in enumerate(accounts, 1))
    return f'[providers.{provider}]\nbase_url = "{base_url}"\n' + (f"accounts = [{listed}]\n" if listed else "")


def node(prefix: str, upstream: ScriptedUpstream, *models: str) -> str:
    """``[nodes.<prefix>]`` in the Chat dialect."""
    listed = ", ".join(f'"{model}"' for model in models or ("*",))
    return (
        f'[nodes.{prefix}]\nformat = "openai_chat"\nbase_url = "{upstream.openai_base_url}"\n'
        f'api_key = "k-{prefix}"\nmodels = [{listed}]\n'
    )


def chat(model: str, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
    """The body of a chat request."""
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


@asynccontextmanager
async def lived_in(
    data_dir: Path, upstream: ScriptedUpstream, *, hourly: float = 0.1, pace: float = 0.0
) -> AsyncIterator[Server]:
    """A server of two weeks with ``hourly`` requests on average: accounts of the config file and of the database, keys, combos,
    aliases, requests of every outcome. The same each time but for the clock. ``pace``: seconds that a word takes."""
    await _remember(data_dir, hourly)
    upstream.default = lambda request: _busy(request, pace)
    config = "".join(
        [
            rerouted("anthropic", upstream, "k-anthropic"),
            rerouted("openai", upstream),
            rerouted("deepseek", upstream, "k-deepseek"),
            rerouted("groq", upstream, "k-first", "k-second"),
            node("lab", upstream, "qwen3-coder", "gemma-3-27b"),
            '[combos.always-on]\nsteps = ["anthropic/claude-sonnet-4-6", "openai/gpt-5.1", "lab/qwen3-coder"]\n',
            '[aliases]\n"claude-*" = "always-on"\n',
        ]
    )
    async with serving(data_dir, config, INITIAL_PASSWORD=PASSWORD) as server:
        await _configure(server, upstream)
        await _traffic(server, upstream)
        yield server


def _busy(request: Received, pace: float) -> Script:
    size = len(request.body)
    headers = _plan() if request.path == "/v1/messages" else {}
    usage = Usage(1200 + size, 180 + size % 90, cached=900, reasoning=40)
    answer = "The answer is a short one. " * 6
    return Script(answer=answer, usage=usage, headers=headers, latency=pace * (10 + size % 7), cadence=pace)


def _plan() -> dict[str, str]:
    """What the headers of a plan tell of its two windows."""
    now = SystemClock().now()
    told = {"5h": (0.46, 2.2 * 3600), "7d": (0.71, 4.5 * _DAY)}
    return {
        f"anthropic-ratelimit-unified-{window}-{word}": value
        for window, (used, left) in told.items()
        for word, value in (("status", "allowed"), ("utilization", str(used)), ("reset", str(int(now + left))))
    }


async def _remember(data_dir: Path, hourly: float) -> None:
    """Two weeks of rows in the ledger, more by day than by night."""
    rng = random.Random(14)
    clock = SystemClock()
    now = clock.now()
    rows: list[LedgerRow] = []
    for hour in range(14 * 24, 0, -1):
        at = now - hour * 3600
        busy = 1 + math.sin((at % _DAY) / _DAY * math.tau - math.pi / 2)
        rows += [_row(rng, at + rng.random() * 3600) for _ in range(math.floor(rng.random() * 2 * busy * hourly + rng.random()))]
    rows.sort(key=lambda row: row.started_at)
    for number, row in enumerate(rows, 1):
        row.id, row.request_id = number, f"req_{number:024x}"
    async with await Database.open(data_dir, clock=clock) as db:
        await UsageRepository(db).insert_batch(rows)


def _row(rng: random.Random, at: float) -> LedgerRow:
    provider, model, upstream_format, price, _ = rng.choices(_MODELS, [one[-1] for one in _MODELS])[0]
    read, told = rng.randrange(2_000, 60_000), rng.randrange(100, 2_500)
    cached = round(read * rng.uniform(0.3, 0.95))
    failed = rng.random() < 0.04
    first = rng.lognormvariate(6.4, 0.5)
    cost = 0.0 if price is None or failed else (((read - cached) + cached * 0.1) * price[0] + told * price[1]) / 1e6
    return LedgerRow(
        request_id="",
        attempt=1,
        started_at=at,
        account_id=f"file:{provider}",
        provider=provider,
        model=model,
        client_format=rng.choice(("anthropic", "openai_chat", "openai_responses")),
        upstream_format=upstream_format,
        stream=True,
        status=429 if failed else 200,
        outcome="error" if failed else "ok",
        error_kind="rate_limit" if failed else None,
        input_tokens=0 if failed else read,
        cached_tokens=0 if failed else cached,
        output_tokens=0 if failed else told,
        cost_usd=cost,
        shadow_cost_usd=0.0,
        price_basis="catalogue",
        queue_ms=0.0,
        connect_ms=0.0,
        ttft_ms=None if failed else first,
        total_ms=80.0 if failed else first + told * 12,
        bytes_in=read * 4,
        bytes_out=told * 4,
        session_id=f"session-{int(at // 7200) % 97:02d}",
    )


async def _configure(server: Server, upstream: ScriptedUpstream) -> None:
    async def post(path: str, **body: Any) -> Any:
        answer = await server.http.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    await post("/api/auth/login", password=PASSWORD)
    limits = {
        "reserve": 0.1,
        "allowances": [{"limit": 200, "per": "daily"}, {"limit": 40_000, "unit": "tokens", "per": "weekly"}],
    }
    await post("/api/providers", provider="openai", name="Team", api_key="k-openai-team", limits=limits)
    gone = await post("/api/providers", provider="openai", name="Personal", api_key="k-openai-gone", priority=2)
    await post("/api/provider-nodes", prefix="desk", format="openai_chat", base_url="http://127.0.0.1:9/v1", name="Desk GPU")
    await post("/api/combos", name="thrifty", steps=["groq/llama-3.3-70b-versatile", "deepseek/deepseek-chat"])
    await post("/api/aliases", alias="gpt-*", target="thrifty")
    keys = [await post("/api/keys", name=name) for name in ("laptop", "build server")]
    await post("/api/budgets", period="monthly", usd=60.0, action="block")
    await post("/api/budgets", period="daily", usd=0.02, action="warn", warn_at=0.5)
    await post("/api/budgets", key_id=keys[0]["id"], period="weekly", tokens=2_000_000, action="block")
    price = {"provider": "lab", "model": "qwen3-coder", "input": 0.2, "output": 0.8}
    assert (await server.http.put("/api/pricing", json=price)).is_success
    upstream.queue(Script(status=401, message="Incorrect API key provided"))
    await post(f"/api/providers/{gone['id']}/test")


async def _traffic(server: Server, upstream: ScriptedUpstream) -> None:
    """Fine ones, streamed ones, one that falls back, one refused, one cut off, one whose client leaves."""
    session = {"x-claude-code-session-id": "a3b1c2d4-0000-4000-8000-000000000001"}
    await _ask(server.http, chat("anthropic/claude-haiku-4-5-20251001", "Name this conversation."), session)
    upstream.queue(Script(status=529, error_type="overloaded_error", message="Overloaded"), model="claude-sonnet-4-6")
    upstream.queue(Script(status=400, message="temperature must be at most 2"), model="gpt-5.1")
    upstream.queue(Script(fault=Fault.CUT_MID_EVENT, fault_after=4), model="deepseek-chat")
    bodies = [
        chat("always-on", "Why is the sky blue?", stream=True),
        chat("openai/gpt-5.1", "Too hot."),
        chat("deepseek/deepseek-chat", "Go on until the line breaks.", stream=True),
        chat("thrifty", "Cheap and quick.", stream=True),
        chat("groq/llama-3.3-70b-versatile", "Hello"),
        chat("lab/qwen3-coder", "Write a loop.", stream=True),
        chat("anthropic/claude-sonnet-4-6", "And a poem about it.", stream=True),
        chat("always-on", "Once more.", stream=True),
    ]
    await asyncio.gather(*(_ask(server.http, body, session) for body in bodies))
    upstream.queue(Script(fault=Fault.STALL_MID_STREAM, fault_after=4), model="gemma-3-27b")
    async with server.http.stream("POST", "/v1/chat/completions", json=chat("lab/gemma-3-27b", stream=True)) as answer:
        await anext(answer.aiter_bytes())
    await server.usage()


async def _ask(http: httpx.AsyncClient, body: dict[str, Any], headers: dict[str, str]) -> None:
    """Read to the end, however it ends."""
    try:
        await http.post("/v1/chat/completions", json=body, headers=headers)
    except httpx.RemoteProtocolError:
        assert body["stream"], "a finished answer was broken off"
