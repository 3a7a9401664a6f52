"""What would happen to a request now, in order and with reasons, without calling anybody."""

from __future__ import annotations

import random
from typing import Literal

import msgspec

from omniroute.catalog.account import Account
from omniroute.core.errors import Fault, Verdict
from omniroute.routing.facts import Facts
from omniroute.routing.plan import Plan
from omniroute.routing.resolve import Target, resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.routing.state import Block, View

MOST_ROWS = 200


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One try that would be made, or why not. ``state``: ``next`` (now), ``then`` (if those before fail), ``blocked``.

    ``block`` is the reason's word (cooldown, exhausted, …), ``until`` unix seconds when it ends, None = not known or not blocked;
    ``timeout`` the step's own first-token limit in seconds.
    """

    state: Literal["next", "then", "blocked"]
    target: str
    provider: str
    model: str
    account_id: str | None
    account: str | None
    tier: str
    reason: str
    combo: str | None = None
    step: int | None = None
    timeout: float | None = None
    block: str | None = None
    until: float | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """``decision``: how the name was understood; ``left_out``: (step, reason) of what leads nowhere; ``outcome``: what the client
    would be told if every try failed for want of an answer, or at once when there is none."""

    model: str
    kind: str
    decision: str
    rows: tuple[Row, ...]
    left_out: tuple[tuple[str, str], ...]
    outcome: str | None = None


def preview(
    snapshot: Snapshot, view: View, facts: Facts, now: float, rng: random.Random, grant: KeyGrant | None = None
) -> Preview:
    """ModelNotFound and Forbidden as :func:`~omniroute.routing.resolve.resolve`."""
    resolution = resolve(snapshot, facts.model, grant)
    plan = Plan(resolution, snapshot, view, facts, now, rng)
    rows: list[Row] = []
    shown = 0
    while len(rows) < MOST_ROWS:
        attempt = plan.next(now)
        rows += [_blocked(*skip) for skip in plan.skipped[shown:]]
        shown = len(plan.skipped)
        if attempt is None:
            break
        first = all(row.state == "blocked" for row in rows)
        target, account = attempt.target, attempt.account
        rows.append(
            Row(
                state="next" if first else "then",
                target=target.name,
                provider=target.provider.id,
                model=target.model,
                account_id=account.id,
                account=account.name,
                tier=account.tier or target.provider.tier,
                reason=_why(view, facts, target, account, now) if first else "if those before fail",
                combo=attempt.combo,
                step=attempt.step if attempt.combo is not None else None,
                timeout=attempt.timeout,
            )
        )
        plan.failed(attempt, Fault("no answer", kind="preview", verdict=Verdict.NEXT_ACCOUNT), now)
    ready = any(row.state != "blocked" for row in rows)
    return Preview(
        model=facts.model,
        kind=resolution.kind,
        decision=resolution.decision,
        rows=tuple(rows[:MOST_ROWS]),
        left_out=resolution.left_out,
        outcome=None if ready else plan.exhausted(now).message,
    )


def _why(view: View, facts: Facts, target: Target, account: Account, now: float) -> str:
    if facts.session is not None and view.affinity(facts.session, target.provider.id, now) == account.id:
        return "the conversation's prompt cache is warm there"
    return "first choice"


def _blocked(target: Target, account: Account | None, block: Block) -> Row:
    return Row(
        state="blocked",
        target=target.name,
        provider=target.provider.id,
        model=target.model,
        account_id=None if account is None else account.id,
        account=None if account is None else account.name,
        tier=(account.tier if account is not None else None) or target.provider.tier,
        reason=block.detail,
        block=block.reason,
        until=block.until,
    )
