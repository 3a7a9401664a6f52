"""Routing from the outside: who serves, who is passed over, for how long, and what the client reads of it.

The whole application in process before a scripted upstream, with a clock that moves only when a test says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response

from omniroute.core.ids import FakeClock
from omniroute.gateway.queue import Lines
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from running.fixtures import Start
from upstream.script import Fault, Script
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.e2e

FIRST, SECOND = "key-of-the-first", "key-of-the-second"
LIMITED = Script(status=429, message="slow down", headers={"retry-after": "60"})
DOWN = Script(status=500, message="broken")
HEADERS = ("provider", "model", "account", "decision", "attempts", "overhead-ms")


@dataclass
class World:
    """A running application. ``ask`` sends a chat request; ``admin`` calls the admin API."""

    app: OmniRoute
    clock: FakeClock
    http: httpx.AsyncClient

    async def ask(self, model: str, *, stream: bool = False, headers: Mapping[str, str] | None = None, text: str = "hi") -> Any:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
        return await self.http.post("/v1/chat/completions", json=body, headers=headers)

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        token = self.app.installation.secrets.admin_token
        answer = await self.http.request(
            method, path, json=body, headers={"authorization": f"Bearer {token}", "content-type": "application/json"}
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def metrics(self) -> str:
        token = self.app.installation.secrets.admin_token
        return (await self.http.get("/metrics", headers={"authorization": f"Bearer {token}"})).text


Opens = Callable[..., Any]


@pytest_asyncio.fixture
async def opens(tmp_path: Path) -> AsyncIterator[Opens]:
    """``await opens(config, clock, NAME=value)`` starts one over the same data directory each time; the last one is closed before."""
    clock = FakeClock()
    running: list[AsyncExitStack] = []

    async def close() -> None:
        for stack in running:
            await stack.aclose()
        running.clear()

    async def open_(config: str, **environ: str) -> World:
        await close()
        stack = AsyncExitStack()
        running.append(stack)
        path = tmp_path / "omniroute.toml"
        path.write_text(config)
        environ = {"OMNIROUTE_COMBO_RETRIES": "0", "OMNIROUTE_COOLDOWN_WAIT": "0", **environ}
        launch = Launch(flags={"data_dir": str(tmp_path / "data")}, environ=environ, config=path)
        app = await stack.enter_async_context(await OmniRoute.open(launch, clock))
        transport = httpx.ASGITransport(app=app.front, client=("127.0.0.1", 5))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=20))
        return World(app, clock, http)

    yield open_
    await close()


def node(upstream: ScriptedUpstream, *accounts: str, prefix: str = "lab", extra: str = "") -> str:
    """A node in the Chat dialect; ``accounts`` are inline tables."""
    given = ", ".join(accounts) or f'{{ api_key = "{FIRST}" }}'
    return (
        f'[nodes.{prefix}]\nformat = "openai_chat"\nbase_url = "{upstream.openai_base_url}"\n'
        f"accounts = [{given}]\ntimeouts = {{ connect = 2, first_token = 20 }}\n{extra}\n"
    )


def two(upstream: ScriptedUpstream) -> str:
    """Two accounts, the first one preferred."""
    return node(
        upstream,
        f'{{ name = "a", api_key = "{FIRST}", priority = 1 }}',
        f'{{ name = "b", api_key = "{SECOND}", priority = 2 }}',
    )


def keys(upstream: ScriptedUpstream) -> list[str]:
    """Which account each request came by."""
    return [(r.header("authorization") or "").removeprefix("Bearer ") for r in upstream.requests]


async def test_a_limited_account_is_passed_over_until_its_very_moment(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    world = await opens(two(scripted_upstream))
    scripted_upstream.queue(LIMITED)
    first = await world.ask("lab/m")
    assert first.status_code == 200
    assert first.headers["x-omniroute-attempts"] == "2"
    assert keys(scripted_upstream) == [FIRST, SECOND]
    second = await world.ask("lab/m")
    assert second.headers["x-omniroute-attempts"] == "1"
    assert keys(scripted_upstream)[2:] == [SECOND]
    assert first.headers["x-omniroute-account"] == second.headers["x-omniroute-account"]

    (held,) = (await world.admin("GET", "/api/resilience"))["cooldowns"]
    assert (held["name"], held["reason"], held["stated"]) == ("a", "rate_limit", True)
    assert held["until"] >= world.clock.now() + 60
    world.clock.advance(held["until"] - world.clock.now() - 0.001)
    await world.ask("lab/m", text="another conversation")  # the first one stays where its prompt cache is warm
    assert keys(scripted_upstream)[-1] == SECOND
    world.clock.advance(0.002)
    await world.ask("lab/m", text="a third one")
    assert keys(scripted_upstream)[-1] == FIRST


async def test_a_preview_and_a_count_know_who_cools_down(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    spare = node(scripted_upstream, prefix="spare").replace("openai_chat", "anthropic").replace('/v1"', '"')
    combo = '[combos.both]\nsteps = ["lab/m", "spare/n"]\n'
    world = await opens(node(scripted_upstream) + spare + combo)
    explained = {"format": "openai_chat", "body": {"model": "both", "messages": [{"role": "user", "content": "hi"}]}}
    assert (await world.admin("POST", "/api/translator/explain", explained))["model"] == "lab/m"
    scripted_upstream.queue(LIMITED)
    assert (await world.ask("both")).status_code == 200
    assert (await world.admin("POST", "/api/translator/explain", explained))["model"] == "spare/n"
    rows = (await world.admin("POST", "/api/routing/preview", {"model": "both"}))["rows"]
    assert {row["target"]: row["state"] for row in rows} == {"lab/m": "blocked", "spare/n": "next"}
    blocked = next(row for row in rows if row["state"] == "blocked")
    assert (blocked["block"], blocked["until"] is not None) == ("cooldown", True)


async def test_a_breaker_opens_and_one_request_closes_it_again(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    world = await opens(node(scripted_upstream))
    scripted_upstream.default = DOWN
    while not [b for b in (await world.admin("GET", "/api/resilience"))["breakers"] if b["state"] == "open"]:
        assert len(scripted_upstream.requests) < 4
        assert (await world.ask("lab/m")).status_code == 500
        world.clock.advance(6)  # a burst of failures counts once
    asked = len(scripted_upstream.requests)
    assert asked == 2  # what a server of this machine is allowed
    refused = await world.ask("lab/m")
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert len(scripted_upstream.requests) == asked
    assert 'omniroute_breaker_state{provider="lab"} 2' in await world.metrics()

    world.clock.advance(300)
    scripted_upstream.default = Script()
    assert (await world.ask("lab/m")).status_code == 200
    assert (await world.admin("GET", "/api/resilience"))["breakers"] == []


class Gated(ScriptedUpstream):
    """Answers one request each time it is let; ``most`` were here at once."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Semaphore(0)
        self.here = 0
        self.most = 0
        self.came = asyncio.Condition()

    async def _answer(self, request: Request, *rest: Any, **more: Any) -> Response:
        async with self.came:
            self.here += 1
            self.most = max(self.most, self.here)
            self.came.notify_all()
        await self.let.acquire()
        try:
            return await super()._answer(request, *rest, **more)
        finally:
            self.here -= 1

    async def busy(self) -> None:
        async with self.came:
            await self.came.wait_for(lambda: self.here > 0)


async def test_requests_stand_in_line_for_a_narrow_account(opens: Opens) -> None:
    async with Gated().run() as upstream:
        assert isinstance(upstream, Gated)
        world = await opens(node(upstream, f'{{ api_key = "{FIRST}", limits = {{ concurrency = 1 }} }}'))
        asked = [asyncio.create_task(world.ask("lab/m", text=f"number {n}")) for n in range(3)]
        for _ in asked:
            await upstream.busy()
            upstream.let.release()
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            asked = [task for task in asked if not task.done()] or asked
        assert [task.result().status_code for task in await _all(asked)] == [200] * len(asked)
        assert upstream.most == 1
        assert len(upstream.requests) == 3


async def _all(tasks: list[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    await asyncio.gather(*tasks)
    return tasks


async def test_a_full_line_answers_429_at_once(opens: Opens) -> None:
    async with Gated().run() as upstream:
        assert isinstance(upstream, Gated)
        world = await opens(node(upstream, f'{{ name = "narrow", api_key = "{FIRST}", limits = {{ concurrency = 1 }} }}'))
        lines = world.app.gateway.dispatch.lines = Lines(most=1)
        served = asyncio.create_task(world.ask("lab/m", text="one"))
        await upstream.busy()
        waiting = asyncio.create_task(world.ask("lab/m", text="two"))
        while not len(lines):  # noqa: ASYNC110 - turns of the loop, no time
            await asyncio.sleep(0)
        (row,) = [r for r in (await world.admin("GET", "/api/rate-limits"))["data"] if r["name"] == "narrow"]
        assert (row["in_flight"], row["next_in"], row["limits"]["concurrency"]) == (1, None, 1)
        refused = await world.ask("lab/m", text="three")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        error = refused.json()["error"]
        assert (error["retryable"], error["retry_after"] >= 1) == (True, True)
        upstream.let.release()
        upstream.let.release()
        assert [r.status_code for r in await asyncio.gather(served, waiting)] == [200, 200]


async def test_what_was_learned_survives_a_restart(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    config = two(scripted_upstream)
    world = await opens(config)
    scripted_upstream.queue(Script(status=429, message="slow down", headers={"retry-after": "600"}))
    label = (await world.ask("lab/m")).headers["x-omniroute-account"]
    world = await opens(config)
    again = await world.ask("lab/m")
    assert keys(scripted_upstream) == [FIRST, SECOND, SECOND]
    assert again.headers["x-omniroute-account"] == label
    assert (await world.admin("POST", "/api/resilience/reset", {})) == {"scope": "all", "unlocked": 1}
    world = await opens(config)
    await world.ask("lab/m")
    assert keys(scripted_upstream)[-1] == FIRST


async def test_a_step_of_a_combo_has_its_own_patience(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    combo = (
        '[combos.always-on]\nsteps = [{ model = "lab/slow", timeout = 0.2 }, "lab/quick"]\n[aliases]\n"claude-*" = "always-on"\n'
    )
    world = await opens(node(scripted_upstream) + combo)
    scripted_upstream.queue(Script(fault=Fault.STALL_AFTER_HEADERS), model="slow")
    answer = await world.ask("claude-sonnet-9", stream=True)
    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert [r.model for r in scripted_upstream.requests] == ["slow", "quick"]
    assert answer.headers["x-omniroute-combo"] == "always-on"
    assert answer.headers["x-omniroute-model"] == "quick"
    assert "claude-*" in answer.headers["x-omniroute-decision"]


async def test_a_conversation_stays_with_its_account(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    accounts = [f'{{ name = "n{n}", api_key = "key-{n}" }}' for n in range(5)]
    world = await opens(node(scripted_upstream, *accounts), OMNIROUTE_ACCOUNT_STRATEGY="round-robin")
    for _ in range(4):
        for session in ("s1", "s2", "s3"):
            await world.ask("lab/m", headers={"x-session-id": session})
    used = keys(scripted_upstream)
    for place in range(3):
        assert len(set(used[place::3])) == 1
    rows = (await world.admin("GET", "/api/sessions"))["data"]
    assert {row["session"] for row in rows} == {"s1", "s2", "s3"}
    assert all(row["account"]["name"].startswith("n") for row in rows)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_says_who_gave_it_and_where_the_time_went(
    opens: Opens, scripted_upstream: ScriptedUpstream, stream: bool
) -> None:
    world = await opens(node(scripted_upstream, f'{{ name = "Secret name", api_key = "{FIRST}" }}'))
    headers = (await world.ask("lab/m", stream=stream)).headers
    assert all(f"x-omniroute-{name}" in headers for name in HEADERS)
    assert "x-omniroute-combo" not in headers
    assert (headers["x-omniroute-provider"], headers["x-omniroute-model"]) == ("lab", "m")
    assert float(headers["x-omniroute-overhead-ms"]) >= 0
    timing = dict(part.strip().split(";dur=") for part in headers["server-timing"].split(","))
    assert {name: float(value) >= 0 for name, value in timing.items()} == {"queue": True, "upstream": True, "total": True}
    assert "secret" not in str(headers).lower()
    assert len(headers["x-omniroute-account"]) == 12


@pytest.mark.parametrize("stream", [False, True])
async def test_no_name_of_a_model_ends_a_header(start: Start, scripted_upstream: ScriptedUpstream, stream: bool) -> None:
    server = await start(node(scripted_upstream))
    body = {"model": "lab/a\r\nset-cookie: b", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    answer = await server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.headers["x-omniroute-model"] == "a\\r\\nset-cookie: b"
    assert "set-cookie" not in answer.headers


async def test_an_error_says_who_was_asked_and_whether_to_come_back(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    world = await opens(node(scripted_upstream))
    scripted_upstream.queue(LIMITED)
    asked = await world.ask("lab/m")
    assert asked.status_code == 429
    assert all(f"x-omniroute-{name}" in asked.headers for name in HEADERS)
    refused = await world.ask("lab/m")  # nobody was asked this time
    assert (refused.status_code, "x-omniroute-provider" in refused.headers) == (429, False)
    assert "x-omniroute-decision" in refused.headers
    unknown = await world.ask("nowhere/at-all")
    assert (unknown.status_code, "x-omniroute-decision" in unknown.headers) == (404, False)


PATHS = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "anthropic": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
    "openai_responses": ("/v1/responses", {"input": "hi"}),
    "gemini": ("/v1beta/models/lab/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    "ollama": ("/api/chat", {"stream": False, "messages": [{"role": "user", "content": "hi"}]}),
}


@pytest.mark.parametrize("dialect", PATHS)
async def test_every_dialect_tells_what_retrying_is_worth(
    opens: Opens, scripted_upstream: ScriptedUpstream, dialect: str
) -> None:
    path, body = PATHS[dialect]
    world = await opens(node(scripted_upstream))
    scripted_upstream.queue(LIMITED)
    answer = await world.http.post(path, json={**body, "model": "lab/m"} if dialect != "gemini" else body)
    assert answer.status_code == 429, answer.text
    told = answer.json()
    error = told["error"] if isinstance(told["error"], dict) else told
    assert (error["retryable"], error["retry_after"], error["scope"]) == (True, 60.0, "model")
    assert answer.headers["retry-after"] == "60"


async def test_official_clients_raise_their_own_errors(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(node(scripted_upstream), OMNIROUTE_COOLDOWN_WAIT="0")
    scripted_upstream.default = LIMITED
    chat, messages = server.openai(), server.anthropic()
    with pytest.raises(openai.RateLimitError) as limited:
        await chat.chat.completions.create(model="lab/m", messages=[{"role": "user", "content": "hi"}])
    assert limited.value.body["retry_after"] == 60.0  # type: ignore[index]
    with pytest.raises(anthropic.RateLimitError) as refused:
        await messages.messages.create(model="lab/other", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    assert refused.value.body["error"]["retryable"] is True  # type: ignore[index]


async def test_quotas_are_read_shown_and_kept_in_reserve(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    world = await opens(
        node(
            scripted_upstream,
            f'{{ name = "a", api_key = "{FIRST}", priority = 1, limits = {{ reserve = 0.5, '
            'allowances = [{ limit = 4, per = "daily" }] } }',
            f'{{ name = "b", api_key = "{SECOND}", priority = 2 }}',
        )
    )
    for _ in range(3):
        await world.ask("lab/m")
    assert keys(scripted_upstream) == [FIRST, FIRST, SECOND]
    row = next(r for r in (await world.admin("GET", "/api/quotas"))["data"] if r["name"] == "a")
    (window,) = row["windows"]
    assert {k: window[k] for k in ("name", "used", "used_units", "limit", "source", "state")} == {
        "name": "daily",
        "used": 0.5,
        "used_units": 2.0,
        "limit": 4.0,
        "source": "counted",
        "state": "reserve",
    }
    assert window["resets_at"] > world.clock.now()
    assert f'omniroute_quota_used_ratio{{account="{row["id"]}",window="daily",model=""}} 0.5' in await world.metrics()


async def test_quota_that_would_expire_is_spent_first(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    accounts = [
        f'{{ name = "{name}", api_key = "{key}", limits = {{ allowances = [{{ limit = {limit}, per = "5h" }}] }} }}'
        for name, key, limit in (("tight", FIRST, 4), ("ample", SECOND, 100))
    ]
    world = await opens(node(scripted_upstream, *accounts), OMNIROUTE_ACCOUNT_STRATEGY="pace")
    health = world.app.health
    target = (await world.admin("POST", "/api/routing/preview", {"model": "lab/m"}))["rows"][0]["account"]
    assert target == "tight"  # nothing is known yet
    await world.ask("lab/m")
    world.clock.advance(3600)
    assert [w.used for account in world.app.installation.all_accounts for w in health.windows(account.id)] == [0.25]
    await world.ask("lab/m")
    assert keys(scripted_upstream) == [FIRST, SECOND]


async def test_limits_and_credentials_are_changed_while_it_runs(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    config = node(scripted_upstream).replace("[nodes.lab]", "[nodes.other]")
    world = await opens(config)
    await world.admin(
        "POST", "/api/provider-nodes", {"prefix": "lab", "format": "openai_chat", "base_url": scripted_upstream.openai_base_url}
    )
    made = await world.admin("POST", "/api/providers", {"provider": "lab", "name": "w", "api_key": "old-credential-1"})
    path = f"/api/providers/{made['id']}"
    scripted_upstream.key = "new-credential-1"
    assert (await world.ask("lab/m")).status_code == 401
    held = {lock["id"]: lock["reason"] for lock in (await world.admin("GET", "/api/resilience"))["cooldowns"]}
    assert held[made["id"]] == "auth"
    await world.admin("PATCH", path, {"api_key": "new-credential-1", "limits": {"rpm": 1}})
    assert made["id"] not in {lock["id"] for lock in (await world.admin("GET", "/api/resilience"))["cooldowns"]}
    assert (await world.ask("lab/m")).status_code == 200
    world.app.gateway.dispatch.lines = Lines(most=0)
    limited = await world.ask("lab/m")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "60")
    await world.admin("PATCH", path, {"limits": {"rpm": None}})
    assert (await world.ask("lab/m")).status_code == 200
    log = json.dumps((await world.admin("GET", "/api/compliance/audit-log"))["data"])
    assert "account.update" in log
    assert "credential-1" not in log


async def test_a_good_test_heals_the_account(opens: Opens, scripted_upstream: ScriptedUpstream) -> None:
    world = await opens(node(scripted_upstream, f'{{ api_key = "{FIRST}" }}', extra='models = ["m"]'))
    scripted_upstream.queue(LIMITED)
    await world.ask("lab/m")
    assert "omniroute_cooldowns_active" in await world.metrics()
    (held,) = (await world.admin("GET", "/api/resilience"))["cooldowns"]
    assert (await world.admin("POST", f"/api/providers/{held['id']}/test", {}))["ok"]
    assert (await world.admin("GET", "/api/resilience"))["cooldowns"] == []
    assert (await world.ask("lab/m")).status_code == 200


async def test_settings_of_routing_are_changed_where_its_state_is_shown(
    opens: Opens, scripted_upstream: ScriptedUpstream
) -> None:
    world = await opens(node(scripted_upstream))
    await world.admin("PATCH", "/api/resilience", {"queue_wait": 7})
    settings = {s["name"]: s["value"] for s in (await world.admin("GET", "/api/resilience"))["settings"]}
    assert settings["queue_wait"] == 7
    assert "port" not in settings
    token = world.app.installation.secrets.admin_token
    wrong = await world.http.patch("/api/resilience", json={"port": 1}, headers={"authorization": f"Bearer {token}"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "port")
