"""When a login is due: early enough, never all at once, and not at all where nothing would come of it."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.oauth import OAuth
from omniroute.core.errors import WrongKey
from omniroute.core.ids import FakeClock
from omniroute.server.login_book import Entry, LoginBook, stored
from omniroute.storage.logins import LoginRow
from omniroute.upstream.login import Tokens

ACCOUNT = Account(id="acc", provider="lab", name="ada")


class Rows:
    """Tokens as they stand in a row."""

    def reveal(self, row: LoginRow) -> str:
        if row.tokens == b"damaged":
            raise WrongKey("the stored credential does not open")
        return row.tokens.decode()


def oauth(**more: Any) -> OAuth:
    return OAuth(**{"flow": "device", "device_url": "https://a.test/d", "token_url": "https://a.test/t", **more})


def row(
    clock: FakeClock, lasts: float | None, tokens: Tokens | None = None, sealed: bytes | None = None, **more: Any
) -> LoginRow:
    now = clock.now()
    given = {
        "account_id": "acc", "provider": "lab", "subject": "s", "flow": "device", "method": "device", "facts": {"plan": "pro"},
        "tokens": sealed or stored(tokens or Tokens(access="at")).encode(), "expires_at": None if lasts is None else now + lasts,
        "generation": 1, "created_at": now, "refreshed_at": now, "problem": None, "claimed_by": None, "claimed_until": None,
    }  # fmt: skip
    return LoginRow(**{**given, **more})


def book(clock: FakeClock, seed: int = 0, **data: Any) -> LoginBook:
    repository: Any = Rows()
    made = LoginBook(repository, clock, random.Random(seed))
    made.know_ways(lambda provider, flow: oauth(**data))
    return made


def entry(clock: FakeClock, given: LoginRow, seed: int = 0, **data: Any) -> Entry:
    return book(clock, seed, **data).put(given)


@pytest.mark.parametrize(
    ("lasts", "lead", "earliest", "latest"),
    [(3600, 300, 375, 300), (600, 300, 300, 240), (86400, 1800, 2250, 1800), (3600, 0, 5, 5), (30, 300, 15, 12)],
)
def test_a_login_is_due_before_its_end_by_its_lead_and_some_jitter(
    lasts: float, lead: float, earliest: float, latest: float
) -> None:
    clock = FakeClock()
    before = [clock.now() + lasts - entry(clock, row(clock, lasts), seed, lead=lead).due for seed in range(50)]
    assert all(latest - 1e-6 <= seconds <= earliest + 1e-6 for seconds in before)
    assert len(set(before)) > 1 or latest == earliest


@pytest.mark.parametrize(
    ("given", "data"), [({"problem": "sign in again"}, {}), ({"expires_at": None}, {})], ids=["a problem", "no end"]
)
def test_what_is_never_due(given: dict[str, Any], data: dict[str, Any]) -> None:
    clock = FakeClock()
    assert entry(clock, row(clock, 60, **given), **data).due == float("inf")


def test_a_login_that_nothing_renews_is_due_at_its_end() -> None:
    clock = FakeClock()
    found = entry(clock, row(clock, 60), renews="none", lead=0)
    assert found.due == clock.now() + 55
    assert not found.over(clock.now() + 54)
    assert found.over(clock.now() + 55)


def test_steps_that_have_yet_to_be_taken_are_due_now() -> None:
    clock = FakeClock()
    assert entry(clock, row(clock, 3600, Tokens(access="at", pending=True))).due == clock.now()


def test_an_account_is_signed_by_its_login_and_is_the_same_record_every_time() -> None:
    clock = FakeClock()
    known = book(clock)
    known.put(row(clock, 60, Tokens(access="at", key="k")))
    signed = known.signed(ACCOUNT)
    assert signed.secret == Secret("k")
    assert signed.login is not None
    assert (signed.login.generation, signed.login.facts) == (1, {"plan": "pro"})
    assert known.signed(ACCOUNT) is signed
    assert known.signed(signed) is signed
    other = msgspec.structs.replace(ACCOUNT, id="other")
    assert known.signed(other) is other


def test_what_is_newer_stays_and_what_is_gone_goes() -> None:
    clock = FakeClock()
    known = book(clock)
    old = row(clock, 60)
    known.put(row(clock, 60, generation=3))
    known.take([old])
    found = known.get("acc")
    assert found is not None
    assert found.login.generation == 3
    known.take([row(clock, 60, generation=3, problem="sign in again")])
    found = known.get("acc")
    assert found is not None
    assert found.login.problem == "sign in again"
    known.take([])
    assert known.get("acc") is None


def test_tokens_that_do_not_open_are_a_problem_of_that_login_alone() -> None:
    clock = FakeClock()
    found = entry(clock, row(clock, 60, sealed=b"damaged"))
    assert found.login.problem is not None
    assert found.login.problem.startswith("sign in again: ")


def test_nothing_of_it_is_shown() -> None:
    clock = FakeClock()
    found = entry(clock, row(clock, 60, Tokens(access="at-secret")))
    assert "secret" not in repr(found)
    assert "at-secret" not in repr(found.secret)
