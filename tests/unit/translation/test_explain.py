"""Operations that lose something, and the refusal that names the field (strict translation)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Capabilities, Profile, Quirks
from omniroute.translation.explain import LOSSY, field_of, is_lossy, refuse_losses
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAN"}}
SEARCH = {"type": "file_search", "name": "files"}


def ops_of(client: str, upstream: str, body: dict[str, Any], profile: Profile | None = None) -> list[Op]:
    ops: list[Op] = []
    formats = registry()
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    translate_request(scan(json.dumps(body).encode()), formats[client], formats[upstream], profile or Profile(model="m"), ops=ops)
    return ops


LOSSES: list[tuple[str, dict[str, Any], Profile | None]] = [
    ("logprobs", {"logprobs": True}, None),
    ("tools[0]", {"tools": [SEARCH]}, None),
    ("response_format", {"response_format": {"type": "json_object"}}, None),
    ("modalities", {"modalities": ["text", "audio"]}, None),
    (
        "messages[1]",
        {"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [IMAGE]}]},
        Profile(model="m", capabilities=Capabilities(vision=False)),
    ),
    ("messages[1]", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [IMAGE]}]}, None),
    (
        "messages[0]",
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}]},
        None,
    ),
]


@pytest.mark.parametrize(("field", "body", "profile"), LOSSES, ids=[f"{i}-{field}" for i, (field, _, _) in enumerate(LOSSES)])
def test_losses_are_refused_by_name(field: str, body: dict[str, Any], profile: Profile | None) -> None:
    ops = ops_of("openai_chat", "anthropic", body, profile)
    with pytest.raises(BadRequest) as caught:
        refuse_losses(ops, "an/m")
    assert (caught.value.param, caught.value.error_code) == (field, "lossy_translation")
    assert caught.value.message.startswith(field)
    assert "an/m" in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"temperature": 2, "top_p": 0.5, "seed": 1, "frequency_penalty": 1, "store": True, "metadata": {"a": "b"}},
        {"reasoning_effort": "high", "verbosity": "low", "prompt_cache_key": "k", "user": "x" * 400},
        {"tools": [{"type": "function", "function": {"name": "a.b", "strict": True, "parameters": {"type": "object"}}}]},
        {"tools": [{"type": "custom", "custom": {"name": "free"}}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "s"}]},
        {"messages": [{"role": "tool", "tool_call_id": "nobody", "content": "orphan"}, {"role": "user", "content": "b"}]},
        {"messages": [{"role": "user", "content": [IMAGE]}]},
    ],
)
def test_hints_and_repairs_are_no_losses(body: dict[str, Any]) -> None:
    refuse_losses(ops_of("openai_chat", "anthropic", body), "an/m")


def schema_tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}


OPENAPI = Profile(model="m", quirks=Quirks(schema="openapi"))
A, B = {"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "string"}}}
FORMED = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "patternProperties": {"^x": {}}}}}


@pytest.mark.parametrize(
    ("upstream", "body", "profile", "losses"),
    [
        # alternatives become one object in which anything goes
        ("anthropic", schema_tool({"anyOf": [A, B]}), None, ["/tools/0"]),
        ("anthropic", schema_tool({"oneOf": [A, B]}), None, ["/tools/0"]),
        ("anthropic", schema_tool({"allOf": [A, B]}), None, []),
        ("anthropic", schema_tool({"allOf": [A, {"properties": {"a": {"type": "number"}}}]}), None, ["/tools/0"]),
        ("anthropic", schema_tool({"allOf": [A, {"minProperties": 2}]}), None, ["/tools/0"]),
        ("anthropic", schema_tool({"anyOf": [A]}), None, []),
        ("gemini", schema_tool({"anyOf": [A, B]}), OPENAPI, []),
        ("gemini", schema_tool({"type": "object", "patternProperties": {"^x": {"type": "string"}}}), OPENAPI, ["/tools/0"]),
        ("gemini", schema_tool({"type": "object", "patternProperties": {"^x": {"type": "string"}}}), None, []),
        ("gemini", schema_tool({"type": "object", "additionalProperties": False, "properties": {"not": {}}}), OPENAPI, []),
        ("gemini", schema_tool({"type": "object", "additionalProperties": {"type": "string"}}), OPENAPI, ["/tools/0"]),
        ("gemini", schema_tool({"properties": {"x": {"items": {"not": {"const": 1}}}}}), OPENAPI, ["/tools/0"]),
        ("gemini", {"response_format": FORMED}, OPENAPI, ["/response_format"]),
        ("gemini", {"response_format": FORMED}, None, []),
        # the wish for one call at a time
        ("gemini", {**schema_tool(A), "parallel_tool_calls": False}, None, ["/tool_choice"]),
        ("gemini", {**schema_tool(A), "parallel_tool_calls": True}, None, []),
        ("ollama", {**schema_tool(A), "parallel_tool_calls": False}, None, ["/tool_choice"]),
        ("ollama", {**schema_tool(A), "parallel_tool_calls": True, "tool_choice": "auto"}, None, []),
        ("ollama", {**schema_tool(A), "tool_choice": "required"}, None, ["/tool_choice"]),
        ("anthropic", {**schema_tool(A), "parallel_tool_calls": False}, None, []),
        ("openai_responses", {**schema_tool(A), "parallel_tool_calls": False}, None, []),
    ],
)
def test_tools_that_say_less_than_they_were_told_to(
    upstream: str, body: dict[str, Any], profile: Profile | None, losses: list[str]
) -> None:
    assert [op.pointer for op in ops_of("openai_chat", upstream, body, profile) if is_lossy(op)] == losses


def test_what_merging_a_schema_did_is_declared_either_way() -> None:
    ops = ops_of("openai_chat", "anthropic", schema_tool({"allOf": [A, B]}))
    assert [(op.rule, op.action, op.detail) for op in ops if op.rule == "tool-schema"] == [
        ("tool-schema", "moved", "f: one flat object")
    ]


HOSTED = {
    "openai_responses": [
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "computer_use_preview", "display_width": 1, "display_height": 1, "environment": "browser"},
        {"type": "image_generation"},
        {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.test"},
    ],
    "anthropic": [
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "web_fetch_20250910", "name": "web_fetch"},
        {"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 1},
        {"type": "mcp_toolset", "mcp_server_name": "docs"},
    ],
    "gemini": [{"codeExecution": {}}, {"urlContext": {}}, {"googleMaps": {}}, {"fileSearch": {"fileSearchStoreNames": ["x"]}}],
}
TARGETS = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")
SANDBOXES = ("code_interpreter", "code_execution_20250825", "codeExecution")


def has_an_equal(tool: dict[str, Any], upstream: str) -> bool:
    """See test_hosted_tools."""
    return (tool.get("type") or next(iter(tool))) in SANDBOXES and upstream in ("openai_responses", "gemini")


@pytest.mark.parametrize(
    ("client", "tool", "upstream"),
    [
        pytest.param(client, tool, upstream, id=f"{client}-{next(iter(tool.values()), '') or next(iter(tool))}-{upstream}")
        for client, tools in HOSTED.items()
        for tool in tools
        for upstream in TARGETS
        if upstream != client and not has_an_equal(tool, upstream)
    ],
)
def test_tools_another_vendor_runs_are_declared_and_refused(client: str, tool: dict[str, Any], upstream: str) -> None:
    """They work on what only their vendor has (stores, sandboxes, secrets of servers): dropped by name, 400 in strict mode."""
    said: dict[str, Any] = {"input": "x"} if client == "openai_responses" else {}
    if client == "gemini":
        said = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    ops: list[Op] = []
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **said, "tools": [tool]}
    if client != "anthropic":
        del body["max_tokens"]
    formats = registry()
    given = scan(json.dumps(body).encode())
    sent = translate_request(given, formats[client], formats[upstream], Profile(model="m"), model="m", stream=False, ops=ops)
    assert not json.loads(sent.body).get("tools")
    assert [(op.rule, op.pointer) for op in ops if op.rule == "tool-hosted"] == [("tool-hosted", "/tools/0")]
    with pytest.raises(BadRequest) as caught:
        refuse_losses(ops, "x/m")
    assert caught.value.param == "tools[0]"


STREAMED_LOGPROBS: dict[str, dict[str, Any]] = {
    "openai_chat": {"logprobs": True, "top_logprobs": 2, "messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"include": ["message.output_text.logprobs"], "input": "hi"},
    "gemini": {"generationConfig": {"responseLogprobs": True}, "contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama": {"logprobs": True, "messages": [{"role": "user", "content": "hi"}]},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("upstream", [*STREAMED_LOGPROBS, "anthropic"])
@pytest.mark.parametrize("client", STREAMED_LOGPROBS)
def test_log_probabilities_are_lost_only_where_the_upstream_gives_none(client: str, upstream: str, stream: bool) -> None:
    ops: list[Op] = []
    formats = registry()
    given = scan(json.dumps({"model": "m", "stream": stream, **STREAMED_LOGPROBS[client]}).encode())
    translate_request(given, formats[client], formats[upstream], Profile(model="m"), model="m", stream=stream, ops=ops)
    lost = [op.pointer for op in ops if is_lossy(op)]
    assert bool(lost) == (upstream == "anthropic")
    if lost:
        with pytest.raises(BadRequest, match="logprobs"):
            refuse_losses(ops, "x/m")


def test_stop_sequences_that_do_not_fit_are_a_loss() -> None:
    ops = ops_of("anthropic", "openai_chat", {"stop_sequences": ["a", "b", "c", "d", "e"], "max_tokens": 5})
    assert [op.rule for op in ops if is_lossy(op)] == ["stop-limit"]


def test_between_equal_formats_only_quirks_speak() -> None:
    profile = Profile(model="m", quirks=Quirks(drop=("seed", "tools"), temperature_range=(0.0, 1.0)))
    ops = ops_of("openai_chat", "openai_chat", {"seed": 1, "temperature": 2, "tools": [SEARCH]}, profile)
    assert {(op.rule, op.action, op.pointer) for op in ops} == {
        ("quirk", "dropped", "/seed"), ("quirk", "dropped", "/tools"), ("quirk", "rewritten", "/temperature")}  # fmt: skip
    assert [op.pointer for op in ops if is_lossy(op)] == ["/tools"]


def test_every_rule_of_the_table_exists(request: pytest.FixtureRequest) -> None:
    sources = request.config.rootpath / "src" / "omniroute"
    code = "".join(
        p.read_text() for room in ("translation", "gateway") for p in (sources / room).rglob("*.py") if p.stem != "explain"
    )
    assert not [rule for rule in LOSSY if f'"{rule}"' not in code]


@pytest.mark.parametrize(
    ("pointer", "field"),
    [("/messages/3/content/0", "messages[3].content[0]"), ("/a~1b", "a/b"), ("/n", "n"), ("", "the request")],
)
def test_fields_are_written_as_callers_write_them(pointer: str, field: str) -> None:
    assert field_of(pointer) == field
