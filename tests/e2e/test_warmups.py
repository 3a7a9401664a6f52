"""What agents ask beside their work is answered here, where the operator wants it; everything else is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from running.fixtures import Start, nodes
from upstream.server import ScriptedUpstream

TITLE = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": False}
HI = [{"role": "user", "content": "Please fix the failing test in the parser module today"}]


async def started(start: Start, upstream: ScriptedUpstream, on: bool = True) -> Any:
    return await start(nodes(upstream), OMNIROUTE_LOCAL_WARMUPS="true" if on else "false")


async def test_a_session_title_costs_nothing(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await started(start, scripted_upstream)
    reminder = {"type": "text", "text": "<system-reminder>Lots of context.</system-reminder>"}
    content = [reminder, {"type": "text", "text": HI[0]["content"]}]
    async with server.anthropic().messages.stream(
        model="an/m",
        max_tokens=128000,
        messages=[{"role": "user", "content": content}],
        extra_body={"output_config": {"format": {"type": "json_schema", "schema": TITLE}}},
    ) as stream:
        done = await stream.get_final_message()
        assert stream.response.headers["x-omniroute-local"] == "title"
    assert done.content[0].text == '{"title":"Please fix the failing test in"}'
    assert done.stop_reason == "end_turn"
    assert scripted_upstream.requests == []
    (row,) = await server.usage()
    assert (row.provider, row.decision, row.outcome, row.account_id) == ("omniroute", "answered here: title", "ok", None)
    assert (row.input_tokens, row.output_tokens) == (0, 0)


async def test_titles_in_words_and_probes(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await started(start, scripted_upstream)
    api = server.openai().chat.completions
    system = {"role": "system", "content": "You are a title generator."}
    titled = await api.create(model="oa/m", messages=[system, {"role": "user", "content": "Generate:"}, *HI])
    assert titled.choices[0].message.content == "Generate:"
    probe = await server.http.post(
        "/v1/messages", json={"model": "an/m", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    )
    assert probe.headers["x-omniroute-local"] == "quota"
    assert probe.json()["content"] == [{"type": "text", "text": "OK"}]
    assert scripted_upstream.requests == []


async def test_tokens_are_counted_here(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await started(start, scripted_upstream)
    counted = await server.http.post("/v1/messages/count_tokens", json={"model": "an/m", "messages": HI})
    assert counted.headers["x-omniroute-local"] == "count_tokens"
    assert counted.json()["input_tokens"] > 5
    assert scripted_upstream.requests == []


REAL: list[dict[str, Any]] = [
    {"messages": HI},
    {"messages": [{"role": "user", "content": "quota"}], "max_tokens": 500},
    {"messages": [{"role": "user", "content": "quota"}, {"role": "assistant", "content": "?"}, *HI], "max_tokens": 1},
    {"messages": HI, "output_config": {"format": {"type": "json_schema", "schema": {**TITLE, "properties": {"name": {}}}}}},
    {
        "messages": HI,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "output_config": {"format": {"type": "json_schema", "schema": TITLE}},
    },
]


@pytest.mark.parametrize("body", REAL)
async def test_real_requests_are_asked_for(start: Start, scripted_upstream: ScriptedUpstream, body: dict[str, Any]) -> None:
    server = await started(start, scripted_upstream)
    answer = await server.http.post("/v1/messages", json={"model": "an/m", "max_tokens": 64, **body})
    assert answer.status_code == 200
    assert "x-omniroute-local" not in answer.headers
    assert len(scripted_upstream.requests) == 1


async def test_off_every_request_is_real(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await started(start, scripted_upstream, on=False)
    body = {"model": "an/m", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    answer = await server.http.post("/v1/messages", json=body)
    assert "x-omniroute-local" not in answer.headers
    assert len(scripted_upstream.requests) == 1


async def test_a_key_is_still_needed(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(nodes(scripted_upstream), OMNIROUTE_LOCAL_WARMUPS="true", REQUIRE_API_KEY="true")
    body = {"model": "an/m", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    assert (await server.http.post("/v1/messages", json=body)).status_code == 401
