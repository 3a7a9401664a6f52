"""How long each page of the dashboard waits for its data with a large ledger: p50 and p95 in ms over HTTP, page by page.

``python benchmarks/ledger_pages.py [--rows N] [--data DIR] [--times N]``: the data directory is made once (a million rows of
three months, some minutes) and kept. Every question of a page is asked alone and counted as that page's; the bar is 200 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from asking import get_json
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.prices import PriceBook
from omniroute.catalog.reference import Reference
from omniroute.core.ids import SystemClock
from omniroute.core.ledger import LedgerRow
from omniroute.storage.audit import AuditRepository
from omniroute.storage.budgets import BudgetRepository
from omniroute.storage.db import Database
from omniroute.storage.keys import KeyRepository
from omniroute.storage.secrets import load_secrets
from omniroute.storage.usage import UsageRepository
from omniroute.storage.vault import Vault
from omniroute.telemetry.cost import charge
from procs import answers, process, wait_until
from rig import Prepared, Server

BAR_MS = 200.0
DAYS = 90
_DAY = 86_400.0
_BATCH = 5000
_KEYS = 12
_SESSION_LENGTH = 40
_OUTCOMES = (("ok", 200, None), ("error", 429, "rate_limit"), ("error", 500, "server_error"), ("aborted", 499, None),
             ("truncated", 502, "truncated"))  # fmt: skip


def rows(count: int, keys: list[str], now: float) -> Iterator[LedgerRow]:
    """Tries as a team makes them: busy days and quiet nights, a few models that do most, agents' sessions, some failures."""
    rng = random.Random(7)
    catalogue = load_catalogue()
    book = PriceBook(catalogue, {}, {}, frozenset(), lambda: Reference(()))
    models = [(p.id, m.id) for p in catalogue.providers for m in p.models if m.kind == "chat" and m.price.basis != "unknown"]
    rng.shuffle(models)
    habits = {key: rng.choices(models[:24], [1 / (rank + 1) for rank in range(24)], k=5) for key in keys}

    def begin(number: int) -> tuple[str, str, str | None, int]:
        """A conversation: (id, key, combo, which of the provider's accounts)."""
        return f"session-{number}", rng.choice(keys), rng.choice((None, None, "auto")), rng.randrange(3)

    sessions = [begin(number) for number in range(64)]
    opened = len(sessions)
    moment = now - DAYS * _DAY
    pause = DAYS * _DAY / count
    for number in range(1, count + 1):
        hour = moment / 3600 % 24
        moment += pause * rng.expovariate(1.0) * (0.55 if 8 <= hour <= 19 else 2.4)
        moment = min(moment, now - 1)
        place = rng.randrange(len(sessions))
        if rng.random() < 1 / _SESSION_LENGTH:
            opened += 1
            sessions[place] = begin(opened)
        session, key, combo, account = sessions[place]
        provider, model = rng.choices(habits[key], (60, 25, 8, 4, 3))[0]
        outcome, status, kind = _OUTCOMES[0] if rng.random() < 0.95 else rng.choice(_OUTCOMES[1:])
        given = int(rng.lognormvariate(9, 1)) if outcome != "error" else 0
        row = LedgerRow(
            id=number,
            request_id=f"req_{number:024x}",
            attempt=2 if rng.random() < 0.03 else 1,
            started_at=moment,
            key_id=key,
            account_id=f"acc_{provider}_{account}",
            provider=provider,
            model=model,
            combo=combo,
            decision="prefix",
            client_format="anthropic" if key > keys[4] else "openai_chat",
            upstream_format="openai_chat",
            stream=True,
            status=status,
            outcome=outcome,
            error_kind=kind,
            input_tokens=given,
            cached_tokens=int(given * 0.7),
            output_tokens=given // 20,
            ttft_ms=rng.uniform(200, 4000),
            total_ms=rng.uniform(900, 60_000),
            connect_ms=0.0,
            bytes_in=given * 4,
            bytes_out=given,
            session_id=session,
            agent_id=rng.choice((None, "agent-1", "agent-2")),
            fallback=rng.random() < 0.02,
            hedge=rng.random() < 0.01,
        )
        rates = book.rates(provider, model)
        assert rates is not None
        charge(row, rates.at(row.input_tokens))
        row.price_version = rates.version
        yield row


async def build(folder: Path, count: int) -> None:
    """The data directory, with keys, budgets, audit entries and so many rows."""
    clock = SystemClock()
    secrets = load_secrets(folder, api_key_secret=None, jwt_secret=None)
    async with await Database.open(folder, clock=clock) as db:
        keys = KeyRepository(db, secrets.api_key, await Vault.open(db))
        made = [(await keys.create(f"key {number}"))[0].id for number in range(_KEYS)]
        budgets = BudgetRepository(db)
        for key in (None, *made[:5]):
            await budgets.put(key_id=key, period="monthly", usd=1e6, tokens=None, action="block", warn_at=0.8)
        for number in range(2000):
            await AuditRepository(db).append("cli", "key.update", f"key_{number}")
        usage = UsageRepository(db)
        batch: list[LedgerRow] = []
        began = time.monotonic()
        for row in rows(count, made, clock.now()):
            batch.append(row)
            if len(batch) == _BATCH:
                await usage.insert_batch(batch)
                batch.clear()
                if row.id % 100_000 == 0:
                    print(f"{row.id} rows, {time.monotonic() - began:.0f} s", file=sys.stderr)
        await usage.insert_batch(batch)
    (folder / "rows").write_text(str(count))


def pages(now: float, facts: dict[str, str]) -> dict[str, list[str]]:
    """Page → the questions it asks."""
    day, week, month, quarter = (now - days * _DAY for days in (1, 7, 30, 90))

    def q(path: str, **query: object) -> str:
        return f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"

    rare = {"provider": facts["rare_provider"], "model": facts["rare_model"]}
    return {
        "home": [
            q("/api/usage/totals", since=day), "/api/usage/history?limit=8", "/api/usage/history?outcome=ok&limit=200",
            "/api/monitoring/health", "/api/budgets", "/api/requests/active", q("/api/usage/series", since=day, step="hour"),
        ],
        "logs": [
            "/api/usage/history?limit=100", q("/api/usage/history", limit=100, cursor=facts["cursor"]),
            "/api/usage/history?limit=100&outcome=error", "/api/usage/history?limit=100&status=502",
            "/api/usage/history?limit=100&error_kind=rate_limit", q("/api/usage/history", limit=100, **rare),
            q("/api/usage/history", limit=100, key_id=facts["key"]), q("/api/usage/history", limit=100, key_id="key_unknown"),
            q("/api/usage/history", limit=100, account_id=facts["account"], status=429),
            q("/api/usage/history", limit=100, session_id=facts["session"]), f"/api/usage/requests/{facts['request']}",
            q("/api/usage/history", limit=100, since=quarter, until=month, provider=facts["rare_provider"]),
        ],
        "sessions": [
            "/api/usage/sessions?limit=50", q("/api/usage/sessions", limit=50, cursor=facts["session_cursor"]),
            f"/api/usage/sessions/{facts['session']}", q("/api/usage/totals", session_id=facts["session"], group_by="agent_id"),
        ],
        "analytics": [
            *(q("/api/usage/totals", since=since, group_by=group) for since in (week, quarter)
              for group in ("provider", "model", "key_id", "account_id", "combo", "client_format", "day", "hour")),
            "/api/usage/totals", q("/api/usage/totals", group_by="day", tz="true"),
            *(q("/api/usage/series", since=quarter, step="day", group_by=group) for group in (None, "model", "key_id")),
            q("/api/usage/series", since=week, step="hour", group_by="model"), q("/api/usage/heat", since=quarter),
            *(q("/api/usage/totals", since=quarter, group_by=group, provider=facts["rare_provider"], key_id=facts["key"])
              for group in ("model", "account_id", "hour")),
            q("/api/usage/series", since=quarter, step="day", group_by="account_id"),
        ],
        "costs": [
            q("/api/usage/totals", since=month), q("/api/usage/series", since=month, step="day", group_by="key_id", top=5),
            "/api/budgets", "/api/pricing?limit=25", "/api/pricing?q=sonnet",
        ],
        "quotas": ["/api/quotas", "/api/resilience"],
        "health": ["/api/monitoring/health"],
        "providers": ["/api/providers", "/api/providers/catalogue", q("/api/provider-metrics", since=day)],
        "keys": ["/api/keys"],
        "audit": ["/api/compliance/audit-log?limit=50"],
        "settings": ["/api/settings"],
        "capture": ["/api/capture"],
    }  # fmt: skip


async def facts_of(server: Server) -> dict[str, str]:
    """Values to ask for that are in the ledger."""

    async def ask(path: str) -> dict:
        return await get_json(server.port, path, server.token)

    deep = await ask("/api/usage/history?limit=1000")
    sessions = await ask("/api/usage/sessions?limit=200")
    models = (await ask("/api/usage/totals?group_by=model"))["data"]
    fewest = min(models, key=lambda group: group["attempts"])["group"]
    rare = (await ask(f"/api/usage/history?{urlencode({'model': fewest, 'limit': 1})}"))["data"][0]
    row = deep["data"][-1]
    return {
        "cursor": deep["next_cursor"], "session_cursor": sessions["next_cursor"], "rare_provider": rare["provider"],
        "rare_model": rare["model"], "key": row["key_id"], "account": row["account_id"], "session": row["session_id"],
        "request": row["request_id"],
    }  # fmt: skip


async def measure(server: Server, times: int) -> float:
    """Print a line a page; gives back the worst p95."""
    facts = await facts_of(server)
    worst = 0.0
    print(f"{'page':<10} {'questions':>9} {'p50 ms':>8} {'p95 ms':>8}  slowest question")
    for page, questions in pages(time.time(), facts).items():
        found: dict[str, list[float]] = {question: [] for question in questions}
        for _ in range(times):
            for question in questions:
                began = time.perf_counter()
                await get_json(server.port, question, server.token)
                found[question].append((time.perf_counter() - began) * 1000)
        slowest = max(questions, key=lambda question: _share(found[question], 0.95))
        p95 = _share(found[slowest], 0.95)
        p50 = _share([ms for each in found.values() for ms in each], 0.5)
        worst = max(worst, p95)
        print(f"{page:<10} {len(questions):>9} {p50:>8.1f} {p95:>8.1f}  {slowest}")
    return worst


def _share(found: list[float], share: float) -> float:
    return sorted(found)[math.ceil(share * len(found)) - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=Path("build", "ledger-pages"))
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    folder = given.data / str(given.rows)
    if not (folder / "rows").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        asyncio.run(build(folder, given.rows))
    environ = {**os.environ, "DATA_DIR": str(folder), "OMNIROUTE_LEDGER_DAYS": "0"}
    command = (sys.executable, "-m", "omniroute", "serve", "--no-open", "--port", "0", "--log-level", "warning")
    prepared = Prepared("", command, environ)
    with process(command, env=environ) as started:
        wait_until(lambda: prepared.server(started.pid) is not None, started, "OmniRoute")
        server = prepared.server(started.pid)
        assert server is not None
        wait_until(lambda: answers(f"{server.url}/readyz"), started, "OmniRoute")
        worst = asyncio.run(measure(server, given.times))
    print(f"worst p95 {worst:.0f} ms, bar {BAR_MS:.0f} ms, {given.rows} rows")
    if worst > BAR_MS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
