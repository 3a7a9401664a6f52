"""The official SDKs at the smaller services behind logins: tool loops, whole and streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from running.fixtures import Server, serving
from running.scenes import TOLD, results_of, use_tools
from running.sdks import Chat, Client, Gemini, Messages
from running.signed_in import sign_in
from upstream.smaller_vendors import ClineDouble, IflowDouble, KiloDouble, KimiDouble, QwenDouble
from upstream.vendors import VendorDouble

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "token-of-a-login"
DEVICE = {"machine_id": "machine-1", "device_name": "desk", "device_model": "Linux x86_64"}
FACTS = {"qwen": {}, "iflow": {}, "kilocode": {"organization_id": "org-1"}, "cline": {}, "kimi-coding": DEVICE}
MODELS = {
    "qw/qwen3-coder-plus": ("qwen", "oa"),
    "if/kimi-k2": ("iflow", "oa"),
    "kc/anthropic/claude-sonnet-4-20250514": ("kilocode", "oa"),
    "cl/anthropic/claude-sonnet-4-20250514": ("cline", "oa"),
    "kmc/kimi-k2.5": ("kimi-coding", "an"),
}
Doubles = dict[str, VendorDouble]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doubles() -> AsyncIterator[Doubles]:
    made: Doubles = {
        "qwen": QwenDouble(TOKEN),
        "iflow": IflowDouble(TOKEN),
        "kilocode": KiloDouble(TOKEN),
        "cline": ClineDouble(TOKEN),
        "kimi-coding": KimiDouble(TOKEN),
    }
    async with (
        made["qwen"].run(),
        made["iflow"].run(),
        made["kilocode"].run(),
        made["cline"].run(),
        made["kimi-coding"].run(),
    ):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, doubles: Doubles) -> AsyncIterator[Server]:
    config = "".join(f'[providers.{name}]\nbase_url = "{double.url}"\n' for name, double in doubles.items())
    async with serving(tmp_path_factory.mktemp("smaller") / "data", config) as running:
        for name, facts in FACTS.items():
            sign_in(running, name, TOKEN, **facts)
        yield running


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", [Chat, Messages, Gemini])
@pytest.mark.parametrize("model", MODELS)
async def test_a_tool_loop(server: Server, doubles: Doubles, client: type[Client], model: str, streaming: bool) -> None:
    name, dialect = MODELS[model]
    double = doubles[name]
    double.reset()
    double.refused.clear()
    await use_tools(client(server, model, streaming), double)
    assert double.refused == []
    assert results_of(double.last.json(), dialect) == TOLD


async def test_an_empty_list_of_tools_is_not_sent(server: Server, doubles: Doubles) -> None:
    qwen = doubles["qwen"]
    qwen.refused.clear()
    body = {"model": "qw/qwen3-coder-plus", "messages": [{"role": "user", "content": "Hi"}], "tools": []}
    answer = await server.http.post("/v1/chat/completions", json=body)
    assert (answer.status_code, qwen.refused) == (200, [])
