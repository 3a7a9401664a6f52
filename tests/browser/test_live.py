"""Pages follow the server by themselves: no asking by the clock while it tells, and asking again when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Page, Request, Route, expect

from browser.furnished import chat, node
from browser.visitor import Serve, Visit, Visitor
from upstream.script import Fault, Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def counting(page: Page, path: str) -> Callable[[], int]:
    """How many requests for ``path`` the page has made from now on."""
    made: list[str] = []

    def note(request: Request) -> None:
        if f"{path}?" in request.url or request.url.endswith(path):
            made.append(request.url)

    page.on("request", note)
    return lambda: len(made)


async def _listened(visitor: Visitor, path: str) -> None:
    async with visitor.page.expect_response("**/api/events"):
        await visitor.open(path)


async def test_nothing_is_asked_by_the_clock_while_the_server_tells(
    serve: Serve, visiting: Visit, upstream: ScriptedUpstream
) -> None:
    server = await serve(node("lab", upstream))
    visitor = await visiting(server)
    await visitor.page.clock.install()
    await _listened(visitor, "/logs")
    asked = counting(visitor.page, "/api/usage/history")
    await visitor.page.clock.run_for(120_000)
    assert asked() <= 1, "the logs are asked for by the clock"  # once, for what came before the stream began
    await server.http.post("/v1/chat/completions", json=chat("lab/one"))
    await visitor.page.clock.resume()
    await expect(visitor.row("lab/one")).to_have_count(1)


async def test_pages_ask_by_themselves_where_events_cannot_come(
    serve: Serve, visiting: Visit, upstream: ScriptedUpstream
) -> None:
    server = await serve(node("lab", upstream))
    visitor = await visiting(server)
    visitor.watch.allowed.append("/api/events")

    async def refuse(route: Route) -> None:
        await route.abort()

    await visitor.page.route("**/api/events", refuse)
    await visitor.page.clock.install()
    await visitor.open("/logs")
    await server.http.post("/v1/chat/completions", json=chat("lab/one"))
    await server.usage()  # it is written
    await visitor.page.clock.run_for(3100)
    await expect(visitor.row("lab/one")).to_have_count(1)


async def test_a_request_in_flight_is_shown_and_ended(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream))
    upstream.queue(Script(fault=Fault.STALL_MID_STREAM, fault_after=4), model="slow")
    visitor = await visiting(server)
    await _listened(visitor, "/")
    asking = asyncio.ensure_future(server.http.post("/v1/chat/completions", json=chat("lab/slow", stream=True)))
    running = visitor.page.get_by_role("region", name="Requests in flight").locator("tbody tr")
    await expect(running).to_have_count(1)
    await expect(running).to_contain_text("lab/slow")
    await expect(running).to_contain_text("answering")
    await running.get_by_role("button").click()
    answer = await asking
    assert "cancel" in answer.text
    await expect(running).to_have_count(0)
    (row,) = await server.usage()
    assert (row.outcome, row.error_kind) == ("aborted", "cancelled_by_operator")
