"""Requests to and from Gemini, judged by what Google is known to refuse; edge cases by their numbers."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import Translated, translate_request
from unit.translation.validators import anthropic_complaints, chat_complaints

SKIP = "skip_thought_signature_validator"
PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQ="
TOOL = {
    "type": "function",
    "function": {"name": "read", "parameters": {"type": "object", "properties": {"p": {"type": "string"}}}},
}

_TOP = set(
    "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels serviceTier store".split()
)
_CONFIG = set(
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty responseLogprobs "
    "logprobs responseMimeType responseSchema responseJsonSchema responseModalities mediaResolution speechConfig thinkingConfig "
    "imageConfig audioTimestamp".split()
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}\Z")
_DATA = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"}
_SCHEMA = set(
    "type format title description nullable enum items properties required propertyOrdering anyOf default example pattern minimum "
    "maximum minItems maxItems minLength maxLength minProperties maxProperties".split()
)


def gemini_complaints(body: dict[str, Any]) -> list[str]:
    """Everything Google would answer with 400."""
    return list(_complaints(body))


def _complaints(body: dict[str, Any]) -> Iterator[str]:
    for key in body.keys() - _TOP:
        yield f"unknown name {key}"
    config = body.get("generationConfig", {})
    for key in config.keys() - _CONFIG:
        yield f"unknown name generationConfig.{key}"
    if len(config.get("stopSequences", ())) > 5:
        yield "more than 5 stop sequences"
    if not 0 <= config.get("temperature", 1) <= 2:
        yield "temperature"
    if {"responseSchema", "responseJsonSchema"} & config.keys() and config.get("responseMimeType") != "application/json":
        yield "schema without its MIME type"
    if {"thinkingBudget", "thinkingLevel"} <= config.get("thinkingConfig", {}).keys():
        yield "budget and level"
    if "systemInstruction" in body:
        yield from _parts(body["systemInstruction"]["parts"])
    yield from _tools(body)
    yield from _contents(body["contents"])


def _tools(body: dict[str, Any]) -> Iterator[str]:
    names: list[str] = []
    if body.get("tools") == []:
        yield "empty tools"
    for tool in body.get("tools", ()):
        for declared in tool.get("functionDeclarations", ()):
            names.append(declared["name"])
            if not _NAME.match(declared["name"]):
                yield f"name {declared['name']}"
            if declared.keys() - {"name", "description", "parameters", "parametersJsonSchema", "response", "behavior"}:
                yield "unknown name in a declaration"
            if "parameters" in declared:
                yield from schema_complaints(declared["parameters"])
    if len(set(names)) != len(names):
        yield "duplicate names"
    if "toolConfig" in body and not names:
        yield "toolConfig without functions"
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if "allowedFunctionNames" in config and (config["mode"] != "ANY" or not set(config["allowedFunctionNames"]) <= set(names)):
        yield "allowedFunctionNames"


def schema_complaints(node: dict[str, Any]) -> Iterator[str]:
    """What the Schema subset does not have."""
    for key in node.keys() - _SCHEMA:
        yield f"unknown schema name {key}"
    kind = node.get("type")
    if kind is None and "anyOf" not in node:
        yield "neither type nor anyOf"
    if kind is not None and kind not in ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"):
        yield f"type {kind}"
    if not all(isinstance(value, str) for value in node.get("enum", ())):
        yield "enum of something else than strings"
    if "format" in node and (kind, node["format"]) not in {
        ("STRING", "enum"), ("STRING", "date-time"), ("NUMBER", "float"), ("NUMBER", "double"), ("INTEGER", "int32"),
        ("INTEGER", "int64"),
    }:  # fmt: skip
        yield f"format {node['format']}"
    if not set(node.get("required", ())) <= node.get("properties", {}).keys():
        yield "required without property"
    if node.get("required") == [] or node.get("properties") == {}:
        yield "empty list"
    if kind == "ARRAY" and "items" not in node:
        yield "no items"
    for inner in [*node.get("properties", {}).values(), *node.get("anyOf", ()), *([node["items"]] if "items" in node else ())]:
        yield from schema_complaints(inner)


def _contents(contents: list[dict[str, Any]]) -> Iterator[str]:
    if not contents or contents[0]["role"] != "user":
        yield "the first turn is not the user's"
    asked: list[str] = []
    for place, content in enumerate(contents):
        if place and content["role"] == contents[place - 1]["role"]:
            yield "roles do not alternate"
        yield from _parts(content["parts"])
        calls = [part for part in content["parts"] if "functionCall" in part]
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if (calls and content["role"] != "model") or (answers and content["role"] != "user"):
            yield "wrong role"
        if [answer["name"] for answer in answers] != asked:
            yield "number of function response parts"
        if calls and not calls[0].get("thoughtSignature"):
            yield "missing signature"
        asked = [call["functionCall"]["name"] for call in calls]
    if asked:
        yield "calls without responses"


def _parts(parts: list[dict[str, Any]]) -> Iterator[str]:
    if not parts:
        yield "empty parts"
    for part in parts:
        if len(part.keys() & _DATA) != 1:
            yield "a part without data"
        if "text" in part and not part["text"].strip() and not part.get("thoughtSignature"):
            yield "empty text"
        if "functionCall" in part and not (
            _NAME.match(part["functionCall"]["name"]) and isinstance(part["functionCall"]["args"], dict)
        ):
            yield "functionCall"
        if "functionResponse" in part:
            response = part["functionResponse"]
            if not _NAME.match(response["name"]) or not isinstance(response["response"], dict):
                yield "functionResponse"
        if "inlineData" in part and not (part["inlineData"]["data"] and part["inlineData"]["mimeType"]):
            yield "inlineData"


def translated(client: str, upstream: str, given: dict[str, Any], ops: list[Op] | None = None, **profile: Any) -> Translated:
    formats = registry()
    endpoint = msgspec.convert({"model": "upstream-model", **profile}, Profile)
    return translate_request(
        scan(json.dumps(given).encode()), formats[client], formats[upstream], endpoint, model="lab/asked", stream=True, ops=ops
    )


def sent(client: str, given: dict[str, Any], **profile: Any) -> dict[str, Any]:
    """What a Gemini upstream gets."""
    body = json.loads(translated(client, "gemini", given, **profile).body)
    assert gemini_complaints(body) == []
    return body


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return sent("openai_chat", {"model": "x", "messages": list(messages), **fields.pop("body", {})}, **fields)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def calling(*calls: tuple[str, str, str], content: Any = None) -> dict[str, Any]:
    listed = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return {"role": "assistant", "content": content, "tool_calls": listed}


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def from_gemini(target: str, given: dict[str, Any], **profile: Any) -> dict[str, Any]:
    """What another upstream gets of a Gemini client's request."""
    body = json.loads(translated("gemini", target, given, **profile).body)
    judge = {"openai_chat": chat_complaints, "anthropic": anthropic_complaints}[target]
    assert judge(body) == []
    return body


def turn(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def call(name: str, args: Any = None, call_id: str | None = None, signature: str | None = None) -> dict[str, Any]:
    inner = {**({"id": call_id} if call_id else {}), "name": name, "args": args or {}}
    return {"functionCall": inner, **({"thoughtSignature": signature} if signature else {})}


def response(name: str, value: Any, call_id: str | None = None) -> dict[str, Any]:
    return {"functionResponse": {**({"id": call_id} if call_id else {}), "name": name, "response": value}}


# -- towards Gemini ----------------------------------------------------------------------------------------------------


def test_edges_001_to_005_system_text() -> None:
    body = chat(
        {"role": "system", "content": "one"},
        {"role": "developer", "content": "two"},
        {"role": "system", "content": " "},
        user("hi"),
    )
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    late = chat(user("hi"), {"role": "assistant", "content": "yes"}, {"role": "system", "content": "brief"}, user("go"))
    assert "systemInstruction" not in late
    assert late["contents"][-1]["parts"] == [{"text": "<system-reminder>\nbrief\n</system-reminder>"}, {"text": "go"}]


def test_edge_006_only_system_messages() -> None:
    assert chat({"role": "system", "content": "do it"})["contents"] == [turn("user", "do it")]


def test_edges_007_to_009_turns() -> None:
    body = chat({"role": "assistant", "content": "hello"}, user("a"), user("b"))
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][2] == turn("user", "a", "b")


def test_edge_023_results_in_another_order_and_edge_072_no_signature() -> None:
    body = chat(user("q"), calling(("a", "read", "{}"), ("b", "read", '{"p":"x"}')), result("b", "2"), result("a", "1"))
    assert body["contents"][1]["parts"] == [call("read", {}, "a", SKIP), call("read", {"p": "x"}, "b")]
    assert body["contents"][2]["parts"] == [response("read", {"output": "1"}, "a"), response("read", {"output": "2"}, "b")]


def test_edges_024_to_027_every_call_gets_one_result() -> None:
    body = chat(
        user("q"), calling(("a", "read", "{}"), ("b", "read", "{}")), user("wait"), result("a", "1"), result("zz", "lost")
    )
    answers = body["contents"][2]["parts"]
    assert [part["functionResponse"]["response"] for part in answers[:2]] == [
        {"output": "1"},
        {"error": "[no result: the call was interrupted]"},
    ]
    assert "wait" in json.dumps(body["contents"])
    assert "lost" in json.dumps(body["contents"])


def test_an_endpoint_that_takes_no_ids() -> None:
    """Order alone pairs results with calls there."""
    history = (user("q"), calling(("a", "read", "{}"), ("b", "read", "{}")), result("b", "2"), result("a", "1"))
    body = chat(*history, quirks={"tool_id": "none"})
    assert body["contents"][1]["parts"] == [call("read", {}, None, SKIP), call("read", {})]
    assert body["contents"][2]["parts"] == [response("read", {"output": "1"}), response("read", {"output": "2"})]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1, 2]", {"output": [1, 2]}),
        ("42", {"output": "42"}),
        ('"x"', {"output": '"x"'}),
        ('{"cut', {"output": '{"cut'}),
        ("", {"output": ""}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"output": "a\nb"}),
        ("[" * 400 + "]" * 400, {"output": "[" * 400 + "]" * 400}),
    ],
)
def test_edges_032_and_040_result_text(content: Any, expected: Any) -> None:
    body = chat(user("q"), calling(("a", "read", "{}")), result("a", content))
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == expected


def test_edge_034_images_of_a_result_stand_beside_it() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    given = {
        "model": "x",
        "max_tokens": 9,
        "messages": [
            user("q"),
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "shot", "input": {}}]},
            user(
                [
                    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": source}]},
                    {"type": "text", "text": "so?"},
                ]
            ),
        ],
    }
    parts = sent("anthropic", given)["contents"][2]["parts"]
    assert "functionResponse" in parts[0]
    assert {"inlineData": {"mimeType": "image/png", "data": PNG}} in parts
    assert parts[-1] == {"text": "so?"}


def test_edge_037_errors() -> None:
    blocks = [{"type": "tool_result", "tool_use_id": "a", "content": "no such file", "is_error": True}]
    asked = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "read", "input": {}}]}
    body = sent("anthropic", {"model": "x", "max_tokens": 9, "messages": [user("q"), asked, user(blocks)]})
    assert body["contents"][2]["parts"] == [response("read", {"error": "no such file"}, "a")]


def test_edges_048_to_053_tools() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/d"}},
        "$defs": {"d": {}},
    }
    tools = [
        {"type": "function", "function": {"name": "nothing"}},
        {"type": "function", "function": {"name": "two", "description": "", "parameters": schema}},
        {"type": "function", "function": {"name": "3d.render/ü", "parameters": {"type": "object", "properties": {}}}},
    ]
    done = translated("openai_chat", "gemini", {"model": "x", "messages": [user("q")], "tools": tools})
    body = json.loads(done.body)
    assert gemini_complaints(body) == []
    (element,) = body["tools"]
    one, two, three = element["functionDeclarations"]
    assert one == {"name": "nothing"}
    assert two == {"name": "two", "parametersJsonSchema": {key: value for key, value in schema.items() if key != "$schema"}}
    assert done.tool_names == {three["name"]: "3d.render/ü"}
    assert "tools" not in chat(user("q"), body={"tools": []})


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ({"type": "function", "function": {"name": "read"}}, {"mode": "ANY", "allowedFunctionNames": ["read"]}),
    ],
)
def test_tool_choice(choice: Any, expected: Any) -> None:
    body = chat(user("q"), body={"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False})
    assert body["toolConfig"] == {"functionCallingConfig": expected}


def test_allowed_tools() -> None:
    other = {"type": "function", "function": {"name": "write"}}

    def choice(mode: str) -> dict[str, Any]:
        named = [{"type": "function", "function": {"name": "read"}}]
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}

    needed = chat(user("q"), body={"tools": [TOOL, other], "tool_choice": choice("required")})
    assert needed["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["read"]}
    free = chat(user("q"), body={"tools": [TOOL, other], "tool_choice": choice("auto")})
    assert [declared["name"] for declared in free["tools"][0]["functionDeclarations"]] == ["read"]
    assert free["toolConfig"]["functionCallingConfig"] == {"mode": "AUTO"}


def test_edge_054_a_choice_without_its_tool() -> None:
    with pytest.raises(BadRequest):
        chat(user("q"), body={"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "gone"}}})


def test_edges_063_and_074_other_vendors_reasoning_stays_away() -> None:
    blocks = [{"type": "thinking", "thinking": "secret", "signature": "c2ln"}, {"type": "text", "text": "4"}]
    body = sent(
        "anthropic",
        {"model": "x", "max_tokens": 9, "messages": [user("q"), {"role": "assistant", "content": blocks}, user("so")]},
    )
    assert "secret" not in json.dumps(body)
    assert body["contents"][1] == turn("model", "4")


@pytest.mark.parametrize(
    ("asked", "quirks", "expected"),
    [
        ({"reasoning_effort": "none"}, {}, {"thinkingBudget": 0}),
        ({"reasoning_effort": "none"}, {"thinking_budget": [128, 32768]}, {"thinkingBudget": 128}),
        ({"reasoning_effort": "minimal"}, {}, {"includeThoughts": True, "thinkingBudget": 512}),
        ({"reasoning_effort": "low"}, {}, {"includeThoughts": True, "thinkingBudget": 1024}),
        ({"reasoning_effort": "medium"}, {}, {"includeThoughts": True, "thinkingBudget": 8192}),
        ({"reasoning_effort": "max"}, {"thinking_budget": [128, 32768]}, {"includeThoughts": True, "thinkingBudget": 32768}),
        ({"reasoning_effort": "high"}, {"thinking": "levels"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ({"reasoning_effort": "minimal"}, {"thinking": "levels"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ({"reasoning_effort": "none"}, {"thinking": "levels"}, {"thinkingLevel": "LOW"}),
        ({}, {}, None),
    ],
)
def test_reasoning(asked: dict[str, Any], quirks: dict[str, Any], expected: Any) -> None:
    body = chat(user("q"), body=asked, quirks=quirks)
    assert body.get("generationConfig", {}).get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 31999}, {"includeThoughts": True, "thinkingBudget": 24576}),
        ({"type": "enabled", "budget_tokens": 2048, "display": "omitted"}, {"thinkingBudget": 2048}),
        ({"type": "adaptive"}, {"includeThoughts": True, "thinkingBudget": -1}),
        ({"type": "disabled"}, {"thinkingBudget": 0}),
    ],
)
def test_anthropic_thinking(thinking: Any, expected: Any) -> None:
    body = sent("anthropic", {"model": "x", "max_tokens": 40000, "messages": [user("q")], "thinking": thinking})
    assert body["generationConfig"]["thinkingConfig"] == expected


def test_edge_070_a_model_that_does_not_reason() -> None:
    assert "generationConfig" not in chat(user("q"), body={"reasoning_effort": "high"}, capabilities={"reasoning": False})


def test_edges_082_to_088_media() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/JPG;charset=x;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://e.test/cat.webp?x=1", "detail": "high"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
        {"type": "image_url", "image_url": {"url": "data:image/bmp;base64,Qk0="}},
    ]
    (content,) = chat(user(parts))["contents"]
    assert content["parts"] == [
        {"inlineData": {"mimeType": "image/jpeg", "data": PNG}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://e.test/cat.webp?x=1"}},
        {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": "UklG"}},
        {"text": "[image attachment omitted: not supported by this model]"},
    ]


def test_edge_089_another_vendors_file() -> None:
    with pytest.raises(BadRequest):
        chat(user([{"type": "file", "file": {"file_id": "file-1"}}]))


def test_edges_091_to_103_parameters() -> None:
    body = chat(
        user("q"),
        body={
            "max_completion_tokens": 5, "temperature": 3, "top_p": 0.5, "top_k": 7, "stop": list("abcdef"), "seed": 1, "n": 2, "logprobs": True,
            "top_logprobs": 3, "frequency_penalty": 0.1, "presence_penalty": 0.2, "user": "u", "logit_bias": {"1": 2}, "service_tier": "flex",
            "stream": True, "stream_options": {"include_usage": True}, "prompt_cache_key": "k", "strange": 1,
        },
    )  # fmt: skip
    assert body["generationConfig"] == {
        "maxOutputTokens": 5, "temperature": 2, "topP": 0.5, "topK": 7, "stopSequences": list("abcde"), "seed": 1, "candidateCount": 2,
        "responseLogprobs": True, "logprobs": 3, "frequencyPenalty": 0.1, "presencePenalty": 0.2,
    }  # fmt: skip
    assert body["serviceTier"] == "flex"
    assert body.keys() == {"contents", "generationConfig", "serviceTier"}


def test_structured_output_in_both_spellings() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": ["integer", "null"]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}
    assert chat(user("q"), body=asked)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }
    older = chat(user("q"), body=asked, quirks={"schema": "openapi"})["generationConfig"]
    assert older["responseSchema"] == {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER", "nullable": True}},
        "required": ["n"],
    }
    assert chat(user("as JSON"), body={"response_format": {"type": "json_object"}})["generationConfig"] == {
        "responseMimeType": "application/json"
    }


# -- from Gemini -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snake", [False, True], ids=["camelCase", "snake_case"])
def test_both_spellings(snake: bool) -> None:
    given = {
        "contents": [turn("user", "hi", {"inlineData": {"mimeType": "image/png", "data": "-_8="}})],
        "systemInstruction": turn("user", "be kind"),
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "read", "parametersJsonSchema": {"type": "object", "properties": {"some_key": {}}}}
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read"]}},
        "generationConfig": {
            "maxOutputTokens": 5,
            "stopSequences": ["x"],
            "topP": 0.5,
            "thinkingConfig": {"thinkingBudget": 2000},
        },
    }

    def respelled(value: Any) -> Any:
        if isinstance(value, list):
            return [respelled(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            re.sub("([A-Z])", lambda found: "_" + found[1].lower(), key): item
            if key == "parametersJsonSchema"
            else respelled(item)
            for key, item in value.items()
        }

    body = from_gemini("openai_chat", respelled(given) if snake else given)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,+/8="}}
    assert body["messages"] == [{"role": "system", "content": "be kind"}, user([{"type": "text", "text": "hi"}, image])]
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {"some_key": {}}}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "read"}}
    assert (body["max_tokens"], body["stop"], body["top_p"], body["reasoning_effort"]) == (5, ["x"], 0.5, "low")


def test_the_model_and_the_stream_come_from_the_url() -> None:
    done = translated("gemini", "openai_chat", {"contents": [turn("user", "hi")]})
    assert json.loads(done.body)["model"] == "upstream-model"
    assert json.loads(done.body)["stream"] is True
    assert done.stream
    assert done.request is not None
    assert done.request.model == "lab/asked"


def test_edge_042_results_without_ids_are_paired_in_order() -> None:
    contents = [turn("user", "q"), turn("model", call("read", {"p": "1"}), call("read", {"p": "2"}), call("now")),
                turn("user", response("read", {"output": "one"}), response("now", {"t": 5}), response("read", {"result": "two"}))]  # fmt: skip
    _, asked, *results = from_gemini("openai_chat", {"contents": contents})["messages"]
    ids = [c["id"] for c in asked["tool_calls"]]
    assert len(set(ids)) == 3
    assert [(r["tool_call_id"], r["content"]) for r in results] == list(zip(ids, ["one", "two", '{"t":5}'], strict=True))


def test_invented_ids_stay_when_the_conversation_grows() -> None:
    contents = [turn("user", "q"), turn("model", call("f")), turn("user", response("f", {"output": "x"}))]
    more = [*contents, turn("model", call("f")), turn("user", response("f", {"output": "y"}))]
    first = from_gemini("openai_chat", {"contents": contents})["messages"]
    second = from_gemini("openai_chat", {"contents": more})["messages"]
    assert second[: len(first)] == first
    assert first[1]["tool_calls"][0]["id"] != second[3]["tool_calls"][0]["id"]


def test_edge_043_results_with_ids_are_paired_by_them() -> None:
    contents = [turn("user", "q"), turn("model", call("f", {"n": 1}, "a"), call("f", {"n": 2}, "b")),
                turn("user", response("f", {"output": "second"}, "b"), response("f", {"output": "first"}, "a"))]  # fmt: skip
    body = from_gemini("anthropic", {"contents": contents, "generationConfig": {"maxOutputTokens": 9}})
    assert [(b["tool_use_id"], b["content"]) for b in body["messages"][2]["content"]] == [("a", "first"), ("b", "second")]


def test_results_whose_ids_the_client_made_up_are_paired_by_name() -> None:
    contents = [turn("user", "q"), turn("model", call("f"), call("g")),
                turn("function", response("g", {"name": "g", "content": "gg"}, "random-1"), response("f", {"error": "ff"}, "random-2"))]  # fmt: skip
    _, asked, *results = from_gemini("openai_chat", {"contents": contents})["messages"]
    ids = [c["id"] for c in asked["tool_calls"]]
    assert [(r["tool_call_id"], r["content"]) for r in results] == list(zip(ids, ["Error: ff", "gg"], strict=True))


def test_edge_044_a_result_of_an_unknown_function_becomes_text() -> None:
    contents = [turn("user", "q"), turn("model", "hm"), turn("user", response("gone", {"output": "kept"}))]
    assert "kept" in json.dumps(from_gemini("openai_chat", {"contents": contents})["messages"][-1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"output": "a"}, "a"),
        ({"result": "b"}, "b"),
        ({"content": "c", "name": "f"}, "c"),
        ({"output": {"x": 1}}, '{"output":{"x":1}}'),
        ({"output": "a", "more": 1}, '{"output":"a","more":1}'),
        ({}, ""),
        ({"error": {"code": 5}}, 'Error: {"code":5}'),
    ],
)
def test_result_objects_as_text(value: Any, text: str) -> None:
    contents = [turn("user", "q"), turn("model", call("f")), turn("user", response("f", value))]
    assert from_gemini("openai_chat", {"contents": contents})["messages"][2]["content"] == text


def test_edge_074_thoughts_in_the_history_are_not_text() -> None:
    contents = [
        turn("user", "q"),
        turn("model", {"text": "secret", "thought": True, "thoughtSignature": "c2ln"}, "4"),
        turn("user", "so"),
    ]
    for target in ("openai_chat", "anthropic"):
        body = from_gemini(target, {"contents": contents, "generationConfig": {"maxOutputTokens": 9}})
        assert "secret" not in json.dumps(body)
        assert "c2ln" not in json.dumps(body)


def test_schemas_in_googles_words() -> None:
    written = {
        "type": "OBJECT",
        "properties": {
            "format": {"type": "STRING", "format": "enum", "enum": ["a", "b"], "nullable": True},
            "type": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "min_items": "2", "maxItems": "3"},
            "any_of": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
        },
        "required": ["format"],
        "propertyOrdering": ["format", "type"],
    }
    given = {"contents": [turn("user", "q")], "tools": [{"functionDeclarations": [{"name": "f", "parameters": written}]}]}
    assert from_gemini("openai_chat", given)["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "format": {"type": ["string", "null"], "enum": ["a", "b", None]},
            "type": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 2, "maxItems": 3},
            "any_of": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        },
        "required": ["format"],
    }


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "VALIDATED"}, "auto"),
        ({"mode": "ANY"}, "required"),
        ({"mode": "NONE"}, "none"),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({}, None),
    ],
)
def test_calling_modes(config: Any, expected: Any) -> None:
    given = {"contents": [turn("user", "q")], "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    body = from_gemini("openai_chat", {**given, "toolConfig": {"functionCallingConfig": config}})
    assert body.get("tool_choice") == expected


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, None),
        ({"thinkingBudget": -1}, "medium"),
        ({"thinkingBudget": 8192, "includeThoughts": True}, "medium"),
        ({"thinkingLevel": "HIGH"}, "high"),
        ({"thinkingLevel": "low"}, "low"),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED", "includeThoughts": True}, None),
        ({"includeThoughts": False}, None),
    ],
)
def test_thinking_for_a_chat_upstream(thinking: Any, expected: Any) -> None:
    given = {"contents": [turn("user", "q")], "generationConfig": {"thinkingConfig": thinking}}
    assert from_gemini("openai_chat", given).get("reasoning_effort") == expected


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [5]}, "contents[0]"),
        ({"contents": [{"role": "robot", "parts": [{"text": "x"}]}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}, "contents[0].parts[0].functionCall.name"),
        (
            {"contents": [{"parts": [{"function_response": {"name": "f", "response": "x"}}]}]},
            "contents[0].parts[0].functionResponse.response",
        ),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, "contents[0].parts[0].inlineData.data"),
        ({"contents": [turn("user", call("f"))]}, "contents[0].parts"),
        ({"contents": [turn("model", response("f", {}))]}, "contents[0].parts"),
        ({"contents": [turn("user", "x")], "generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"contents": [turn("user", "x")], "generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({"contents": [turn("user", "x")], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {"contents": [turn("user", "x")], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
    ],
)
def test_mistakes_are_named(given: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_gemini("openai_chat", given)
    assert caught.value.param == param


def test_hosted_tools_stay_with_google() -> None:
    given = {"contents": [turn("user", "q")], "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}
    assert [tool["function"]["name"] for tool in from_gemini("openai_chat", given)["tools"]] == ["f"]


def test_what_only_google_knows_is_reported_as_dropped() -> None:
    ops: list[Op] = []
    given = {
        "contents": [turn("user", "q")],
        "safetySettings": [],
        "generationConfig": {"speechConfig": {}},
        "cachedContent": "c",
    }
    body = json.loads(translated("gemini", "openai_chat", given, ops).body)
    assert chat_complaints(body) == []
    assert {op.pointer for op in ops} >= {"/safetySettings", "/generationConfig", "/cachedContent"}


def test_gemini_to_gemini_through_the_canonical_form_keeps_everything() -> None:
    given = {
        "contents": [
            turn("user", "q", {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}}),
            turn("model", {"text": "hm", "thought": True, "thoughtSignature": "YQ=="}, call("f", {"a": [1]}, "c1", "Yg==")),
            turn("user", response("f", {"ok": True}, "c1")),
            turn("model", {"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "4", "thoughtSignature": "Yw=="}),
            turn("user", "so"),
        ],
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object", "properties": {"a": {}}},
                                             "behavior": "BLOCKING"}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {"languageCode": "de"}},
        "generationConfig": {"temperature": 0.5, "topK": 4, "maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 700},
                             "responseModalities": ["TEXT"]},
        "safetySettings": [{"category": "C", "threshold": "T"}],
        "serviceTier": "flex",
    }  # fmt: skip
    one = registry()["gemini"]
    again = json.loads(one.encode_request(one.decode_request(json.dumps(given).encode()), Profile(model="m")))
    given["generationConfig"]["thinkingConfig"] = {"thinkingBudget": 700, "includeThoughts": True}  # type: ignore[index]
    assert again == given


def test_an_unparsed_body_loses_nothing_but_the_model() -> None:
    """The URL names the model; what is to be counted names it once more."""
    gemini = registry()["gemini"]
    raw = b'{"contents": [{"parts":[{"text":"h\\u00e9"}]}], "model":"models/lab/asked", "x" : 1.50}'
    done = translate_request(scan(raw), gemini, gemini, Profile(model="up"), model="lab/asked", stream=False)
    assert done.body == b'{"contents": [{"parts":[{"text":"h\\u00e9"}]}], "x" : 1.50}'
    assert not done.stream
    counted = b'{"generateContentRequest":{"model":"models/lab/asked","contents":[]}}'
    done = translate_request(scan(counted), gemini, gemini, Profile(model="up"), model="lab/asked", stream=False)
    assert json.loads(done.body) == {"generateContentRequest": {"model": "models/up", "contents": []}}


# -- whatever comes ----------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10)
names = st.sampled_from(["read", "write", "mcp.server/read", "n" * 130, "9lives", "-x", "naïve", ""])
ids = st.sampled_from(["c1", "c2", "a.b", "x" * 80])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | words,
    lambda x: st.lists(x, max_size=2) | st.dictionaries(words, x, max_size=2),
    max_leaves=5,
)
objects = st.dictionaries(words, anything, max_size=3)
chat_call = st.builds(lambda i, n, a: {"id": i, "type": "function", "function": {"name": n, "arguments": a}}, ids, names, words)
image = st.just({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
chat_message = st.one_of(
    st.builds(
        lambda r, c: {"role": r, "content": c},
        st.sampled_from(["system", "user", "developer"]),
        st.none() | words | st.lists(image, max_size=2),
    ),
    st.builds(
        lambda c, t: {"role": "assistant", "content": c, "tool_calls": t}, st.none() | words, st.lists(chat_call, max_size=3)
    ),
    st.builds(lambda i, c: {"role": "tool", "tool_call_id": i, "content": c}, ids, words),
)
chat_body = st.fixed_dictionaries(
    {"model": st.just("x"), "messages": st.lists(chat_message, min_size=1, max_size=7)},
    optional={
        "tools": st.lists(
            st.builds(lambda n, p: {"type": "function", "function": {"name": n, "parameters": p}}, names, st.none() | objects),
            max_size=3,
        ),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "temperature": st.floats(-1, 3),
        "stop": st.lists(words, max_size=7),
        "reasoning_effort": st.sampled_from(["none", "low", "max"]),
    },
)


@pytest.mark.parametrize("quirks", [{}, {"schema": "openapi"}], ids=["json_schema", "openapi"])
@given(given=chat_body)
def test_nothing_is_sent_that_google_refuses(given: dict[str, Any], quirks: dict[str, Any]) -> None:
    done = translated("openai_chat", "gemini", given, quirks=quirks)
    assert gemini_complaints(json.loads(done.body)) == []
    assert len(set(done.tool_names.values())) == len(done.tool_names)
    written = json.dumps(json.loads(done.body), ensure_ascii=False)
    for message in given["messages"]:
        if message["role"] == "user" and isinstance(message["content"], str) and message["content"].strip():
            assert json.dumps(message["content"], ensure_ascii=False)[1:-1] in written


gemini_part = st.one_of(
    st.builds(lambda t, o: {"text": t, **o}, words, st.sampled_from([{}, {"thought": True}, {"thoughtSignature": "c2ln"}])),
    st.just({"inlineData": {"mimeType": "image/png", "data": PNG}}),
    st.builds(lambda v: {"executableCode": v}, objects),
)
calls = st.builds(lambda n, i, a: call(n, a, i), names, st.none() | ids, objects)
responses = st.builds(lambda n, i, a: response(n, a, i), names, st.none() | ids, objects)
contents = st.builds(lambda p: turn("user", *p), st.lists(gemini_part | responses, max_size=4)) | st.builds(
    lambda p: turn("model", *p), st.lists(gemini_part | calls, max_size=4)
)
declared = st.builds(lambda n, p: {"functionDeclarations": [{"name": n, "parameters": p}]}, names, objects)
gemini_body = st.fixed_dictionaries(
    {"contents": st.lists(contents, min_size=1, max_size=7), "generationConfig": st.just({"maxOutputTokens": 99})},
    optional={"tools": st.lists(declared, max_size=3)},
)


@pytest.mark.parametrize("target", ["openai_chat", "anthropic"])
@given(given=gemini_body)
def test_nothing_a_gemini_client_sends_makes_others_refuse(target: str, given: dict[str, Any]) -> None:
    from_gemini(target, given)


@given(
    given=st.dictionaries(
        st.sampled_from(["contents", "tools", "generationConfig", "systemInstruction", "toolConfig"]), anything, max_size=4
    )
)
def test_any_json_is_read_or_refused(given: dict[str, Any]) -> None:
    with contextlib.suppress(BadRequest):
        translated("gemini", "openai_chat", given)
