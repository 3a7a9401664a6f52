"""Usage endpoints of signed-in accounts: asked as each provider wants it, read into routing, and what goes wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from omniroute.server.quota_keeper import MANUAL_GAP
from running.fixtures import Server, Start
from upstream.authority import Authority, Trouble
from upstream.usage_pages import PAGES, RESET, serves_usage


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class World:
    """One signed-in account whose provider is a double."""

    def __init__(self, server: Server, double: Authority, account_id: str) -> None:
        self.server = server
        self.double = double
        self.account_id = account_id

    async def refresh(self) -> httpx.Response:
        """Ask; as if the last question were long ago."""
        subject = self.server.app.sign_ins.quotas._subjects.get(self.account_id)
        if subject is not None and subject.asked_at is not None:
            subject.asked_at -= MANUAL_GAP
        return await self.post(self.account_id)

    async def post(self, account_id: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.server.app.services.admin_token}"}
        return await self.server.http.post("/api/quotas/refresh", json={"account_id": account_id}, headers=headers)

    async def listed(self) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.server.app.services.admin_token}"}
        rows = (await self.server.http.get("/api/quotas", headers=headers)).json()["data"]
        found: dict[str, Any] = next(row for row in rows if row["id"] == self.account_id)
        return found


async def signed_in(start: Start, stack: ExitStack, provider: str) -> World:
    double = stack.enter_context(Authority(provider).run())
    serves_usage(double)
    server: Server = await start(**double.environ)
    logins = server.app.sign_ins.logins
    if not next(told for told in logins.providers() if told.provider == provider).acknowledged:
        await logins.acknowledge(provider)
    granted = double.seed()
    spellings = {"access": ("access_token", "accessToken", "token"), "refresh": ("refresh_token", "refreshToken")}
    fields: dict[str, Any] = {ours: granted[name] for ours, names in spellings.items() for name in names if granted.get(name)}
    fields |= {"id_token": granted["id_token"]} if granted.get("id_token") else {}
    fields |= PAGES[provider].facts or {}
    return World(server, double, await logins.import_tokens(provider, fields))


@pytest.mark.parametrize("provider", PAGES)
async def test_what_is_left_is_read_into_routing(start: Start, stack: ExitStack, provider: str) -> None:
    world, page = await signed_in(start, stack, provider), PAGES[provider]
    answer = await world.refresh()
    assert answer.status_code == 200, answer.text
    windows = {(window["name"], window["model"]): window for window in answer.json()["windows"]}
    assert {key: window["used"] for key, window in windows.items()} == pytest.approx(page.windows)
    assert all(window["source"] == "endpoint" and window["age"] < 60 for window in windows.values())
    resets = {window["resets_at"] for window in windows.values()} - {None}
    assert resets <= {RESET.timestamp()}
    held = {(window.name, window.model) for window in world.server.app.health.windows(world.account_id)}
    assert held == page.windows.keys()
    view = world.server.app.sign_ins.logins.describe(world.account_id)
    assert view is not None
    if page.plan is not None:
        assert view.plan == page.plan
    for secret in world.double.issued:
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(429, headers={"retry-after": "3000"}), "status 429"),
        (Trouble(500), "status 500"),
        (Trouble(401, "invalid_token"), "status 401"),
        (Trouble(200, body="<html>Just a moment</html>"), "not JSON"),
        (Trouble(0), "cannot be reached"),
    ],
    ids=["429", "500", "401", "page", "closed"],
)
async def test_a_provider_that_does_not_tell_changes_nothing(
    start: Start, stack: ExitStack, trouble: Trouble, words: str
) -> None:
    world = await signed_in(start, stack, "kimi-coding")
    assert (await world.refresh()).status_code == 200
    before = world.server.app.health.windows(world.account_id)
    world.double.fail("usage", *[trouble] * (2 if trouble.status == 0 else 1))  # an idle connection that closes is tried anew
    answer = await world.refresh()
    assert answer.status_code == 502
    assert words in answer.json()["error"]["message"]
    assert world.server.app.health.windows(world.account_id) == before
    question = (await world.listed())["question"]
    assert words in question["problem"]
    now = world.server.app.installation.clock.now()
    assert question["due_at"] - now > (3000 if "429" in words else 1000)
    assert (await world.refresh()).status_code == 200
    assert (await world.listed())["question"]["problem"] is None


@pytest.mark.parametrize("body", ['{"usage": [1, "x"], "limits": {"a": null}}', "[]", "null", '"text"', "12"])
async def test_an_answer_that_says_nothing_changes_nothing(start: Start, stack: ExitStack, body: str) -> None:
    world = await signed_in(start, stack, "kimi-coding")
    world.double.fail("usage", Trouble(200, body=body))
    answer = await world.refresh()
    assert answer.status_code == 200
    assert answer.json()["windows"] == []


async def test_pages_do_not_make_providers_be_asked(start: Start, stack: ExitStack) -> None:
    world = await signed_in(start, stack, "claude")
    for _ in range(3):
        assert (await world.listed())["question"] == {"asked_at": None, "told_at": None, "due_at": None, "problem": None}
    assert world.double.counts.get("usage", 0) == 0
    assert (await world.post(world.account_id)).status_code == 200
    answer = await world.post(world.account_id)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= MANUAL_GAP
    assert world.double.counts["usage"] == 1
    assert (await world.post("acc_unknown")).status_code == 404


async def test_what_cannot_be_asked_is_said(start: Start) -> None:
    server: Server = await start('[providers.groq]\napi_key = "k"\n')
    (account,) = server.app.installation.snapshot.accounts["groq"]
    headers = {"authorization": f"Bearer {server.app.services.admin_token}"}
    answer = await server.http.post("/api/quotas/refresh", json={"account_id": account.id}, headers=headers)
    assert answer.status_code == 400
    row = (await server.http.get("/api/quotas", headers=headers)).json()["data"]
    assert next(entry for entry in row if entry["id"] == account.id)["question"] is None


async def test_what_a_provider_is_said_to_give_is_shown_from_the_start(start: Start) -> None:
    server: Server = await start('[providers.qwen]\napi_key = "k"\n')
    headers = {"authorization": f"Bearer {server.app.services.admin_token}"}
    rows = (await server.http.get("/api/quotas", headers=headers)).json()["data"]
    (window,) = next(row for row in rows if row["provider"] == "qwen")["windows"]
    assert (window["name"], window["limit"], window["used"], window["source"]) == ("daily", 1000, 0.0, "counted")
