"""Finished Ollama answers in both directions, judged by the official SDK's types, and what the format does in place."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import ollama
import openai.types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.envelope import Envelope, scan
from omniroute.core.errors import BadAnswer, BadRequest, OmniRouteError, Unavailable, UpstreamStatus
from omniroute.ir.caps import Profile, Quirks
from omniroute.ir.request import ToolResult
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request, wants_stream
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer

META = StreamMeta(id="req_of-ours", model="asked-model", created=1_700_000_000, input_tokens=11)
NAMES = ["openai_chat", "anthropic", "ollama"]
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}

ANSWERS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "id": "x", "model": "up", "created": 5,
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "text", "reasoning_content": "thought", "tool_calls": [CALL]}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 25},
    },
    "anthropic": {
        "id": "x", "model": "up", "type": "message", "role": "assistant", "stop_reason": "tool_use",
        "content": [{"type": "thinking", "thinking": "thought", "signature": "s"}, {"type": "text", "text": "text"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
        "usage": {"input_tokens": 36, "cache_read_input_tokens": 64, "output_tokens": 25},
    },
    "ollama": {
        "model": "up", "created_at": "2023-11-14T22:13:20.5Z", "done": True, "done_reason": "stop",
        "message": {"role": "assistant", "content": "text", "thinking": "thought",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        "total_duration": 9, "prompt_eval_count": 100, "eval_count": 25,
    },
}  # fmt: skip


def _translate(upstream: str, client: str, answer: dict[str, Any], meta: StreamMeta = META) -> dict[str, Any]:
    formats = registry()
    body = json.loads(translate_answer(json.dumps(answer).encode(), formats[client], formats[upstream], meta).body)
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic"])
def test_for_an_ollama_client(upstream: str) -> None:
    body = _translate(upstream, "ollama", ANSWERS[upstream])
    ollama.ChatResponse.model_validate(body)
    assert body == {
        "model": "asked-model",
        "created_at": "2023-11-14T22:13:20Z",
        "message": {
            "role": "assistant",
            "content": "text",
            "thinking": "thought",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        "done": True,
        "done_reason": "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 100,
        "prompt_eval_duration": 0,
        "eval_count": 25,
        "eval_duration": 0,
    }


@pytest.mark.parametrize("upstream", NAMES)
def test_for_a_generate_client(upstream: str) -> None:
    body = _translate(upstream, "ollama_generate", ANSWERS[upstream])
    ollama.GenerateResponse.model_validate(body)
    assert (body["response"], body["thinking"]) == ("text", "thought")
    assert (body["done"], body["prompt_eval_count"], body["eval_count"]) == (True, 100, 25)
    assert "message" not in body


@pytest.mark.parametrize("upstream", NAMES)
def test_for_a_completions_client(upstream: str) -> None:
    body = _translate(upstream, "openai_completions", ANSWERS[upstream])
    done = openai.types.Completion.model_validate(body, strict=True)
    assert (done.id, done.object, done.choices[0].text, done.choices[0].finish_reason) == (
        "cmpl-of-ours", "text_completion", "text", "stop",
    )  # fmt: skip
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (100, 25, 125)


def test_from_ollama_to_chat() -> None:
    body = _translate("ollama", "openai_chat", ANSWERS["ollama"])
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert (choice["message"]["content"], choice["message"]["reasoning_content"]) == ("text", "thought")
    (call,) = choice["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("f", {"a": 1})
    assert call["id"].startswith("call_")
    assert call["id"] == _translate("ollama", "openai_chat", ANSWERS["ollama"])["choices"][0]["message"]["tool_calls"][0]["id"]
    assert body["usage"]["total_tokens"] == 125


def test_from_ollama_to_anthropic() -> None:
    body = _translate("ollama", "anthropic", ANSWERS["ollama"])
    assert body["stop_reason"] == "tool_use"
    assert [block["type"] for block in body["content"]] == ["thinking", "text", "tool_use"]
    assert body["content"][0]["signature"] == ""
    assert body["content"][2]["input"] == {"a": 1}
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (100, 25)


def test_equal_formats_keep_the_very_bytes() -> None:
    one = registry()["ollama"]
    body = json.dumps({**ANSWERS["ollama"], "odd": 1}, indent=1).encode()
    answer = translate_answer(body, one, one, META)
    assert answer.body == body
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output, answer.stop) == (100, 25, "tool")


@pytest.mark.parametrize(
    ("word", "stop", "finish"),
    [("stop", "stop", "stop"), ("length", "length", "length"), ("load", "stop", "stop"), (None, "stop", "stop")],
)
def test_edge_147_done_reasons(word: str | None, stop: str, finish: str) -> None:
    answer = {"message": {"content": "x"}, "done": True, **({"done_reason": word} if word else {})}
    assert registry()["ollama"].decode_response(json.dumps(answer).encode()).stop == stop
    assert _translate("ollama", "openai_chat", answer)["choices"][0]["finish_reason"] == finish


def test_edge_151_stops_without_a_word_here() -> None:
    for finish, reason in (("length", "length"), ("content_filter", "stop"), ("stop", "stop"), ("odd", "stop")):
        answer = {"choices": [{"finish_reason": finish, "message": {"content": "x"}}]}
        assert _translate("openai_chat", "ollama", answer)["done_reason"] == reason


def test_edge_119_without_usage_there_is_an_estimate() -> None:
    body = _translate("openai_chat", "ollama", {"choices": [{"message": {"content": "x"}}]})
    assert (body["prompt_eval_count"], body["eval_count"]) == (11, 0)


def test_edge_145_refusals_are_text() -> None:
    body = _translate("openai_chat", "ollama", {"choices": [{"message": {"content": None, "refusal": "I cannot."}}]})
    assert body["message"] == {"role": "assistant", "content": "I cannot."}


def test_edge_051_names_are_restored() -> None:
    meta = StreamMeta(id="i", model="m", created=1, tool_names={"f": "the.long name"})
    body = _translate("anthropic", "ollama", ANSWERS["anthropic"], meta)
    assert body["message"]["tool_calls"][0]["function"]["name"] == "the.long name"


@pytest.mark.parametrize("image", ["iVBORw0KGgo=", "/9j/4AAQSkZJRg=="])
def test_edge_090_images_of_an_answer(image: str) -> None:
    answer = {"message": {"content": "see", "images": [image]}, "done": True}
    message = _translate("ollama", "openai_chat", answer)["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"].endswith(f"base64,{image}")
    chat = {"choices": [{"message": {"content": "see", "images": [{"image_url": {"url": f"data:image/png;base64,{image}"}}]}}]}
    note = "see[image attachment omitted: not supported by this model]"
    assert _translate("openai_chat", "ollama", chat)["message"] == {"role": "assistant", "content": note}
    assert _translate("openai_chat", "ollama_generate", chat)["response"] == note
    assert _translate("openai_chat", "openai_completions", chat)["choices"][0]["text"] == note


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"message": "text"}', b'{"message": {}, "done": false}'])
def test_what_is_no_answer_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        registry()["ollama"].decode_response(body)
    assert caught.value.http_status == 502


# -- streams and whole answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["ollama", "ollama_generate"])
@pytest.mark.parametrize("upstream", NAMES)
def test_edge_117_an_answer_replayed_reads_like_the_answer_itself(upstream: str, client: str) -> None:
    formats = registry()
    whole = _translate(upstream, client, ANSWERS[upstream]) if upstream != client else ANSWERS[upstream]
    stream = answer_as_stream(json.dumps(ANSWERS[upstream]).encode(), formats[client], formats[upstream], META)
    lines = [json.loads(line) for line in stream.body.decode().removesuffix("\n").split("\n")]
    if client == "ollama_generate":
        assert "".join(line["response"] for line in lines) == whole["response"]
        assert "".join(line.get("thinking", "") for line in lines) == whole["thinking"]
    else:
        assert "".join(line["message"]["content"] for line in lines) == whole["message"]["content"]
        assert "".join(line["message"].get("thinking", "") for line in lines) == whole["message"]["thinking"]
        (calls,) = [line["message"]["tool_calls"] for line in lines if "tool_calls" in line["message"]]
        wanted = [{"index": 0, **call["function"]} for call in whole["message"]["tool_calls"]]
        assert [call["function"] for call in calls] == wanted
    assert {key: lines[-1][key] for key in ("done", "done_reason", "prompt_eval_count", "eval_count")} == {
        key: whole[key] for key in ("done", "done_reason", "prompt_eval_count", "eval_count")
    }


@pytest.mark.parametrize("client", NAMES)
def test_edge_118_lines_gathered_are_the_answer(client: str) -> None:
    formats = registry()
    upstream = formats["ollama"]
    given = {**ANSWERS["ollama"], "message": {**ANSWERS["ollama"]["message"]}}
    given["message"]["tool_calls"] = [{"id": "c1", **given["message"]["tool_calls"][0]}]
    body = json.dumps(given).encode()
    collector = Collector()
    bridge = Bridge(upstream.decoder(), collector)
    bridge.feed(answer_as_stream(body, upstream, upstream, META).body)
    bridge.finish()
    gathered = json.loads(stream_as_answer(collector, bridge, formats[client], upstream, META).body)
    whole = json.loads(formats[client].encode_response(upstream.decode_response(body), META.named(formats[client].id_prefix)))
    if client == "ollama":
        gathered["model"] = whole["model"]
    assert gathered == whole


# -- requests in place ---------------------------------------------------------------------------------------------------------


def _sent(body: dict[str, Any], **quirks: Any) -> dict[str, Any]:
    one = registry()["ollama"]
    sent = translate_request(scan(json.dumps(body).encode()), one, one, Profile(model="up", quirks=Quirks(**quirks)))
    return json.loads(sent.body)  # type: ignore[no-any-return]


def test_only_the_model_changes() -> None:
    body = b'{"model" : "a", "options":{"temperature":9 , "num_ctx":1}, "odd": [ ]}'
    one = registry()["ollama"]
    sent = translate_request(scan(body), one, one, Profile(model="up"))
    assert sent.body == body.replace(b'"a"', b'"up"')
    assert sent.stream
    assert sent.include_usage


def test_quirks_reach_into_options() -> None:
    body = {"model": "a", "messages": [], "options": {"temperature": 3, "top_p": 0.5, "num_ctx": 1}}
    assert _sent(body, sampling=False)["options"] == {"num_ctx": 1}
    assert _sent(body, temperature_range=(0.0, 1.0))["options"] == {"temperature": 1.0, "top_p": 0.5, "num_ctx": 1}
    assert _sent({"model": "a", "options": None}, sampling=False) == {"model": "up", "options": None}
    assert _sent({"model": "a", "options": {"temperature": "x"}}, temperature_range=(0.0, 1.0))["options"] == {"temperature": "x"}


@pytest.mark.parametrize(
    ("said", "wanted"), [({}, True), ({"stream": None}, True), ({"stream": False}, False), ({"stream": True}, True)]
)
def test_edge_163_streams_are_the_default(said: dict[str, Any], wanted: bool) -> None:
    envelope = scan(json.dumps({"model": "m", **said}).encode())
    assert wants_stream(envelope, registry()["ollama"]) is wanted
    assert wants_stream(envelope, registry()["ollama_generate"]) is wanted
    assert wants_stream(envelope, registry()["openai_chat"]) is bool(said.get("stream"))


def test_what_a_tool_list_cannot_say_is_told() -> None:
    formats = registry()
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]

    def told(choice: Any, **more: Any) -> list[tuple[str, str]]:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": choice, **more}
        ops: list[Op] = []
        translate_request(scan(json.dumps(body).encode()), formats["openai_chat"], formats["ollama"], Profile(model="m"), ops=ops)
        return [(op.action, op.detail) for op in ops if op.rule in ("tool-choice-unsupported", "tool-parallel")]

    assert told("auto") == []
    assert told("required") == [("dropped", "required")]
    assert told("none") == [("rewritten", "none")]
    assert told({"type": "function", "function": {"name": "a"}}) == [("rewritten", "named")]
    assert told("auto", parallel_tool_calls=False) == [("dropped", "one call")]
    assert told("required", parallel_tool_calls=True) == [("kept", "by default"), ("dropped", "required")]


def test_a_thousand_calls_are_matched_in_linear_time() -> None:
    """edge-017: also when most of them are never answered."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "x"}]
    for number in range(2000):
        messages.append(
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"n": number}}}]}
        )
        if number % 2:
            messages.append({"role": "tool", "tool_name": "f", "content": str(number)})
    messages += [{"role": "tool", "tool_name": "f", "content": "late"}] * 2000
    request = registry()["ollama"].decode_request(json.dumps({"model": "m", "messages": messages}).encode())
    results = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
    answered = [part.call_id for part in results if part.call_id]
    assert len(answered) == len(set(answered)) == 2000
    assert len(results) == 3000


# -- errors --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequest("no", param="model"), 400),
        (Unavailable("later"), 503),
        (UpstreamStatus("busy", kind="overloaded", http_status=529), 503),
        (UpstreamStatus("slow", kind="rate_limit", http_status=429), 429),
        (OmniRouteError("hush"), 500),
    ],
)
def test_errors_are_one_sentence(error: OmniRouteError, status: int) -> None:
    one = registry()["ollama"]
    assert one.error_status(error) == status
    body = json.loads(one.encode_error(error, "req_1"))
    assert body.keys() - {"retryable", "scope", "retry_after"} == {"error"}
    assert isinstance(body["error"], str)
    assert "hush" not in body["error"]


# -- anything at all -----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]) | json_values},
        optional={
            "content": st.text(max_size=8) | json_values,
            "images": st.lists(st.sampled_from(["iVBORw0KGgo=", ""])) | json_values,
            "thinking": json_values,
            "tool_name": st.sampled_from(["f", "g"]) | json_values,
            "tool_call_id": st.sampled_from(["1", "2"]) | json_values,
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"function": st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "arguments": json_values})},
                    optional={"id": st.sampled_from(["1", "2"])},
                ),
                max_size=3,
            )
            | json_values,
        },
    ),
    max_size=6,
)
FIELDS = ("messages", "tools", "options", "format", "think", "stream", "prompt", "system", "images", "suffix", "n")


def _scanned(raw: bytes) -> Envelope:
    """The envelope, which itself insists on a boolean ``stream``."""
    try:
        return scan(raw)
    except ValueError as error:
        raise BadRequest(str(error)) from error


@given(
    st.fixed_dictionaries({"model": st.just("m"), "messages": messages}), st.dictionaries(st.sampled_from(FIELDS), json_values)
)
def test_any_request_is_a_bad_request_or_a_request(body: dict[str, Any], more: dict[str, Any]) -> None:
    formats = registry()
    for given_body in (body, {**body, **more}):
        raw = json.dumps(given_body).encode()
        for client in ("ollama", "ollama_generate", "openai_completions"):
            for upstream in NAMES:
                with contextlib.suppress(BadRequest):
                    formats["ollama"].encode_request(formats[client].decode_request(raw), Profile(model="m"))
                    translate_request(_scanned(raw), formats[client], formats[upstream], Profile(model="m"))


@given(st.dictionaries(st.sampled_from(["message", "done", "done_reason", "eval_count", "model"]), json_values) | json_values)
def test_any_answer_is_a_bad_answer_or_an_answer(value: Any) -> None:
    formats = registry()
    try:
        response = formats["ollama"].decode_response(json.dumps(value).encode())
    except BadAnswer:
        return
    for client in (*NAMES, "ollama_generate", "openai_completions"):
        json.loads(formats[client].encode_response(response, META))
