"""What the client is told when every target failed or was passed over: the most useful of all that was learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omniroute.catalog.account import Account
from omniroute.core.errors import Fault, OmniRouteError, TooManyRequests, Unavailable, Verdict
from omniroute.routing.resolve import Resolution, Target
from omniroute.routing.state import Block

_CLIENTS = frozenset({"bad_request", "context_overflow", "content_filter", "model_not_found", "too_large"})
_LIMITED = frozenset({"rate_limit", "quota_exhausted"})
_USED_UP = frozenset({"exhausted", "reserve", "rate", "concurrency"})
_CREDENTIAL = frozenset({"auth", "permission", "account_suspended", "account_action_needed"})
_MOST_REASONS = 8


class Failure(NamedTuple):
    """One try that failed, and when."""

    target: Target
    account: Account
    fault: Fault
    at: float


def exhaustion(
    resolution: Resolution,
    failures: Sequence[Failure],
    skipped: Sequence[tuple[Target, Account | None, Block]],
    now: float,
) -> OmniRouteError:
    """In this order: what the client can mend, when everybody agrees on it; 429 when anybody was merely limited, with the
    shortest honest wait; the last failure of a server; 401 or 403 when credentials were all that failed; 503 when nobody was
    asked."""
    if failures:
        last = failures[-1].fault
        if last.verdict is Verdict.RETURN or (len(failures) == 1 and not skipped):
            return last
        if not skipped and all(f.fault.kind in _CLIENTS for f in failures):
            return last
    wait = _shortest_wait(failures, skipped, now)
    text = f"Nothing can serve the model {resolution.name!r} now: {_reasons(failures, skipped, resolution)}."
    if any(f.fault.kind in _LIMITED for f in failures) or any(_limited(block) for _, _, block in skipped):
        return TooManyRequests(text, retry_after=wait, code=_limit_code(failures, skipped))
    servers = [f.fault for f in failures if f.fault.kind not in _CREDENTIAL and f.fault.kind not in _CLIENTS]
    if servers:
        return _as(servers[-1], text, wait)
    if failures and not skipped:
        if all(f.fault.kind in _CREDENTIAL for f in failures):
            names = ", ".join(dict.fromkeys(f.target.provider.id for f in failures))
            return _as(
                failures[-1].fault, f"There are no usable credentials for {names}: {_reasons(failures, (), resolution)}.", None
            )
        return _as(failures[-1].fault, text, None)
    return Unavailable(text, retry_after=wait)


def _limited(block: Block) -> bool:
    """The account is at a limit, of ours or (as its last answer said) of its provider's."""
    return block.reason in _USED_UP or block.kind in _LIMITED


def _as(fault: Fault, text: str, wait: float | None) -> Fault:
    """The fault's kind and status with a sentence about everybody."""
    told = Fault(
        text,
        kind=fault.kind,
        http_status=fault.http_status,
        error_code=fault.error_code,
        scope=fault.scope,
        verdict=fault.verdict,
        retry_after=wait if wait is not None else fault.retry_after,
    )
    told.__cause__ = fault
    return told


def _limit_code(failures: Sequence[Failure], skipped: Iterable[tuple[Target, Account | None, Block]]) -> str:
    """Real exhaustion only when nothing else was in the way: agents stop for good when they read it."""
    exhausted = all(f.fault.kind == "quota_exhausted" for f in failures)
    if exhausted and all(block.reason == "exhausted" for _, _, block in skipped):
        return "insufficient_quota"
    return TooManyRequests.code


def _shortest_wait(
    failures: Iterable[Failure], skipped: Iterable[tuple[Target, Account | None, Block]], now: float
) -> float | None:
    """Seconds until the first of them can be asked again; None when nobody said."""
    moments = [block.until for _, _, block in skipped if block.until is not None]
    moments += [f.at + f.fault.retry_after for f in failures if f.fault.retry_after is not None]
    return max(1.0, min(moments) - now) if moments else None


def _reasons(failures: Iterable[Failure], skipped: Iterable[tuple[Target, Account | None, Block]], resolution: Resolution) -> str:
    """Each provider's reasons once, those of tries first."""
    said: dict[str, None] = {}
    for failure in failures:
        said[f"{failure.target.name}: {failure.fault.message.rstrip('.')}"] = None
    for target, _, block in skipped:
        said[f"{target.name}: {block.detail.rstrip('.')}"] = None
    for step, reason in resolution.left_out:
        said[f"{step}: {reason}"] = None
    told = list(said)
    more = f"; and {len(told) - _MOST_REASONS} more" if len(told) > _MOST_REASONS else ""
    return "; ".join(told[:_MOST_REASONS]) + more if told else "no account can"
