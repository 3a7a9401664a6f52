"""Gemini CLI's and Antigravity's service behind the official SDKs, after a sign-in: tool loops, projects, errors, quotas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import openai
import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from running.scenes import TOLD, fill_in_a_form, look_at_an_image, results_of, use_tools
from running.sdks import Chat, Client, Gemini, Got, Messages
from upstream.authority import Authority
from upstream.code_assist import FREE, NEEDS_VALIDATION, STANDARD, Service, refused
from upstream.gemini_dialect import CALL_SIGNATURE
from upstream.script import Script, Text, Thinking, Usage
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODELS = {
    "gemini-cli": ("gc/gemini-2.5-pro", "gc/gemini-3-flash"),
    "antigravity": ("ag/gemini-3-pro-high", "ag/claude-sonnet-4-5-thinking"),
}
ALL = [model for models in MODELS.values() for model in models]
each_model = pytest.mark.parametrize("model", ALL)
each_client = pytest.mark.parametrize("client", [Chat, Messages, Gemini])
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream().run() as upstream:
        yield upstream


class World:
    """A server with an account at each of the providers, signed in at doubles of Google's authorization server."""

    def __init__(self, server: Server, service: ScriptedUpstream, doubles: dict[str, Authority]) -> None:
        self.server = server
        self.service = service
        self.doubles = doubles
        self.accounts: dict[str, str] = {}

    async def sign_in(self, provider: str) -> str:
        """The account's id. Who was signed in before is signed in anew."""
        logins = self.server.app.sign_ins.logins
        if provider == "antigravity":
            await logins.acknowledge(provider)
        granted = self.doubles[provider].seed()
        fields = {"access": granted["access_token"], "refresh": granted["refresh_token"]}
        self.accounts[provider] = await logins.import_tokens(provider, fields)
        return self.accounts[provider]

    def account(self, provider: str) -> Any:
        found = self.server.app.installation.account(self.accounts[provider])
        assert found is not None
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, service: ScriptedUpstream) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        doubles = {name: stack.enter_context(Authority(name).run()) for name in MODELS}
        environ = {key: value for double in doubles.values() for key, value in double.environ.items()}
        config = "".join(f'[providers.{name}]\nbase_url = "{service.url}"\n' for name in MODELS)
        server = await stack.enter_async_context(serving(tmp_path_factory.mktemp("ca") / "data", config, **environ))
        made = World(server, service, doubles)
        for name in MODELS:
            await made.sign_in(name)
        yield made


@pytest.fixture
def upstream(world: World) -> ScriptedUpstream:
    world.service.reset()
    world.service.code_assist = Service()
    world.server.app.health.unlock(None)
    return world.service


def inner_of(upstream: ScriptedUpstream) -> dict[str, Any]:
    """The Gemini request inside of the last envelope."""
    body = upstream.last.json()
    assert body["project"] == "project-of-old"
    found: dict[str, Any] = body["request"]
    return found


@both_ways
@each_model
@each_client
async def test_a_conversation_with_thinking(
    world: World, upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    upstream.queue(
        Script(answer="Guten Tag, schöne Welt ☀", usage=Usage(input=100, output=25)),
        Script(answer=[Thinking("First, add. "), Text("4")], usage=Usage(input=130, output=9)),
    )
    talk = client(world.server, model, streaming)
    assert await talk.say("Hi") == Got("Guten Tag, schöne Welt ☀", "", [], (100, 25))
    first = upstream.last
    thought = await talk.say("Two and two?", think=True)
    assert (thought.text, thought.thinking.strip(), thought.usage) == ("4", "First, add.", (130, 9))
    assert first.path == f"/v1internal:{'streamGenerateContent' if streaming else 'generateContent'}"
    assert first.query == ("alt=sse" if streaming else "")
    assert first.json()["model"] == {"gc/gemini-3-flash": "gemini-3-flash-preview"}.get(model, model.partition("/")[2])
    assert first.header("authorization") == f"Bearer {world.account(first_provider(model)).secret.reveal()}"
    contents = inner_of(upstream)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert "".join(part["text"] for part in contents[1]["parts"]) == "Guten Tag, schöne Welt ☀"
    session = {key: value for key, value in upstream.last.json()["request"].items() if key in ("session_id", "sessionId")}
    assert session == {key: first.json()["request"][key] for key in session} != {}


def first_provider(model: str) -> str:
    return next(name for name, models in MODELS.items() if model in models)


@both_ways
@each_model
@each_client
async def test_parallel_tools_and_their_loop(
    world: World, upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    await use_tools(client(world.server, model, streaming), upstream)
    inner = inner_of(upstream)
    assert results_of(inner, "ge") == TOLD
    calls = [part for content in inner["contents"] for part in content["parts"] if "functionCall" in part]
    assert calls[0]["thoughtSignature"] == CALL_SIGNATURE, "the model gets its own signature back"
    declared = inner["tools"][0]["functionDeclarations"][0]
    assert ("parameters" in declared) == model.startswith("ag/"), "only Gemini CLI's service takes any schema"
    mode = inner.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode")
    assert (mode == "VALIDATED") == ("claude" in model)


@each_model
@each_client
async def test_structured_output_and_images(world: World, upstream: ScriptedUpstream, client: type[Client], model: str) -> None:
    talk = client(world.server, model, False)
    await fill_in_a_form(talk, upstream)
    config = inner_of(upstream)["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    schema = config["responseSchema" if model.startswith("ag/") else "responseJsonSchema"]
    assert schema["properties"].keys() == {"capital_city", "inhabitants"}
    assert schema["type"] == ("OBJECT" if model.startswith("ag/") else "object")
    await look_at_an_image(talk, upstream)
    images = [
        part["inlineData"] for content in inner_of(upstream)["contents"] for part in content["parts"] if "inlineData" in part
    ]
    assert [image["mimeType"] for image in images] == ["image/png"]


@pytest.mark.parametrize("provider", MODELS)
async def test_the_login_brings_the_project(world: World, provider: str) -> None:
    facts = world.account(provider).login.facts
    assert facts["project"] == "project-of-old"
    assert facts["plan"] == FREE["name"]
    assert facts["email"] == "ada@example.com"


@pytest.mark.parametrize("provider", MODELS)
async def test_a_refused_token_is_renewed_once(world: World, upstream: ScriptedUpstream, provider: str) -> None:
    double = world.doubles[provider]
    before = double.counts.get("renewal", 0)
    told = "Request had invalid authentication credentials."
    upstream.queue(Script(status=401, message=told, error_type="UNAUTHENTICATED"), Script(answer="Signed anew."))
    assert (await Chat(world.server, MODELS[provider][0], True).say("Hi")).text == "Signed anew."
    assert double.counts["renewal"] == before + 1
    first, second = (request.header("authorization") for request in upstream.requests)
    assert first != second
    assert upstream.last.json()["project"] == "project-of-old", "a renewal keeps the project"
    assert upstream.code_assist.asked == [], "and asks for none"


@pytest.mark.parametrize("provider", MODELS)
async def test_the_connection_test_of_an_account(world: World, upstream: ScriptedUpstream, provider: str) -> None:
    result = await world.server.app.services.test_account(world.accounts[provider])
    assert (result.ok, result.status) == (True, 200)
    assert inner_of(upstream)["contents"]
    upstream.queue(Script(body=refused(403, "Caller does not have permission", "PERMISSION_DENIED")[1], status=403))
    result = await world.server.app.services.test_account(world.accounts[provider])
    assert (result.ok, result.status) == (False, 403)


@both_ways
@pytest.mark.parametrize("model", ["gc/gemini-2.5-pro", "ag/gemini-3-pro-high"])
@pytest.mark.parametrize(
    ("answer", "status", "reason", "scope"),
    [
        (
            refused(429, "You have exhausted your capacity on this model.", "RESOURCE_EXHAUSTED", reason="QUOTA_EXHAUSTED",
                    metadata={"quotaResetDelay": "7643.5s", "model": "m"}),
            429, "quota_exhausted", "model",
        ),
        (
            refused(429, "No capacity available for model m", "RESOURCE_EXHAUSTED", reason="MODEL_CAPACITY_EXHAUSTED"),
            503, "overloaded", None,
        ),
        (
            refused(403, "Verify your account to continue.", "PERMISSION_DENIED", reason="VALIDATION_REQUIRED"),
            403, "account_action_needed", "account",
        ),
    ],
    ids=["pool used up", "no capacity", "validation"],
)  # fmt: skip
async def test_errors_of_the_service(
    world: World,
    upstream: ScriptedUpstream,
    model: str,
    answer: tuple[int, dict[str, Any]],
    status: int,
    reason: str,
    scope: str | None,
    streaming: bool,
) -> None:
    upstream.queue(Script(status=answer[0], body=answer[1]))
    with pytest.raises(openai.APIStatusError) as caught:
        await Chat(world.server, model, streaming).say("Hi")
    assert caught.value.status_code == status
    state = world.server.app.health.describe(world.server.app.installation.clock.now())["accounts"]
    known = state.get(world.accounts[first_provider(model)], {"lock": None, "models": {}})
    if scope == "model":
        (lock,) = known["models"].values()
        assert lock["reason"] == reason
        assert 7000 < lock["until"] - world.server.app.installation.clock.now() < 9000, "as long as the service said"
        assert known["lock"] is None, "other models of the account go on"
    elif scope == "account":
        assert known["lock"]["reason"] == reason
    else:
        assert known["lock"] is None


async def test_an_error_in_a_stream_stands_beside_the_envelope(world: World, upstream: ScriptedUpstream) -> None:
    error = json.dumps({"error": {"code": 503, "message": "The service is unavailable.", "status": "UNAVAILABLE"}})
    upstream.queue(Script(body=f"data: {error}\r\n\r\n", content_type="text/event-stream"))
    with pytest.raises(openai.APIStatusError) as caught:
        await Chat(world.server, "gc/gemini-2.5-pro", True).say("Hi")
    assert caught.value.status_code == 503
    assert "unavailable" in caught.value.message


@pytest.mark.parametrize("model", ["gc/gemini-2.5-pro", "ag/gemini-3-pro-high"])
async def test_several_choices_are_several_calls(world: World, upstream: ScriptedUpstream, model: str) -> None:
    upstream.queue(Script(answer="one"), Script(answer="two"))
    done = await world.server.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], n=2)
    assert sorted(choice.message.content or "" for choice in done.choices) == ["one", "two"]
    assert len(upstream.requests) == 2
    assert all("candidateCount" not in request.json()["request"].get("generationConfig", {}) for request in upstream.requests)


async def test_what_becomes_of_a_request_can_be_explained(world: World, upstream: ScriptedUpstream) -> None:
    body = {"model": "ag/claude-sonnet-4-5-thinking", "messages": [{"role": "user", "content": "Hi"}], "logit_bias": {"1": 1}}
    told = world.server.app.services.explain("openai_chat", body, None)
    assert told["upstream_format"] == "code_assist"
    assert told["body"]["request"]["contents"][0]["parts"] == [{"text": "Hi"}]
    assert "/logit_bias" in {op["pointer"] for op in told["operations"]}
    assert upstream.requests == []


async def test_their_models_are_listed(world: World) -> None:
    listed = {model.id async for model in await world.server.openai().models.list()}
    assert set(ALL) <= listed


async def test_tokens_are_counted_although_the_service_is_not_asked(world: World, upstream: ScriptedUpstream) -> None:
    counted = await world.server.gemini().aio.models.count_tokens(model="gc/gemini-2.5-pro", contents="How many?")
    assert counted.total_tokens
    assert upstream.requests == []


# -- accounts ---------------------------------------------------------------------------------------------------------


async def test_a_new_account_joins_the_free_tier_without_a_project(world: World, upstream: ScriptedUpstream) -> None:
    upstream.code_assist = Service(project=None, tier=None, looks=0)
    await world.sign_in("gemini-cli")
    assert world.account("gemini-cli").login.facts["project"] == "project-brought"
    (joined,) = [body for verb, body in upstream.code_assist.asked if verb == "onboardUser"]
    assert joined == {"tierId": "free-tier", "metadata": joined["metadata"]}
    upstream.code_assist = Service()
    await world.sign_in("gemini-cli")


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (Service(project=None, tier=None, allowed=[], ineligible=[NEEDS_VALIDATION]), NEEDS_VALIDATION["validationUrl"]),
        (Service(project=None, tier=None, allowed=[STANDARD]), "project=YOUR_PROJECT_ID"),
        (
            Service(project=None, tier=None, allowed=[], ineligible=[{"reasonMessage": "Not in your country."}]),
            "Not in your country.",
        ),
    ],
    ids=["validation", "project", "country"],
)
async def test_an_account_that_is_not_taken_says_what_to_do(
    world: World, upstream: ScriptedUpstream, account: Service, words: str
) -> None:
    upstream.code_assist = account
    with pytest.raises(Exception, match="Gemini CLI") as caught:
        await world.sign_in("gemini-cli")
    assert words in str(caught.value)


# -- quotas -----------------------------------------------------------------------------------------------------------


async def quota(world: World, provider: str) -> dict[str, Any]:
    services = world.server.app.services
    headers = {"authorization": f"Bearer {services.admin_token}"}
    answer = await world.server.http.post("/api/quotas/refresh", json={"account_id": world.accounts[provider]}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_pool_is_also_that_of_an_alias(world: World, upstream: ScriptedUpstream) -> None:
    account_id = await world.sign_in("gemini-cli")
    world.server.app.sign_ins.quotas._subjects.pop(account_id, None)
    upstream.code_assist = Service(models={"gemini-3-flash-preview": None})
    told = await quota(world, "gemini-cli")
    exhausted = {window["model"] for window in told["windows"] if window["state"] == "exhausted"}
    assert exhausted == {"gemini-3-flash-preview", "gemini-3-flash"}
    world.server.app.sign_ins.quotas._subjects.pop(account_id, None)


@pytest.mark.parametrize(
    ("provider", "name", "verb"),
    [("gemini-cli", "daily", "retrieveUserQuota"), ("antigravity", "pool", "fetchAvailableModels")],
)
async def test_what_is_left_of_each_model(world: World, upstream: ScriptedUpstream, provider: str, name: str, verb: str) -> None:
    model = MODELS[provider][0].partition("/")[2]
    upstream.code_assist = Service(models={model: None, "gemini-2.5-flash": 0.75})
    told = await quota(world, provider)
    assert upstream.code_assist.asked == [(verb, {"project": "project-of-old"})]
    windows = {window["model"]: window for window in told["windows"] if window["source"] == "endpoint"}
    assert windows[model]["state"] == "exhausted"
    assert (windows["gemini-2.5-flash"]["name"], windows["gemini-2.5-flash"]["used"]) == (name, 0.25)
    assert windows["gemini-2.5-flash"]["age"] < 60
    assert told["question"]["problem"] is None
    with pytest.raises(openai.APIStatusError) as caught:
        await Chat(world.server, MODELS[provider][0], False).say("Hi")
    assert caught.value.status_code == 429, "nothing is left of that model, so that it is not even asked"
    assert upstream.requests == []
    prefix = MODELS[provider][0].partition("/")[0]
    assert (await Chat(world.server, f"{prefix}/gemini-2.5-flash", False).say("Hi")).text == "Hello from upstream."
    again = await world.server.http.post(
        "/api/quotas/refresh",
        json={"account_id": world.accounts[provider]},
        headers={"authorization": f"Bearer {world.server.app.services.admin_token}"},
    )
    assert again.status_code == 429
    assert 0 < int(again.headers["retry-after"]) <= 30
