"""What is asked after a sign-in with Google: who it was, and the project that Code Assist books the account on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.load import load_catalogue
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import After, Step, registry
from omniroute.upstream.login.after.code_assist_project import CodeAssistProject
from omniroute.upstream.login.http import Answer
from upstream.code_assist import FREE, NEEDS_VALIDATION, STANDARD, Service, refused

Handler = Callable[[str, dict[str, Any]], tuple[int, Any]]


class Google:
    """Code Assist and the page of who signed in; every question is kept."""

    def __init__(self, service: Service | Handler, person: tuple[int, Any] = (200, {"id": "7", "email": "a@b.c", "name": "A"})):
        self.answer = service.answer if isinstance(service, Service) else service
        self.person = person
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []

    async def post(self, url: str, headers: dict[str, str], *, body: dict[str, Any]) -> Answer:
        verb = url.rpartition(":")[2]
        self.asked.append((verb, body))
        self.headers.append(headers)
        return _answer(*self.answer(verb, body))

    async def get(self, url: str, headers: dict[str, str]) -> Answer:
        self.headers.append(headers)
        return _answer(*self.person)


def _answer(status: int, body: Any) -> Answer:
    return Answer(status, {"retry-after": "7"} if status == 429 else {}, json.dumps(body).encode())


class Pauses:
    """Sleeps by counting."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


async def taken(
    after: After, google: Google, provider_id: str = "gemini-cli", *, fresh: bool = True, **facts: str
) -> dict[str, str]:
    provider = load_catalogue().by_id(provider_id)
    assert provider is not None
    assert provider.oauth is not None
    tokens = Tokens(access="access", facts=facts)
    step = Step(http=google, provider=provider, oauth=provider.oauth, tokens=tokens, client=None, now=1.8e9, fresh=fresh)  # type: ignore[arg-type]
    return (await after(step)).facts


async def project(service: Service | Handler, **more: Any) -> dict[str, str]:
    return await taken(CodeAssistProject(Pauses()), Google(service), **more)


@pytest.mark.parametrize("provider", ["gemini-cli", "antigravity"])
async def test_an_account_that_has_one_keeps_its_project(provider: str) -> None:
    google = Google(Service(project="p-1"))
    assert await taken(CodeAssistProject(Pauses()), google, provider) == {"project": "p-1", "plan": FREE["name"]}
    ((verb, body),) = google.asked
    assert verb == "loadCodeAssist"
    kind = "ANTIGRAVITY" if provider == "antigravity" else "IDE_UNSPECIFIED"
    assert body == {"metadata": {"ideType": kind, "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}}
    assert google.headers[0]["authorization"] == "Bearer access"
    assert "User-Agent" in google.headers[0]


async def test_a_paid_plan_is_called_by_its_name() -> None:
    def answer(verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        paid = {"id": "g1-pro-tier", "name": "Google AI Pro"}
        return 200, {"currentTier": FREE, "paidTier": paid, "cloudaicompanionProject": {"id": "p-2"}}

    assert await project(answer) == {"project": "p-2", "plan": "Google AI Pro"}


async def test_a_new_account_joins_and_waits_until_that_is_done() -> None:
    pauses, google = Pauses(), Google(Service(project=None, tier=None, looks=3))
    assert await taken(CodeAssistProject(pauses), google) == {"project": "project-brought", "plan": FREE["name"]}
    assert pauses.taken == [5.0, 5.0, 5.0]
    joining = [body for verb, body in google.asked if verb == "onboardUser"]
    assert len(joining) == 4
    assert all(body["tierId"] == "free-tier" and "cloudaicompanionProject" not in body for body in joining)


async def test_an_operation_that_never_ends_is_not_waited_for_forever() -> None:
    with pytest.raises(LoginRefused, match="few minutes") as caught:
        await project(Service(project=None, tier=None, looks=1000))
    assert not caught.value.final


async def test_an_operation_that_fails_says_why() -> None:
    def answer(verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        if verb == "loadCodeAssist":
            return 200, {"allowedTiers": [FREE]}
        return 200, {"done": True, "error": {"code": 9, "message": "the region is not served"}}

    with pytest.raises(LoginRefused, match="the region is not served"):
        await project(answer)


async def test_a_paid_tier_wants_a_project_of_ones_own() -> None:
    service = Service(project=None, tier=None, allowed=[STANDARD], looks=0, granted=None)
    with pytest.raises(LoginRefused, match="project=YOUR_PROJECT_ID") as caught:
        await project(service)
    assert caught.value.final
    google = Google(service)
    facts = await taken(CodeAssistProject(Pauses()), google, project="my-project")
    assert facts == {"project": "my-project", "plan": STANDARD["name"]}
    joined = google.asked[-1][1]
    assert joined["cloudaicompanionProject"] == "my-project"
    assert joined["metadata"]["duetProject"] == "my-project"


async def test_a_joined_account_without_a_project_uses_the_given_one() -> None:
    service = Service(project=None, tier=STANDARD)
    assert (await project(service, project="mine"))["project"] == "mine"
    with pytest.raises(LoginRefused, match="project=YOUR_PROJECT_ID"):
        await project(service)


@pytest.mark.parametrize("tier", [None, STANDARD], ids=["new", "joined"])
async def test_an_account_to_be_verified_is_sent_to_google(tier: Any) -> None:
    service = Service(project=None, tier=tier, allowed=[], ineligible=[NEEDS_VALIDATION])
    with pytest.raises(LoginRefused) as caught:
        await project(service)
    assert caught.value.final
    assert f"open {NEEDS_VALIDATION['validationUrl']}" in caught.value.reason
    assert "Verify your account" in caught.value.reason


async def test_nobody_is_sent_anywhere_but_to_google() -> None:
    elsewhere = {**NEEDS_VALIDATION, "validationUrl": "https://accounts.google.com.evil.test/x"}
    with pytest.raises(LoginRefused) as caught:
        await project(Service(project=None, tier=None, allowed=[], ineligible=[elsewhere]))
    assert "evil" not in caught.value.reason
    assert "verify it in your Google account" in caught.value.reason


async def test_a_verification_may_be_told_as_an_error() -> None:
    link = {"validation_link": "https://accounts.google.com/v", "validation_error_message": "Please verify."}

    def answer(verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        return refused(403, "Verify", "PERMISSION_DENIED", reason="VALIDATION_REQUIRED", metadata=link)

    with pytest.raises(LoginRefused, match=r"Please verify.*open https://accounts\.google\.com/v"):
        await project(answer)


@pytest.mark.parametrize(("status", "final"), [(401, True), (403, True), (429, False), (500, False), (503, False)])
async def test_a_refusal_is_final_unless_it_passes(status: int, final: bool) -> None:
    def answer(verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        return refused(status, "not now", "X")

    with pytest.raises(LoginRefused, match="not now") as caught:
        await project(answer)
    assert caught.value.final is final
    assert caught.value.retry_after == (7.0 if status == 429 else None)


async def test_a_renewal_asks_nothing_where_all_is_known() -> None:
    google = Google(Service())
    assert await taken(CodeAssistProject(Pauses()), google, fresh=False, project="p") == {"project": "p"}
    assert google.asked == []
    assert (await taken(CodeAssistProject(Pauses()), google, fresh=False))["project"] == "project-of-old"


@pytest.mark.parametrize("body", [{}, [], "x", {"allowedTiers": "no", "ineligibleTiers": [None, 1]}, {"currentTier": {"id": 1}}])
async def test_nonsense_is_a_refusal(body: Any) -> None:
    with pytest.raises(LoginRefused):
        await project(lambda verb, asked: (200, body))


async def test_who_signed_in() -> None:
    after = registry()["google_userinfo"]
    assert await taken(after, Google(Service())) == {"user_id": "7", "email": "a@b.c", "name": "A"}
    with pytest.raises(LoginRefused, match="who signed in") as caught:
        await taken(after, Google(Service(), (503, {})))
    assert not caught.value.final
    broken = Google(Service(), (503, {}))
    assert await taken(after, broken, fresh=False, user_id="7") == {"user_id": "7"}, "a renewal goes on with what was known"
    assert broken.headers == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "x", "free-tier", "https://accounts.google.com/v", "https://["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "cloudaicompanionProject currentTier allowedTiers ineligibleTiers paidTier id name isDefault reasonCode reasonMessage "
                "validationUrl done response error message details reason metadata validation_link".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(loaded=VALUES, joined=VALUES, status=st.sampled_from([200, 200, 200, 403, 500]))
def test_no_answer_makes_the_search_for_a_project_stumble(loaded: Any, joined: Any, status: int) -> None:
    def answer(verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        return status, joined if verb == "onboardUser" else loaded

    async def search() -> str:
        try:
            return (await project(answer))["project"]
        except LoginRefused as refusal:
            return refusal.reason

    assert asyncio.run(search())
