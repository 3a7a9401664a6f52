"""Model names become targets, or sentences that help."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Auth, Model, Provider, Tier
from omniroute.core.errors import BadAnswer, Fault, Forbidden, ModelNotFound, Verdict
from omniroute.core.settings import Settings
from omniroute.routing.offer import usable_models
from omniroute.routing.plan import Plan
from omniroute.routing.resolve import resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot


def provider(name: str, *models: str | Model, tier: Tier = "api_key", **more: Any) -> Provider:
    listed = tuple(m if isinstance(m, Model) else Model(id=m) for m in models)
    given: dict[str, Any] = {"format": "openai_chat", "base_url": "http://127.0.0.1:1", "auth": Auth(scheme="bearer"), **more}
    return Provider(id=name, prefix=name[:2], name=name.title(), tier=tier, models=listed, **given)


PROVIDERS = (
    provider("alpha", "m1", "shared", tier="free"),
    provider("beta", "m2", "shared", "vendor/deep", tier="subscription", passthrough_models=True),
    provider("gamma", "m3", env_keys=("GAMMA_KEY",)),
    provider("delta", "m4", format="telepathy"),
    provider("omega", "gone-1", Model(id="old", status="gone"), Model(id="vectors", kind="embeddings")),
)


def snapshot(*connected: str, **accounts: int) -> Snapshot:
    counts = {**dict.fromkeys(connected, 1), **accounts}
    return Snapshot(
        catalogue=Catalogue(PROVIDERS),
        settings=Settings.load(),
        accounts={p: tuple(Account(id=f"{p}-{n}", provider=p, name=f"{n}") for n in range(count)) for p, count in counts.items()},
        keys={},
        formats=frozenset({"openai_chat", "anthropic"}),
        schemes=frozenset({"bearer"}),
    )


ALL = snapshot("alpha", "beta", "delta", "omega")


@pytest.mark.parametrize(
    ("name", "targets", "decision"),
    [
        ("al/m1", ["al/m1"], "prefix"),
        ("alpha/m1", ["al/m1"], "prefix"),
        ("be/vendor/deep", ["be/vendor/deep"], "prefix"),
        ("be/anything", ["be/anything"], "prefix"),
        ("m2", ["be/m2"], "bare"),
        ("shared", ["be/shared", "al/shared"], "bare by tier: be (subscription) > al (free)"),
        ("vendor/deep", ["be/vendor/deep"], "bare"),
    ],
)
def test_names_that_are_served(name: str, targets: list[str], decision: str) -> None:
    resolution = resolve(ALL, name)
    assert [t.name for t in resolution.targets] == targets
    assert resolution.decision == decision


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("al/m9", "al/m1"),
        ("ga/m3", "GAMMA_KEY"),
        ("gamma/m3", "not connected"),
        ("m3", "does not exist or no connected provider serves it"),
        ("de/m4", "telepathy"),
        ("nobody/m1", "nobody/m1"),
        ("", "does not exist"),
    ],
)
def test_names_that_are_not(name: str, words: str) -> None:
    with pytest.raises(ModelNotFound) as refused:
        resolve(ALL, name)
    assert words in refused.value.message


def grant(**limits: tuple[str, ...]) -> KeyGrant:
    return KeyGrant(id="k", name="k", digest=b"", **limits)


@pytest.mark.parametrize(
    ("limits", "name", "allowed"),
    [
        ({}, "al/m1", True),
        ({"models": ("al/m1",)}, "alpha/m1", True),
        ({"models": ("alpha/m1",)}, "al/m1", True),
        ({"models": ("m1",)}, "al/m1", True),
        ({"models": ("al/*",)}, "al/shared", True),
        ({"models": ("al/*",)}, "be/shared", False),
        ({"providers": ("beta",)}, "be/anything", True),
        ({"providers": ("beta",)}, "al/m1", False),
        ({"providers": ("be",), "models": ("m2",)}, "be/shared", False),
        ({"models": ("al/*",)}, "shared", True),
    ],
)
def test_a_key_limits_what_may_be_asked(limits: dict[str, tuple[str, ...]], name: str, allowed: bool) -> None:
    if allowed:
        assert resolve(ALL, name, grant(**limits)).targets
    else:
        with pytest.raises(Forbidden):
            resolve(ALL, name, grant(**limits))


def test_a_limited_key_sees_only_its_share_of_a_bare_name() -> None:
    assert [t.name for t in resolve(ALL, "shared", grant(providers=("alpha",))).targets] == ["al/shared"]


def test_usable_models_are_connected_chat_models_that_still_exist() -> None:
    assert [f"{p.prefix}/{m.id}" for p, m in usable_models(ALL)] == [
        "al/m1",
        "al/shared",
        "be/m2",
        "be/shared",
        "be/vendor/deep",
        "om/gone-1",
    ]
    assert [m.id for _, m in usable_models(ALL, grant(models=("m*",)))] == ["m1", "m2"]


def names(plan: Plan, verdict: Verdict) -> list[str]:
    tried = []
    while (attempt := plan.next()) is not None:
        tried.append(f"{attempt.target.provider.id}:{attempt.account.name}")
        plan.failed(attempt, BadAnswer("no", kind="test", verdict=verdict))
    return tried


@pytest.mark.parametrize(
    ("verdict", "tried"),
    [
        (Verdict.RETURN, ["beta:0"]),
        (Verdict.NEXT_ACCOUNT, ["beta:0", "beta:1", "beta:2", "alpha:0"]),
        (Verdict.RETRY, ["beta:0", "beta:1", "beta:2", "alpha:0"]),
        (Verdict.NEXT_TARGET, ["beta:0", "alpha:0"]),
    ],
)
def test_the_verdict_decides_what_is_tried_next(verdict: Verdict, tried: list[str]) -> None:
    many = snapshot(alpha=1, beta=5)
    assert names(Plan(resolve(many, "shared"), many), verdict) == tried


def test_resilience_off_means_one_try() -> None:
    plain = Snapshot(
        catalogue=Catalogue([provider("alpha", "m1", resilience=False)]),
        settings=Settings.load(),
        accounts={"alpha": tuple(Account(id=str(n), provider="alpha", name=str(n)) for n in range(3))},
        keys={},
        formats=frozenset({"openai_chat"}),
        schemes=frozenset({"bearer"}),
    )
    assert names(Plan(resolve(plain, "al/m1"), plain), Verdict.NEXT_ACCOUNT) == ["alpha:0"]


def test_faults_default_to_the_next_target() -> None:
    assert Fault("x", kind="y").verdict is Verdict.NEXT_TARGET


def test_what_was_worked_out_holds_for_its_own_snapshot_only() -> None:
    first = resolve(ALL, "shared")
    assert resolve(ALL, "shared") is first
    fewer = msgspec.structs.replace(ALL, accounts={"alpha": ALL.accounts["alpha"]})
    assert [t.name for t in resolve(fewer, "shared").targets] == ["al/shared"]
    assert [t.name for t in resolve(ALL, "shared", grant(providers=("alpha",))).targets] == ["al/shared"]
    assert [t.name for t in resolve(ALL, "shared").targets] == ["be/shared", "al/shared"]
