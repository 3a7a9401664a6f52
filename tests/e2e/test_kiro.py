"""CodeWhisperer behind every official SDK: plain, tools and their loop, images, counts told and estimated, errors in the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from running.scenes import break_off, fill_in_a_form, look_at_an_image, lose_the_connection, use_tools
from running.sdks import CLIENTS, PIXEL, Client, Got
from upstream.kiro_dialect import Kiro, complaints, event, exception
from upstream.script import Fault, Script, Text, Thinking, Usage
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODEL = "kr/claude-sonnet-4.5"
each_client = pytest.mark.parametrize("client", CLIENTS)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream().run() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, service: ScriptedUpstream) -> AsyncIterator[Server]:
    config = f'[providers.kiro]\nbase_url = "{service.url}"\napi_key = "token-of-a-login"\nresilience = false\n'
    async with serving(tmp_path_factory.mktemp("kiro") / "data", config) as running:
        yield running


@pytest.fixture
def upstream(service: ScriptedUpstream) -> ScriptedUpstream:
    service.reset()
    service.tells_counts = True
    return service


def accepted(upstream: ScriptedUpstream) -> dict[str, object]:
    """The conversation of the last request, which the service would take."""
    body = upstream.last.json()
    assert complaints(body) == []
    found: dict[str, object] = body["conversationState"]
    return found


@both_ways
@each_client
async def test_plain_and_thinking(server: Server, upstream: ScriptedUpstream, client: type[Client], streaming: bool) -> None:
    upstream.queue(
        Script(answer="Guten Tag, schöne Welt ☀", usage=Usage(input=100, output=25, cached=40)),
        Script(answer=[Thinking("First, add. "), Text("4")], usage=Usage(input=130, output=9)),
    )
    talk = client(server, MODEL, streaming)
    assert await talk.say("Hi") == Got("Guten Tag, schöne Welt ☀", "", [], (100, 25))
    thought = await talk.say("Two and two?", think=True)
    assert (thought.text, thought.thinking.strip(), thought.usage) == ("4", "First, add.", (130, 9))
    state = accepted(upstream)
    assert [next(iter(entry)) for entry in state["history"]] == ["userInputMessage", "assistantResponseMessage"]  # type: ignore[attr-defined]


@both_ways
@each_client
async def test_parallel_tools_and_their_loop(
    server: Server, upstream: ScriptedUpstream, client: type[Client], streaming: bool
) -> None:
    await use_tools(client(server, MODEL, streaming), upstream)
    accepted(upstream)
    state = upstream.last.json()["conversationState"]
    uses = state["history"][1]["assistantResponseMessage"]["toolUses"]
    context = state["currentMessage"]["userInputMessage"]["userInputMessageContext"]
    told = {result["toolUseId"]: result["content"][0]["text"] for result in context["toolResults"]}
    assert [(use["input"]["city"], told[use["toolUseId"]][:2]) for use in uses] == [("Köln", "21"), ("Bonn", "22")]
    assert [tool["toolSpecification"]["name"] for tool in context["tools"]] == ["get_weather"]


@each_client
async def test_structured_output_and_images(server: Server, upstream: ScriptedUpstream, client: type[Client]) -> None:
    talk = client(server, MODEL, False)
    await fill_in_a_form(talk, upstream)
    assert b"capital_city" in upstream.last.body, "the schema reaches the upstream"
    await look_at_an_image(talk, upstream)
    accepted(upstream)
    current = upstream.last.json()["conversationState"]["currentMessage"]["userInputMessage"]
    assert [image["format"] for image in current["images"]] == ["png"]
    assert current["images"][0]["source"]["bytes"].translate({ord("-"): "+", ord("_"): "/"}) == PIXEL


async def test_the_call(server: Server, upstream: ScriptedUpstream) -> None:
    await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    sent = upstream.last
    assert sent.path == "/generateAssistantResponse"
    assert sent.header("authorization") == "Bearer token-of-a-login"
    assert sent.header("accept") == "application/vnd.amazon.eventstream"
    assert sent.header("x-amz-target") == "AmazonCodeWhispererStreamingService.GenerateAssistantResponse"
    assert len(sent.header("amz-sdk-invocation-id") or "") == 36


@both_ways
async def test_counts_that_nobody_told_are_estimates(server: Server, upstream: ScriptedUpstream, streaming: bool) -> None:
    """3.25 per cent of a window of 200,000 tokens, and about four bytes a token."""
    upstream.tells_counts = False
    upstream.queue(Script(answer="x" * 400))
    got = await CLIENTS[0](server, MODEL, streaming).say("Hi")
    assert got.usage == (6500, 100)
    row = (await server.usage())[-1]
    assert (row.input_tokens, row.output_tokens, row.estimated) == (6500, 100, True)


@both_ways
@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (exception("ThrottlingException", "Slow down."), 429, "rate_limit_exceeded"),
        (exception("ThrottlingException", "Enough.", "MONTHLY_REQUEST_COUNT"), 429, "insufficient_quota"),
        (
            exception("ValidationException", "Input is too long.", "CONTENT_LENGTH_EXCEEDS_THRESHOLD"),
            400,
            "context_length_exceeded",
        ),
        (exception("ValidationException", "No such model.", "INVALID_MODEL_ID"), 404, "model_not_found"),
        (exception("AccessDeniedException", "Suspended.", "TEMPORARILY_SUSPENDED"), 403, "permission_denied"),
        (exception("InternalServerException", "Oops.", "INSUFFICIENT_MODEL_CAPACITY"), 503, "service_unavailable"),
        (event("assistantResponseEvent", {"content": "Hi"})[:-1] + b"!", 502, "upstream_bad_answer"),
        (b"", 502, "empty_response"),
    ],
    ids=["throttled", "month", "long", "model", "suspended", "capacity", "damaged", "nothing"],
)
async def test_an_exception_in_the_stream_is_an_error_with_a_status(
    server: Server, upstream: ScriptedUpstream, said: bytes, status: int, code: str, streaming: bool
) -> None:
    upstream.queue(Script(body=said, content_type="application/vnd.amazon.eventstream"))
    with pytest.raises(openai.APIStatusError) as raised:
        await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=streaming)
    assert raised.value.status_code == status
    if status != 502:
        assert raised.value.code == code


async def test_an_answer_that_breaks_off_is_no_answer(server: Server, upstream: ScriptedUpstream) -> None:
    """What was said stands, the error follows; whole answers are not given at all."""
    said = event("assistantResponseEvent", {"content": "Half an"})
    for rest in (exception("InternalServerException", "Oops."), said[:30], said[:-1] + b"!"):
        broken = Script(body=said + rest, content_type="application/vnd.amazon.eventstream")
        await break_off(server, upstream, MODEL, broken)


@pytest.mark.parametrize("fault", [Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.RESET_MID_STREAM])
async def test_a_connection_that_breaks_is_an_error(server: Server, upstream: ScriptedUpstream, fault: Fault) -> None:
    broken = Script(answer="Some words that never come.", fault=fault, fault_after=3)
    await lose_the_connection(server, upstream, MODEL, broken)


async def test_refusals_before_the_stream(server: Server, upstream: ScriptedUpstream) -> None:
    upstream.queue(
        Script(status=400, message="Improperly formed request."),
        Script(status=403, message="The bearer token included in the request is invalid."),
    )
    with pytest.raises(openai.BadRequestError):
        await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.APIStatusError) as raised:
        await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert raised.value.status_code in (401, 403)


async def test_slow_bytes_are_the_same_answer(server: Server, upstream: ScriptedUpstream) -> None:
    upstream.queue(Script(answer=[Text("Drip "), Text("drop ☀")], fault=Fault.SLOW_DRIP))
    got = await CLIENTS[2](server, MODEL, True).say("Hi")
    assert got.text == "Drip drop ☀"


async def test_the_double_keeps_its_own_rules() -> None:
    assert complaints({"conversationState": {}, "messages": []}) == [
        "unknown top-level fields ['messages']",
        "no trigger or conversation id",
        "the current message is not the user's",
    ]
    assert Kiro().error(Script(status=429, message="m", code="R")) == {
        "__type": "ThrottlingException",
        "message": "m",
        "reason": "R",
    }
