"""A try by an account that is somebody's login: with a token that still holds, and with a new one when that was refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from omniroute.core.errors import Fault
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Dispatch
from omniroute.gateway.ports import Renewal
from omniroute.routing.health import Lease
from omniroute.routing.plan import Attempt

AGAIN = "again with a renewed login"


async def with_renewal(
    renewal: Renewal,
    dispatch: Dispatch,
    context: Context,
    attempt: Attempt,
    lease: Lease | None,
    ask: Callable[[Attempt], Awaitable[None]],
) -> None:
    """``ask`` makes one try. Raises its Fault, or that of the renewal: then routing learns of the refusal that led to it."""
    account = await renewal.fresh(attempt.account)
    if account is not attempt.account:
        attempt = replace(attempt, account=account)
    try:
        await ask(attempt)
        return
    except Fault as fault:
        if context.committed or account.login is None or not spared(renewal, attempt, fault):
            raise
        refused = fault
    try:
        renewed = await renewal.renew(account.id, stale_generation=account.login.generation)
    except Fault:
        if lease is not None:
            dispatch.done(context, lease, fault=refused, ttft=None, tokens=0)
        raise
    await ask(replace(attempt, account=renewed, reason=AGAIN))


def spared(renewal: Renewal, attempt: Attempt, fault: Fault) -> bool:
    """The refusal says nothing of the account yet: its token is renewed first."""
    account = attempt.account
    return fault.kind == "auth" and account.login is not None and attempt.reason != AGAIN and renewal.renewable(account)
