"""The retry ladder as the loop over attempts walks it: in place, next account, next target, or back to the client."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Model
from omniroute.core.errors import NetworkFault, OmniRouteError, Scope, TimeoutFault, Verdict
from omniroute.ir.caps import Limits
from omniroute.routing.routes import StoredRoutes, with_routes
from omniroute.routing.snapshot import Snapshot
from running.wired import Answer, Client, Wired, installed, refused, told, whole

RESET = NetworkFault("the connection was reset", kind="network", scope=Scope.PROVIDER, verdict=Verdict.RETRY)
FILTERED = refused(400, "The response was filtered due to the prompt triggering content management policy", code="content_filter")
TOO_LONG = refused(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded")


def patient(accounts: dict[str, int], **settings: Any) -> Wired:
    """One try more in place; a combo ``c`` over every provider. Pauses are counted, not slept."""
    steps = [f"{name}/m" for name in accounts]
    return Wired(installed(accounts, {"combo_retries": 1, **settings}, combos={"c": {"steps": steps}}))


def with_windows(wired: Wired, **windows: int) -> Snapshot:
    """Its snapshot, where the model of each provider has that window."""
    old = wired.snapshot
    providers = [
        replace(old.catalogue.by_id(name), models=(Model(id="m", limits=Limits(context=window)),))  # type: ignore[type-var]
        for name, window in windows.items()
    ]
    steps = {"steps": [f"{name}/m" for name in windows]}
    return with_routes(replace(old, catalogue=Catalogue(providers)), None, StoredRoutes(combos=[("c", "c", steps)]))


def in_turn(wired: Wired, *answers: Answer) -> None:
    """The calls get these, in order."""
    left = list(answers)
    wired.transport.answers = lambda sent: left.pop(0)


def asked(wired: Wired) -> list[str]:
    return [sent.account for sent in wired.transport.sent]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    "first",
    [refused(500), refused(503), refused(529), refused(408), Answer(head=RESET)],
    ids=["500", "503", "529", "408", "reset"],
)
async def test_a_passing_failure_is_tried_once_more_in_place(first: Answer, stream: bool) -> None:
    wired, client = patient({"p": 2}), Client()
    in_turn(wired, first, Answer(told("again")) if stream else whole("again"))
    await wired.ask("p/m", client, stream=stream)
    assert asked(wired) == ["p-1", "p-1"]
    (pause,) = wired.pauses
    assert 0.5 <= pause <= 2
    assert "again" in client.text
    assert "again in place after" in client.heads[0][1]["x-omniroute-decision"]
    assert [(row.outcome, row.fallback, row.attempt) for row in wired.ledger.rows] == [("error", False, 1), ("ok", True, 2)]
    assert wired.ledger.rows[1].queue_ms == pytest.approx(pause * 1000)


async def test_a_try_in_place_goes_to_the_next_address() -> None:
    wired, client = patient({"p": 1}), Client()
    provider = wired.snapshot.catalogue.by_id("p")
    assert provider is not None
    moved = replace(provider, base_url_fallbacks=("https://second.test/v1",))
    wired.snapshot = with_routes(replace(wired.snapshot, catalogue=Catalogue([moved])), None, StoredRoutes())
    in_turn(wired, refused(503), Answer(told("from the second")))
    await wired.ask("p/m", client)
    hosts = [sent.call.url.split("/")[2] for sent in wired.transport.sent]
    assert hosts == [provider.base_url.split("/")[2], "second.test"]
    assert client.said == "from the second"


async def test_after_one_more_in_place_come_the_others_until_the_breaker_opens() -> None:
    wired, client = patient({"p": 2, "q": 1}), Client()
    in_turn(wired, *[refused(500)] * 3, Answer(told("other step")))
    await wired.ask("c", client)
    assert asked(wired) == ["p-1", "p-1", "p-2", "q-1"]
    assert len(wired.pauses) == 1
    assert client.said == "other step"
    assert client.heads[0][1]["x-omniroute-attempts"] == "4"


async def test_a_short_wait_that_the_upstream_states_is_sat_out() -> None:
    wired, client = patient({"p": 1}), Client()
    told_to_wait = refused(503, headers=[("content-type", "application/json"), ("retry-after", "4")])
    in_turn(wired, told_to_wait, Answer(told("again")))
    await wired.ask("p/m", client)
    assert wired.pauses == [4.0]


async def test_a_long_one_is_not() -> None:
    wired, client = patient({"p": 2}), Client()
    in_turn(wired, refused(503, headers=[("content-type", "application/json"), ("retry-after", "60")]), Answer(told("other")))
    await wired.ask("p/m", client)
    assert (asked(wired), wired.pauses) == (["p-1", "p-2"], [])


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
async def test_what_is_the_accounts_goes_to_the_next_account_at_once(status: int) -> None:
    wired, client = patient({"p": 2, "q": 1}), Client()
    in_turn(wired, refused(status), Answer(told("other account")))
    await wired.ask("c", client)
    assert (asked(wired), wired.pauses) == (["p-1", "p-2"], [])
    assert client.said == "other account"


@pytest.mark.parametrize(
    "first", [FILTERED, refused(400, "no such knob"), refused(422, "no such field")], ids=["filter", "400", "422"]
)
async def test_what_the_client_did_comes_back_at_once_and_punishes_nobody(first: Answer) -> None:
    wired, client = patient({"p": 2, "q": 1}), Client()
    in_turn(wired, first)
    with pytest.raises(OmniRouteError) as raised:
        await wired.ask("c", client)
    assert raised.value.http_status in (400, 422)  # type: ignore[attr-defined]
    assert (asked(wired), wired.pauses) == (["p-1"], [])
    described = wired.health.describe(wired.clock.now())
    assert (described["accounts"], described["providers"]) == ({}, {})


async def test_a_prompt_too_long_goes_to_a_larger_window_and_the_answer_says_so() -> None:
    client = Client()
    wired = Wired(with_windows(patient({"p": 2, "q": 1, "r": 1}), p=100_000, q=100_000, r=400_000))
    in_turn(wired, TOO_LONG, Answer(told("roomy")))
    await wired.ask("c", client)
    assert (asked(wired), wired.pauses) == (["p-1", "r-1"], [])
    assert client.heads[0][1]["x-omniroute-decision"].endswith("; after context_overflow at p/m")
    assert wired.ledger.rows[1].decision.endswith("; after context_overflow at p/m")
    assert wired.health.describe(wired.clock.now())["accounts"] == {}


async def test_a_prompt_too_long_for_all_is_told_as_that() -> None:
    wired = Wired(with_windows(patient({"p": 1, "q": 1}), p=100_000, q=400_000))
    in_turn(wired, TOO_LONG, TOO_LONG)
    with pytest.raises(OmniRouteError) as raised:
        await wired.ask("c", Client())
    assert raised.value.error_code == "context_length_exceeded"  # type: ignore[attr-defined]


async def test_a_stream_that_breaks_off_unseen_goes_on_elsewhere() -> None:
    wired, client = patient({"p": 2}), Client()
    preamble = told("")[:1]
    in_turn(wired, Answer([*preamble, RESET]), Answer(told("again")))
    await wired.ask("p/m", client)
    assert client.said == "again"
    assert len(client.heads) == 1


async def test_silence_is_not_waited_for_twice() -> None:
    wired, client = patient({"p": 2}), Client()
    silent = TimeoutFault("no token", kind="timeout", scope=Scope.PROVIDER, verdict=Verdict.NEXT_ACCOUNT)
    in_turn(wired, Answer(head=silent), Answer(told("other account")))
    await wired.ask("p/m", client)
    assert (asked(wired), wired.pauses) == (["p-1", "p-2"], [])
    assert client.said == "other account"


async def test_at_most_three_accounts_of_a_target() -> None:
    wired = patient({"p": 6})
    wired.transport.answers = lambda sent: refused(429)
    with pytest.raises(OmniRouteError):
        await wired.ask("p/m", Client())
    assert len(wired.transport.sent) == 3
    assert wired.under_way == 0


async def test_a_cooldown_is_sat_out_once_when_nothing_else_is_left() -> None:
    wired, client = patient({"p": 1}, cooldown_wait=30), Client()
    limited = refused(429, headers=[("content-type", "application/json"), ("retry-after", "20")])
    in_turn(wired, limited, Answer(told("patience")))
    await wired.ask("p/m", client)
    assert wired.pauses == [pytest.approx(20.0)]
    assert client.said == "patience"
