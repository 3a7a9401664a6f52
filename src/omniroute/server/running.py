"""Requests under way, for people to see."""

from __future__ import annotations

from typing import Literal

from omniroute.admin.shapes.accounting import ActiveRequest
from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow
from omniroute.gateway.attendance import Attendance, Guest
from omniroute.server.ledger import Ledger


def running_requests(attendance: Attendance, ledger: Ledger, clock: Clock) -> list[ActiveRequest]:
    """One record for each; what its tries have used so far is asked of the ledger."""
    rows: dict[str, list[LedgerRow]] = {}
    for running in ledger.under_way():
        row = ledger.so_far(running)
        rows.setdefault(row.request_id, []).append(row)
    now = clock.monotonic()
    return [_record(guest, rows.get(guest.context.exchange.request_id, []), now) for guest in tuple(attendance.guests)]


def _record(guest: Guest, rows: list[LedgerRow], now: float) -> ActiveRequest:
    context = guest.context
    attempt = context.attempt if rows else None  # before the first try, and between two, nobody is being asked
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    return ActiveRequest(
        request_id=context.exchange.request_id,
        started_at=context.wall,
        seconds=round(now - context.received, 3),
        model=context.model,
        stream=context.stream,
        client_format=context.format.name,
        key_id=context.grant.id if context.grant is not None else None,
        session_id=context.session_id,
        agent_id=context.agent_id,
        state=_state(guest, rows),
        provider=attempt.target.provider.id if attempt is not None else None,
        upstream_model=attempt.target.model if attempt is not None else None,
        account_id=attempt.account.id if attempt is not None else None,
        combo=attempt.combo if attempt is not None else None,
        attempts=context.attempts,
        bytes_out=context.exchange.sent,
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        cost_usd=sum(costs) if costs else None,
        cancelling=guest.stopped is not None,
    )


def _state(guest: Guest, rows: list[LedgerRow]) -> Literal["queued", "waiting", "streaming"]:
    if guest.context.committed:
        return "streaming"
    return "waiting" if rows else "queued"
