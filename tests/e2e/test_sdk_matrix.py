"""Every official SDK against every upstream dialect: plain, tools and their loop, thinking, structured output, images.

Answers are asked for whole and as a stream, except structured output and images, whose requests are what matters: those whole.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from running.fixtures import Server, nodes, serving
from running.scenes import TOLD, fill_in_a_form, look_at_an_image, results_of, use_tools
from running.sdks import CLIENTS, PIXEL, Client, Got
from upstream.script import Script, Text, Thinking, Usage
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
UPSTREAMS = ["oa/m", "an/m", "re/m", "ge/m", "ol/m"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream_of_all() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream().run() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, upstream_of_all: ScriptedUpstream) -> AsyncIterator[Server]:
    """One OmniRoute for all tests here: every conversation is its own, whoever talked before."""
    async with serving(tmp_path_factory.mktemp("matrix") / "data", nodes(upstream_of_all)) as running:
        yield running


@pytest.fixture
def scripted_upstream(upstream_of_all: ScriptedUpstream) -> ScriptedUpstream:
    upstream_of_all.reset()
    return upstream_of_all


each_pair = pytest.mark.parametrize(
    ("client", "model"),
    [pytest.param(client, model, id=f"{client.__name__}-{model[:2]}") for client in CLIENTS for model in UPSTREAMS],
)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@both_ways
@each_pair
async def test_plain_and_thinking(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    scripted_upstream.queue(
        Script(answer="Guten Tag, schöne Welt ☀", usage=Usage(input=100, output=25)),
        Script(answer=[Thinking("First, add. "), Text("4")], usage=Usage(input=130, output=9)),
    )
    talk = client(server, model, streaming)
    assert await talk.say("Hi") == Got("Guten Tag, schöne Welt ☀", "", [], (100, 25))
    thought = await talk.say("Two and two?", think=True)
    assert (thought.text, thought.thinking.strip(), thought.usage) == ("4", "First, add.", (130, 9))
    sent = json.dumps(scripted_upstream.last.json(), ensure_ascii=False)
    assert all(word in sent for word in ("Guten", "schöne", "☀")), "the first answer is part of the second request"
    assert "Two and two?" in sent


@both_ways
@each_pair
async def test_parallel_tools_and_their_loop(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str, streaming: bool
) -> None:
    await use_tools(client(server, model, streaming), scripted_upstream)
    assert results_of(scripted_upstream.last.json(), model[:2]) == TOLD


@each_pair
async def test_structured_output_and_images(
    server: Server, scripted_upstream: ScriptedUpstream, client: type[Client], model: str
) -> None:
    talk = client(server, model, False)
    await fill_in_a_form(talk, scripted_upstream)
    assert "capital_city" in json.dumps(scripted_upstream.last.json()), "the schema reaches the upstream"
    await look_at_an_image(talk, scripted_upstream)
    assert PIXEL in json.dumps(scripted_upstream.last.json()).translate({ord("-"): "+", ord("_"): "/"})  # Google's alphabet
