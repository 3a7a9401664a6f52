"""The ledger beside what the mock upstream has billed: nothing lost, nothing twice, nothing invented."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from asking import get_json
from rig import Server, Upstream
from scenarios import Scenario

Rows = Mapping[str, Mapping[str, int]]
_SETTLE_SECONDS = 30
_HEALTH = "/api/monitoring/health"


async def health(server: Server) -> dict[str, Any]:
    """What the server says of itself."""
    told: dict[str, Any] = await get_json(server.port, _HEALTH, server.token)
    return told


async def settled(server: Server) -> dict[str, Any]:
    """Wait until no request is under way and the ledger is written. Gives back the last word on that, however it is."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        told = await health(server)
        if (not told["in_flight"] and not told["recorder"]["waiting"]) or time.monotonic() > deadline:
            return told
        await asyncio.sleep(0.1)


async def ledger(server: Server) -> Rows:
    """The ledger's sums by model."""
    told = await get_json(server.port, "/api/usage/totals?group_by=model", server.token)
    return {row["group"]: row for row in told["data"]}


async def billed(upstream: Upstream) -> Rows:
    """The mock upstream's sums by model."""
    told: Rows = await get_json(upstream.port, "/_mock/bill")
    return told


def differences(scenario: Scenario, sent: int, written: Rows, bills: Rows, *, whole: bool) -> list[str]:
    """What is wrong in the ledger about ``sent`` requests of the scenario, in sentences. ``whole``: all were to be answered.

    Whole answers must agree to the token. Of the others each call has its row, tokens are at most what was written, and nothing
    is charged for answers that never began.
    """
    model = f"mock:{scenario.script}"
    row, bill = written.get(model, {}), bills.get(model, {})
    found = []
    rows, calls = row.get("attempts", 0), bill.get("calls", 0)
    tokens = [(name, row.get(name, 0), bill.get(name, 0)) for name in ("input_tokens", "output_tokens")]
    if whole:
        if rows != calls or rows != sent:
            found.append(f"{sent} sent, {calls} calls upstream, {rows} rows")
        found += [f"{name}: ledger {ours}, billed {theirs}" for name, ours, theirs in tokens if ours != theirs]
        if row.get("errors", 0):
            found.append(f"{row['errors']} rows are no success")
    else:
        if rows < calls:
            found.append(f"{calls} calls upstream, but {rows} rows")
        characters = bill.get("written", 0) * int(scenario.words.get("size", 8))
        output = tokens[1][1]
        if output > characters:
            found.append(f"{output} output tokens for {characters} characters")
        if characters and not output and scenario.stream:
            found.append(f"no output tokens for {characters} characters")
        if not characters and tokens[0][1]:
            found.append(f"{tokens[0][1]} input tokens for answers that never began")
    return [f"{scenario.name}: {each}" for each in found]


def quiet(told: Mapping[str, Any]) -> list[str]:
    """What is still going on, or was lost, in a server that should be idle."""
    found = []
    if told["in_flight"]:
        found.append(f"{told['in_flight']} requests are still under way")
    if told["recorder"]["waiting"] or told["recorder"]["dropped"] or told["recorder"]["failures"]:
        found.append(f"the ledger: {json.dumps(told['recorder'])}")
    if connections(told)["busy"]:
        found.append(f"{connections(told)['busy']} upstream connections are still busy")
    return found


def connections(told: Mapping[str, Any]) -> dict[str, int]:
    """Upstream connections over all origins: ``open``, ``idle``, ``busy``."""
    sums = {"open": 0, "idle": 0, "busy": 0}
    for transport in told["upstream"].values():
        for figures in transport.get("origins", {}).values():
            for name in sums:
                sums[name] += figures[name]
    return sums
