"""Cursor's chat behind every official SDK: plain, tools and their loop, images, errors in the trailer, and HTTP/2 below."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from running.scenes import break_off, fill_in_a_form, look_at_an_image, lose_the_connection, use_tools
from running.sdks import CLIENTS, Client
from upstream.cursor_dialect import Asked, Cursor, asked, called, complaints, envelope, failure, said, trailer
from upstream.h2_server import Http2Service
from upstream.script import Fault, Script, Text, Thinking

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODEL = "cu/claude-4.5-sonnet"
each_client = pytest.mark.parametrize("client", CLIENTS)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[Http2Service]:
    async with Http2Service().run() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, service: Http2Service) -> AsyncIterator[Server]:
    config = f'[providers.cursor]\nbase_url = "{service.url}"\napi_key = "user_1%3A%3Atoken-of-a-login"\nresilience = false\n'
    async with serving(tmp_path_factory.mktemp("cursor") / "data", config) as running:
        yield running


@pytest.fixture
def upstream(service: Http2Service) -> Http2Service:
    service.reset()
    return service


def accepted(upstream: Http2Service) -> Asked:
    """The last request, which the service would take."""
    assert complaints(upstream.last.body) == []
    return asked(upstream.last.body)


@both_ways
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "zipped"])
@each_client
async def test_plain_and_thinking(
    server: Server, upstream: Http2Service, client: type[Client], streaming: bool, zipped: bool
) -> None:
    upstream.dialect = Cursor(zipped=zipped)
    upstream.queue(Script(answer="Guten Tag, schöne Welt ☀ " + "x" * 375), Script(answer=[Thinking("First, add. "), Text("4")]))
    talk = client(server, MODEL, streaming)
    first = await talk.say("Hi")
    assert (first.text[:24], first.thinking, first.calls) == ("Guten Tag, schöne Welt ☀", "", [])
    assert first.usage[1] == 101, "nobody counts: about four bytes a token"
    assert first.usage[0]
    thought = await talk.say("Two and two?", think=True)
    assert (thought.text, thought.thinking.strip()) == ("4", "First, add.")
    request = accepted(upstream)
    assert [turn.side for turn in request.turns] == [1, 2, 1]
    assert request.turns[2].text == "Two and two?"
    assert request.model == "claude-4.5-sonnet"
    row = (await server.usage())[-1]
    assert (row.estimated, row.output_tokens > 0, row.input_tokens > 0) == (True, True, True)


@both_ways
@pytest.mark.parametrize("nested", [True, False], ids=["parameters", "raw"])
@each_client
async def test_parallel_tools_and_their_loop(
    server: Server, upstream: Http2Service, client: type[Client], streaming: bool, nested: bool
) -> None:
    upstream.dialect = Cursor(nested=nested)
    await use_tools(client(server, MODEL, streaming), upstream)
    request = accepted(upstream)
    assert [turn.side for turn in request.turns] == [1, 2]
    assert [(name, arguments, told) for _, name, arguments, told, _ in request.turns[1].results] == [
        ("get_weather", '{"city":"Köln"}', "21 degrees"),
        ("get_weather", '{"city":"Bonn"}', "22 degrees"),
    ]
    assert [(name, description) for name, description, _ in request.tools] == [("get_weather", "Weather")]


@each_client
async def test_structured_output_and_images(server: Server, upstream: Http2Service, client: type[Client]) -> None:
    talk = client(server, MODEL, False)
    await fill_in_a_form(talk, upstream)
    assert "capital_city" in accepted(upstream).system, "the schema reaches the upstream"
    await look_at_an_image(talk, upstream)
    assert [image[:4] for image in accepted(upstream).turns[-1].images] == [b"\x89PNG"]


async def test_the_call(server: Server, upstream: Http2Service) -> None:
    await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    sent = upstream.last
    assert (sent.header(":method"), sent.path) == ("POST", "/aiserver.v1.ChatService/StreamUnifiedChatWithTools")
    assert sent.header("authorization") == "Bearer token-of-a-login"
    assert sent.header("content-type") == "application/connect+proto"
    assert (sent.header("connect-protocol-version"), sent.header("connect-accept-encoding")) == ("1", "gzip")
    assert re.fullmatch(r"[\w-]{8}[0-9a-f]{64}", sent.header("x-cursor-checksum") or "")
    assert re.fullmatch(r"Root=[0-9a-f-]{36}", sent.header("x-amzn-trace-id") or "")
    assert re.fullmatch(r"[0-9a-f-]{36}", sent.header("x-request-id") or "")


@both_ways
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (trailer(failure("resource_exhausted", word="ERROR_RATE_LIMITED", title="Usage limit")), 429, "insufficient_quota"),
        (trailer(failure("unauthenticated", word="ERROR_NOT_LOGGED_IN"), zipped=True), 401, "invalid_api_key"),
        (trailer(failure("permission_denied")), 403, "permission_denied"),
        (trailer(failure("not_found", word="ERROR_BAD_MODEL_NAME")), 404, "model_not_found"),
        (trailer(failure("unavailable")), 503, "service_unavailable"),
        (envelope(b'{"error":{"code":"internal","message":"Oops"}}'), 500, None),
        (envelope(b"\xff\xff"), 502, None),
        (envelope(b"no gzip", 1), 502, None),
        (envelope(gzip.compress(bytes(80 * 1024 * 1024)), 1), 502, None),
        (b"\x00\xff\xff\xff\xff", 502, None),
        (said("Hi")[:-1], 502, None),
        (b"", 502, None),
    ],
    ids=["limit", "login", "plan", "model", "down", "json", "no message", "no gzip", "bomb", "huge", "cut", "nothing"],
)
async def test_what_is_no_answer_is_an_error_with_a_status(
    server: Server, upstream: Http2Service, answer: bytes, status: int, code: str | None, streaming: bool
) -> None:
    upstream.queue(Script(body=answer))
    with pytest.raises(openai.APIStatusError) as raised:
        await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=streaming)
    assert raised.value.status_code == status
    if code is not None:
        assert raised.value.code == code


async def test_an_answer_that_breaks_off_is_no_answer(server: Server, upstream: Http2Service) -> None:
    """What was said stands, the error follows; whole answers are not given at all."""
    for rest in (trailer(failure("internal")), said("x")[:3], b"", envelope(b"\xff"), called("t1", "f", '{"a":')):
        await break_off(server, upstream, MODEL, Script(body=said("Half an") + rest))


@pytest.mark.parametrize("fault", [Fault.RESET_MID_STREAM, Fault.CUT_BETWEEN_EVENTS, Fault.RESET_BEFORE_HEADERS])
async def test_a_stream_that_is_reset_is_an_error(server: Server, upstream: Http2Service, fault: Fault) -> None:
    broken = Script(answer="Some words that never come.", fault=fault, fault_after=3)
    await lose_the_connection(server, upstream, MODEL, broken)


async def test_refusals_before_the_stream(server: Server, upstream: Http2Service) -> None:
    upstream.queue(Script(status=401, message="Not logged in"), Script(status=503, message="Down"))
    for status in (401, 503):
        with pytest.raises(openai.APIStatusError) as raised:
            await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
        assert raised.value.status_code == status


async def test_a_client_that_leaves_cancels_the_stream(server: Server, upstream: Http2Service) -> None:
    upstream.queue(Script(answer="One two three", fault=Fault.STALL_MID_STREAM, fault_after=3))
    stream = await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True)
    await anext(aiter(stream))
    await stream.close()
    heard = await upstream.heard(1)
    await heard.cancelled.wait()


async def test_slow_bytes_are_the_same_answer(server: Server, upstream: Http2Service) -> None:
    upstream.queue(Script(answer=[Text("Drip "), Text("drop ☀")], fault=Fault.SLOW_DRIP))
    got = await CLIENTS[2](server, MODEL, True).say("Hi")
    assert got.text == "Drip drop ☀"


async def test_connections_are_kept(server: Server, upstream: Http2Service) -> None:
    for _ in range(3):
        await server.openai().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert len({heard.connection for heard in upstream.requests}) == 1
