"""Tries by accounts that are logins: fresh before, renewed after a refusal, and what routing learns of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.core.errors import Fault, Scope, Verdict
from running.wired import Answer, Client, Wired, installed, refused, told


class Renewing:
    """Generation 1 is ``p-1``, 2 is ``p-1b``. ``gone``: nothing can be renewed. ``ended``: generation 1 is not used any more."""

    def __init__(self, *, gone: bool = False, ended: bool = False, renewable: bool = True) -> None:
        self.gone, self.ended, self.can = gone, ended, renewable
        self.renewals: list[int] = []

    def renewable(self, account: Account) -> bool:
        return self.can

    async def fresh(self, account: Account) -> Account:
        return await self.renew(account.id, stale_generation=1) if self.ended else account

    async def renew(self, account_id: str, *, stale_generation: int) -> Account:
        self.renewals.append(stale_generation)
        if self.gone:
            raise Fault("sign in again", kind="auth", http_status=401, scope=Scope.ACCOUNT, verdict=Verdict.NEXT_ACCOUNT)
        return login(2)


def login(generation: int) -> Account:
    secret = Secret("p-1" if generation == 1 else "p-1b")
    return Account(id="p-1", provider="p", name="1", secret=secret, login=Login(generation=generation))


def wired(renewal: Renewing, accounts: int = 1, **settings: Any) -> Wired:
    snapshot = installed({"p": accounts}, settings)
    there = snapshot.accounts["p"]
    snapshot = msgspec.structs.replace(snapshot, accounts={"p": (login(1), *there[1:])})
    made = Wired(snapshot)
    made.pipeline.renewal = renewal
    return made


def turned_down(*secrets: str, status: int = 401) -> Any:
    return lambda sent: refused(status, "not you") if sent.account in secrets else Answer(told(f"from {sent.account}"))


def secrets(wire: Wired) -> list[str]:
    return [sent.account for sent in wire.transport.sent]


async def test_a_token_that_holds_is_used() -> None:
    renewal = Renewing()
    wire, client = wired(renewal), Client()
    await wire.ask("p/m", client)
    assert (client.said, secrets(wire), renewal.renewals) == ("from p-1", ["p-1"], [])


async def test_a_token_that_has_ended_is_not_tried() -> None:
    renewal = Renewing(ended=True)
    wire, client = wired(renewal), Client()
    await wire.ask("p/m", client)
    assert (client.said, secrets(wire)) == ("from p-1b", ["p-1b"])


async def test_a_refused_token_is_renewed_once_and_routing_hears_of_success_only() -> None:
    renewal = Renewing()
    wire, client = wired(renewal), Client()
    wire.transport.answers = turned_down("p-1")
    await wire.ask("p/m", client)
    assert (client.said, secrets(wire), renewal.renewals) == ("from p-1b", ["p-1", "p-1b"], [1])
    assert wire.health.describe(wire.clock.now())["accounts"] == {}
    assert [row.outcome for row in wire.ledger.rows] == ["error", "ok"]
    assert wire.under_way == 0


async def test_a_new_token_that_is_refused_too_locks_the_account() -> None:
    renewal = Renewing()
    wire, client = wired(renewal, accounts=2), Client()
    wire.transport.answers = turned_down("p-1", "p-1b")
    await wire.ask("p/m", client)
    assert (client.said, secrets(wire), renewal.renewals) == ("from p-2", ["p-1", "p-1b", "p-2"], [1])
    assert "p-1" in wire.health.describe(wire.clock.now())["accounts"]
    await wire.ask("p/m", client := Client())
    assert (client.said, len(renewal.renewals)) == ("from p-2", 1)


async def test_what_cannot_be_renewed_goes_to_the_next_account_and_is_held_against_it() -> None:
    renewal = Renewing(gone=True)
    wire, client = wired(renewal, accounts=2), Client()
    wire.transport.answers = turned_down("p-1")
    await wire.ask("p/m", client)
    assert (client.said, secrets(wire)) == ("from p-2", ["p-1", "p-2"])
    assert "p-1" in wire.health.describe(wire.clock.now())["accounts"]
    assert wire.under_way == 0


@pytest.mark.parametrize("status", [400, 403, 429, 500])
async def test_other_refusals_renew_nothing(status: int) -> None:
    renewal = Renewing()
    wire = wired(renewal)
    wire.transport.answers = turned_down("p-1", status=status)
    with pytest.raises(Fault):
        await wire.ask("p/m", Client())
    assert (secrets(wire), renewal.renewals) == (["p-1"], [])


async def test_a_login_that_nothing_renews_is_treated_like_a_key() -> None:
    renewal = Renewing(renewable=False)
    wire = wired(renewal)
    wire.transport.answers = turned_down("p-1")
    with pytest.raises(Fault):
        await wire.ask("p/m", Client())
    assert (secrets(wire), renewal.renewals) == (["p-1"], [])
    assert "p-1" in wire.health.describe(wire.clock.now())["accounts"]


async def test_a_login_with_a_problem_is_passed_over() -> None:
    wire, client = wired(Renewing(), accounts=2), Client()
    lost = msgspec.structs.replace(login(1), login=Login(problem="sign in again: gone"))
    wire.snapshot = msgspec.structs.replace(wire.snapshot, accounts={"p": (lost, wire.snapshot.accounts["p"][1])})
    await wire.ask("p/m", client)
    assert secrets(wire) == ["p-2"]
    wire.snapshot = msgspec.structs.replace(wire.snapshot, accounts={"p": (lost,)})
    with pytest.raises(Exception, match="sign in again: gone"):
        await wire.ask("p/m", Client())
