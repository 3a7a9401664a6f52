"""Finished Gemini answers in both directions, its errors, and its schemas."""

from __future__ import annotations

import json
from typing import Any

import anthropic.types
import openai.types.chat
import pytest
from google.genai import types

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.gemini import GeminiDecoder
from omniroute.core.errors import BadAnswer, BadRequest, Fault, OmniRouteError, Scope, Unavailable, UpstreamStatus
from omniroute.translation.errors import error_in_body
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.formats.gemini.openapi import to_json_schema, to_openapi
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from omniroute.translation.stream import bridge_for
from unit.translation.test_gemini_requests import schema_complaints

META = StreamMeta(id="req_of-ours", model="asked-model", created=1_800_000_000)
USAGE = {
    "promptTokenCount": 40,
    "cachedContentTokenCount": 16,
    "candidatesTokenCount": 12,
    "thoughtsTokenCount": 9,
    "totalTokenCount": 61,
}
CALL = {"functionCall": {"name": "f", "args": {"a": [1]}}, "thoughtSignature": "c2ln"}


def answer(*parts: Any, finish: str = "STOP", **candidate: Any) -> dict[str, Any]:
    content = {"parts": [{"text": part} if isinstance(part, str) else part for part in parts], "role": "model"}
    body = {"candidates": [{"content": content, "finishReason": finish, "index": 0, **candidate}], "usageMetadata": USAGE}
    return body | {"modelVersion": "up", "responseId": "r1"}


def translate(value: Any, client: str, upstream: str, meta: StreamMeta = META) -> dict[str, Any]:
    formats = registry()
    body = json.loads(translate_answer(json.dumps(value).encode(), formats[client], formats[upstream], meta).body)
    if client == "openai_chat":
        openai.types.chat.ChatCompletion.model_validate(body, strict=True)
    elif client == "anthropic":
        anthropic.types.Message.model_validate(body, strict=True)
    else:
        types.GenerateContentResponse.model_validate(body)
    assert isinstance(body, dict)
    return body


def test_for_a_chat_client() -> None:
    body = translate(answer({"text": "Hm.", "thought": True}, "The ", "answer.", CALL, CALL), "openai_chat", "gemini")
    message, finish = body["choices"][0]["message"], body["choices"][0]["finish_reason"]
    assert (message["content"], message["reasoning_content"], finish) == ("The answer.", "Hm.", "tool_calls")
    assert [call["function"] for call in message["tool_calls"]] == [{"name": "f", "arguments": '{"a":[1]}'}] * 2
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert body["usage"]["prompt_tokens"] == 40
    assert body["usage"]["completion_tokens"] == 21
    assert body["usage"]["total_tokens"] == 61
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 9


def test_for_an_anthropic_client() -> None:
    body = translate(answer({"text": "Hm.", "thought": True}, "So.", CALL), "anthropic", "gemini")
    assert [block["type"] for block in body["content"]] == ["thinking", "text", "tool_use"]
    assert body["stop_reason"] == "tool_use"
    counts = body["usage"]
    assert (counts["input_tokens"], counts["cache_read_input_tokens"], counts["output_tokens"]) == (24, 16, 21)


@pytest.mark.parametrize(
    ("finish", "chat", "anthropic_word"),
    [
        ("STOP", "stop", "end_turn"),
        ("MAX_TOKENS", "length", "max_tokens"),
        ("SAFETY", "content_filter", "refusal"),
        ("RECITATION", "content_filter", "refusal"),
        ("MALFORMED_FUNCTION_CALL", "stop", "end_turn"),
        ("SOMETHING_NEW", "stop", "end_turn"),
    ],
)
def test_finish_reasons(finish: str, chat: str, anthropic_word: str) -> None:
    assert translate(answer("x", finish=finish), "openai_chat", "gemini")["choices"][0]["finish_reason"] == chat
    assert translate(answer("x", finish=finish), "anthropic", "gemini")["stop_reason"] == anthropic_word


@pytest.mark.parametrize(
    "value", [{}, {"candidates": []}, {"candidates": 5}, [], [5], "x", answer(finish="MALFORMED_FUNCTION_CALL")]
)
def test_no_answer_at_all(value: Any) -> None:
    with pytest.raises(BadAnswer):
        translate(value, "openai_chat", "gemini")


@pytest.mark.parametrize(
    "candidate",
    [{"finishReason": "MAX_TOKENS"}, {"content": {}}, {"content": {"role": "model"}}, {"content": {"parts": [{}, {"text": ""}]}}],
)
def test_edge_137_missing_content(candidate: Any) -> None:
    """Counts of a model that only thought are counts all the same."""
    body = translate({"candidates": [candidate], "usageMetadata": USAGE}, "openai_chat", "gemini")
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 21


def test_a_blocked_prompt() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    body = translate(blocked, "openai_chat", "gemini")
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert body["usage"]["prompt_tokens"] == 4


def test_several_candidates_are_choices() -> None:
    two = answer("a")
    two["candidates"].append({"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1})
    choices = translate(two, "openai_chat", "gemini")["choices"]
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in choices] == [(0, "a", "stop"), (1, "b", "length")]


def test_citations_are_ranges_of_characters() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://e.test/a", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 8, "endIndex": 12}, "groundingChunkIndices": [0]}],
    }
    text = "Zürich hé!"  # ü and é have two bytes each
    message = translate(answer(text, groundingMetadata=grounding), "openai_chat", "gemini")["choices"][0]["message"]
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert (cited["url"], cited["title"]) == ("https://e.test/a", "A")
    assert text[cited["start_index"] : cited["end_index"]] == text.encode()[8:12].decode()


def test_an_image() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    message = translate(answer("see", image), "openai_chat", "gemini")["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"] == "data:image/png;base64,aGk="
    blocks = translate(answer("see", image), "anthropic", "gemini")["content"]
    assert blocks[-1]["text"].startswith("[image attachment omitted")


def test_from_a_chat_upstream() -> None:
    message = {
        "role": "assistant",
        "content": "So.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g_1", "arguments": "{cut"}},
        ],
    }
    counts = {"prompt_tokens": 100, "completion_tokens": 25, "prompt_tokens_details": {"cached_tokens": 64},
              "completion_tokens_details": {"reasoning_tokens": 8}}  # fmt: skip
    value = {"id": "x", "choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": counts}
    meta = StreamMeta(id="req_of-ours", model="asked-model", created=1, tool_names={"g_1": "g.1"})
    body = translate(value, "gemini", "openai_chat", meta)
    assert body == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "So."},
                        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
                        {"functionCall": {"id": "c2", "name": "g.1", "args": {"_raw": "{cut"}}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 17,
            "cachedContentTokenCount": 64,
            "thoughtsTokenCount": 8,
            "totalTokenCount": 125,
        },
        "modelVersion": "asked-model",
        "responseId": "resp_of-ours",
    }


@pytest.mark.parametrize(
    ("stop", "word"),
    [("end_turn", "STOP"), ("max_tokens", "MAX_TOKENS"), ("refusal", "SAFETY"), ("stop_sequence", "STOP"), ("pause_turn", "STOP"),
     ("model_context_window_exceeded", "MAX_TOKENS")],
)  # fmt: skip
def test_from_an_anthropic_upstream(stop: str, word: str) -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "claudes"}, {"type": "text", "text": "So."}]
    value = {
        "id": "m",
        "content": blocks,
        "stop_reason": stop,
        "usage": {"input_tokens": 36, "cache_read_input_tokens": 64, "output_tokens": 5},
    }
    body = translate(value, "gemini", "anthropic")
    (candidate,) = body["candidates"]
    assert candidate["content"]["parts"] == [{"text": "Hm.", "thought": True}, {"text": "So."}]
    assert candidate["finishReason"] == word
    assert body["usageMetadata"]["promptTokenCount"] == 100


def test_edges_145_and_150_refusal_and_emptiness() -> None:
    refused = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    (candidate,) = translate(refused, "gemini", "openai_chat")["candidates"]
    assert (candidate["content"]["parts"], candidate["finishReason"]) == ([{"text": "No."}], "SAFETY")
    empty = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}
    assert translate(empty, "gemini", "openai_chat")["candidates"][0]["content"]["parts"] == [{"text": ""}]


def test_equal_formats_keep_the_very_bytes() -> None:
    gemini = registry()["gemini"]
    body = json.dumps(answer("x", oddField=1), indent=1).encode()
    done = translate_answer(body, gemini, gemini, META)
    assert done.body == body
    assert done.usage is not None
    assert (done.usage.input, done.usage.cached, done.usage.output, done.usage.reasoning) == (40, 16, 21, 9)


def test_the_canonical_form_keeps_a_gemini_answer() -> None:
    gemini = registry()["gemini"]
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    value = answer(
        {"text": "Hm.", "thought": True}, code, CALL, {"text": "x", "thoughtSignature": "Yg=="}, safetyRatings=[{"category": "C"}]
    )
    value["candidates"][0]["content"]["parts"][2] = {**CALL, "functionCall": {"id": "c1", **CALL["functionCall"]}}  # type: ignore[dict-item]
    meta = StreamMeta(id="r1", model="up", created=1)
    assert json.loads(gemini.encode_response(gemini.decode_response(json.dumps(value).encode()), meta)) == value


def _chunks() -> list[dict[str, Any]]:
    return [answer("One", finish=""), answer(" two", finish=""), answer(CALL, finish="STOP")]


@pytest.mark.parametrize("client", ["openai_chat", "anthropic", "gemini"])
def test_a_list_of_chunks_is_one_answer(client: str) -> None:
    """A stream without alt=sse comes as an array; whoever asked for JSON gets the answer it makes."""
    formats = registry()
    done = formats["gemini"].decode_response(json.dumps(_chunks()).encode())
    assert [type(part).__name__ for part in done.parts] == ["Text", "ToolCall"]
    assert done.stop == "tool"
    streamed = answer_as_stream(json.dumps(_chunks()).encode(), formats[client], formats["gemini"], META)
    assert b"One two" in streamed.body
    assert (b"c2ln" in streamed.body) == (client == "gemini")


def test_a_gathered_stream_keeps_signatures() -> None:
    gemini = registry()["gemini"]
    collector = Collector()
    bridge = Bridge(GeminiDecoder(), collector)
    bridge.feed(b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in _chunks()))
    bridge.finish()
    body = json.loads(stream_as_answer(collector, bridge, gemini, gemini, META).body)
    parts = body["candidates"][0]["content"]["parts"]
    assert parts[0] == {"text": "One two"}
    assert parts[1]["thoughtSignature"] == "c2ln"
    assert (body["responseId"], body["modelVersion"]) == ("r1", "up")


@pytest.mark.parametrize("upstream", ["openai_chat", "gemini"])
def test_an_array_bridge_closes_its_bracket_once(upstream: str) -> None:
    formats = registry()
    meta = StreamMeta(id="req_x", model="m", created=1, array=True)

    def fresh() -> Bridge:
        return bridge_for(formats["gemini"], formats[upstream], meta, hide_usage=False)

    broken = fresh()
    assert json.loads(broken.fail(503, "x", "gone") + broken.finish())[0]["error"]["status"] == "UNAVAILABLE"
    assert broken.ended
    silent = fresh()
    assert silent.ping() == b""
    (last,) = json.loads(silent.feed(b"") + silent.finish())
    assert last["error"]["code"] == 502
    assert answer_as_stream(json.dumps(answer("x")).encode(), formats["gemini"], formats["gemini"], meta).body.startswith(b"[{")


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "word", "reason"),
    [
        (BadRequest("no", param="contents"), 400, "INVALID_ARGUMENT", "BAD_REQUEST"),
        (Unavailable("later", retry_after=2.4), 503, "UNAVAILABLE", None),
        (
            UpstreamStatus("slow", kind="rate_limit", http_status=429, retry_after=7),
            429,
            "RESOURCE_EXHAUSTED",
            "RATE_LIMIT_EXCEEDED",
        ),
        (UpstreamStatus("spent", kind="quota_exhausted", http_status=429), 429, "RESOURCE_EXHAUSTED", "QUOTA_EXHAUSTED"),
        (UpstreamStatus("who", kind="auth", http_status=401), 401, "UNAUTHENTICATED", "API_KEY_INVALID"),
        (UpstreamStatus("full", kind="overloaded", http_status=529), 503, "UNAVAILABLE", None),
        (Fault("broken", kind="network", http_status=502, scope=Scope.PROVIDER), 502, "INTERNAL", None),
        (OmniRouteError("secret details"), 500, "INTERNAL", None),
    ],
)
def test_errors(error: OmniRouteError, status: int, word: str, reason: str | None) -> None:
    gemini = registry()["gemini"]
    assert gemini.error_status(error) == status
    fields = json.loads(gemini.encode_error(error, "req_1"))["error"]
    assert (fields["code"], fields["status"]) == (status, word)
    details = {item["@type"].rpartition(".")[2]: item for item in fields["details"]}
    assert details["RequestInfo"]["requestId"] == "req_1"
    assert reason is None or details["ErrorInfo"]["reason"] == reason
    assert all(isinstance(value, str) for value in details["ErrorInfo"]["metadata"].values())
    wait = getattr(error, "retry_after", None)
    assert ("RetryInfo" in details) == (wait is not None)
    if wait is not None:
        assert details["RetryInfo"]["retryDelay"] in ("3s", "7s")
    assert "secret" not in json.dumps(fields)


@pytest.mark.parametrize("listed", [False, True])
def test_an_error_in_a_200(listed: bool) -> None:
    value: Any = {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}}
    assert error_in_body([value] if listed else value) == (429, "RESOURCE_EXHAUSTED", "Quota exceeded.")


# -- schemas -----------------------------------------------------------------------------------------------------------

SCHEMAS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"const": 5}, {"type": "STRING", "enum": ["5"], "format": "enum"}),
    ({"enum": ["a", None, 1]}, {"type": "STRING", "enum": ["a", "1"], "format": "enum", "nullable": True}),
    ({"type": ["string", "null"], "minLength": 1}, {"type": "STRING", "minLength": 1, "nullable": True}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"}, {"type": "STRING", "description": "d", "nullable": True}),
    ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
    (
        {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "number"}}}]},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "NUMBER"}}, "required": ["a"]},
    ),
    ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 9, "multipleOf": 2}, {"type": "INTEGER", "minimum": 4, "maximum": 8}),
    ({"type": "number", "exclusiveMinimum": 0.5}, {"type": "NUMBER", "minimum": 0.5}),
    ({"type": "string", "format": "uri", "x-thing": 1, "examples": ["a"], "default": "q"}, {"type": "STRING"}),
    ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
    ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    ({"items": {"type": "integer"}}, {"type": "ARRAY", "items": {"type": "INTEGER"}}),
    (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
        {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}},
    ),
    ({"type": "object", "properties": {"a": True, "b": False}, "required": ["a", "b", "zz"]}, {"type": "OBJECT", "properties": {"a": {"type": "OBJECT"}}, "required": ["a"]}),
    (
        {"$defs": {"d": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/d", "description": "said here"}}},
        {"type": "OBJECT", "properties": {"x": {"type": "STRING", "description": "said here"}}},
    ),
    ({"properties": {"x": {"$ref": "#/gone"}}}, {"type": "OBJECT", "properties": {"x": {"type": "OBJECT"}}}),
    (
        {"$defs": {"n": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}}, "$ref": "#/$defs/n"},
        {"type": "OBJECT", "properties": {"next": {"type": "OBJECT", "description": "as n above", "nullable": True}}},
    ),
    (
        {"properties": {"format": {"type": "string"}, "const": {"type": "integer"}, "$ref": {"type": "boolean"}, "properties": {"type": "array", "items": {"type": "string"}}}},
        {"type": "OBJECT", "properties": {"format": {"type": "STRING"}, "const": {"type": "INTEGER"}, "$ref": {"type": "BOOLEAN"}, "properties": {"type": "ARRAY", "items": {"type": "STRING"}}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
def test_schemas_in_the_subset(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    before = json.dumps(schema)
    assert to_openapi(schema) == expected
    assert list(schema_complaints(to_openapi(schema))) == []
    assert json.dumps(schema) == before, "the client's schema is not touched"


def test_a_schema_that_multiplies_is_bounded() -> None:
    defs = {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(60)}
    written = json.dumps(to_openapi({"$defs": defs, "$ref": "#/$defs/d0"}))
    assert len(written) < 3_000_000


def test_back_from_the_subset() -> None:
    for _, written in SCHEMAS:
        assert list(schema_complaints(to_openapi(to_json_schema(written)))) == []
