"""What CodeWhisperer says of a login: profile, region, plan; and a login that stands without any of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Provider
from omniroute.core.settings import Settings
from omniroute.upstream.executor import Executor
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.after.kiro_profile import AFTER
from omniroute.upstream.login.http import Answer

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/ABC"
USAGE = {
    "userInfo": {"email": "a@example.org", "userId": "d-1.u-2"},
    "subscriptionInfo": {"subscriptionTitle": "KIRO PRO", "type": "Q_DEVELOPER_STANDALONE_PRO"},
}


class Service:
    """Answers by operation, and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []

    async def post(self, url: str, headers: dict[str, str], *, body: Any) -> Answer:
        operation = headers["x-amz-target"].rpartition(".")[2]
        assert headers["authorization"] == "Bearer access"
        self.asked.append((url, operation, body))
        answer = self.answers.get(operation, Answer(403, {}, b'{"__type":"AccessDeniedException"}'))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, {}, json.dumps(answer).encode())


@pytest.fixture(scope="module")
def provider() -> Provider:
    (found,) = (one for one in load_catalogue().providers if one.oauth is not None and one.oauth.after == ("kiro_profile",))
    return found


async def facts_of(provider: Provider, service: Service, **facts: str) -> dict[str, str]:
    assert provider.oauth is not None
    step = Step(
        http=service,  # type: ignore[arg-type]
        provider=provider,
        oauth=provider.oauth,
        tokens=Tokens(access="access", facts=facts),
        client=None,
        now=0.0,
        fresh=True,
    )
    return (await AFTER(step)).facts


async def test_an_organisations_login_has_a_profile_somewhere(provider: Provider) -> None:
    service = Service(ListAvailableProfiles={"profiles": [{"arn": ARN, "profileName": "p"}]}, GetUsageLimits=USAGE)
    assert await facts_of(provider, service, region="us-east-1") == {
        "region": "us-east-1",
        "profile_arn": ARN,
        "api_region": "eu-central-1",
        "email": "a@example.org",
        "user_id": "d-1.u-2",
        "plan": "KIRO PRO",
    }
    (first, _, _), (second, _, asked) = service.asked
    assert (first, second) == ("https://q.us-east-1.amazonaws.com/", "https://q.eu-central-1.amazonaws.com/")
    assert asked["profileArn"] == ARN


async def test_a_profile_that_is_known_is_not_asked_for(provider: Provider) -> None:
    service = Service(GetUsageLimits={"subscriptionInfo": {"type": "FREE"}})
    facts = await facts_of(provider, service, profile_arn=ARN)
    assert (facts["profile_arn"], facts["api_region"], facts["plan"]) == (ARN, "eu-central-1", "FREE")
    assert [operation for _, operation, _ in service.asked] == ["GetUsageLimits"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"ListAvailableProfiles": {"profiles": []}, "GetUsageLimits": {"userInfo": None, "subscriptionInfo": []}},
        {"ListAvailableProfiles": {"profiles": ["odd"]}, "GetUsageLimits": Answer(200, {}, b"no json")},
        {"ListAvailableProfiles": LoginRefused("down", final=False), "GetUsageLimits": LoginRefused("down", final=False)},
    ],
)
async def test_a_personal_login_needs_nothing_of_it(provider: Provider, answers: dict[str, Any]) -> None:
    service = Service(**answers)
    assert await facts_of(provider, service, email="known@example.org") == {"email": "known@example.org"}
    assert all("profileArn" not in body for _, _, body in service.asked)


def test_the_profile_is_part_of_each_request_where_it_is_known(provider: Provider) -> None:
    assert provider.auth.body == {"profileArn": "profile_arn"}


def test_a_call_of_such_a_login(provider: Provider) -> None:
    class Words:
        def word(self, name: str) -> str | None:
            return {"request_uuid": "0c7b2b1c-0000-4000-8000-000000000000"}.get(name)

    login = Login(facts={"profile_arn": ARN, "api_region": "eu-central-1", "region": "us-east-1"})
    account = Account(id="a", provider=provider.id, name="n", secret=Secret("access"), login=login)
    call = Executor({}).prepare(
        provider, account, b'{"conversationState":{}}', Settings.load(), model="m", stream=True, request_id="r", asked=Words()
    )
    assert call.url == "https://q.eu-central-1.amazonaws.com/generateAssistantResponse"
    assert json.loads(call.body) == {"conversationState": {}, "profileArn": ARN}
    said = dict(call.headers)
    assert said["authorization"] == "Bearer access"
    assert said["amz-sdk-invocation-id"] == "0c7b2b1c-0000-4000-8000-000000000000"
    personal = Account(id="b", provider=provider.id, name="n", secret=Secret("access"), login=Login())
    call = Executor({}).prepare(
        provider, personal, b'{"conversationState":{}}', Settings.load(), model="m", stream=True, request_id="r"
    )
    assert (call.url, call.body) == ("https://q.us-east-1.amazonaws.com/generateAssistantResponse", b'{"conversationState":{}}')
