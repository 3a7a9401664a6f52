"""Finished Responses answers, whole and streamed, judged by the official SDK; and conversations that go on by id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import openai
import openai.types.responses
import pytest

from omniroute._fast.codec import Bridge, Collector
from omniroute.core.errors import BadAnswer, BadRequest, NotFound, OmniRouteError, TooManyRequests, UpstreamStatus
from omniroute.ir.request import ChatRequest
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.formats.openai_responses import history
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from omniroute.translation.signatures import unwrap
from omniroute.translation.stream import bridge_for
from unit.fast.responses_grammar import read_responses

NAME = "openai_responses"
VECTORS = Path(__file__).parents[2] / "vectors"
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
REQUEST: dict[str, Any] = {
    "model": "shown/model",
    "input": "q",
    "instructions": "Be brief.\u2028",
    "metadata": {"a": "b"},
    "tools": [
        {"type": "custom", "name": "patch", "description": "Edit", "format": GRAMMAR},
        {"type": "namespace", "name": "files", "description": "Files", "tools": [
            {"type": "function", "name": "read", "parameters": SCHEMA, "strict": False},
            {"type": "custom", "name": "exec", "description": "Run"},
        ]},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "apply_patch"},
        {"type": "function", "name": "plain", "parameters": SCHEMA, "strict": True},
    ],
    "tool_choice": "auto",
    "store": False,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low"},
    "max_output_tokens": 99,
}  # fmt: skip


def request() -> ChatRequest:
    return registry()[NAME].decode_request(json.dumps(REQUEST).encode())


META = StreamMeta(id="resp_ours", model="shown/model", created=1_800_000_000, input_tokens=7, request=request())


def chat_answer(*calls: tuple[str, str], **message: Any) -> dict[str, Any]:
    listed = [
        {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(calls)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    return {
        "id": "chatcmpl-up",
        "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", **message, "tool_calls": listed}, "finish_reason": "stop"}],
        "usage": usage,
    }


def whole(answer: dict[str, Any], upstream: str = "openai_chat", meta: StreamMeta = META) -> dict[str, Any]:
    formats = registry()
    body = json.loads(translate_answer(json.dumps(answer).encode(), formats[NAME], formats[upstream], meta).body)
    openai.types.responses.Response.model_validate(body, strict=True)
    assert isinstance(body, dict)
    return body


def streamed(answer: dict[str, Any], upstream: str = "openai_chat", meta: StreamMeta = META) -> dict[str, Any]:
    formats = registry()
    return read_responses(answer_as_stream(json.dumps(answer).encode(), formats[NAME], formats[upstream], meta).body).response


def readable(response: dict[str, Any]) -> dict[str, Any]:
    """A response whose wrapped proofs are opened: both writers may put the same into different base64."""
    items = []
    for item in response["output"]:
        proof = unwrap(item["encrypted_content"]) if item.get("encrypted_content") else None
        items.append({**item, "encrypted_content": proof} if proof is not None else item)
    return {**response, "output": items}


CALLS = [
    ("patch", json.dumps({"input": 'a "b"\né'}), {"type": "custom_tool_call", "name": "patch", "input": 'a "b"\né'}),
    ("patch", '{"other":1}', {"type": "custom_tool_call", "name": "patch", "input": '{"other":1}'}),
    ("patch", "not JSON", {"type": "custom_tool_call", "name": "patch", "input": "not JSON"}),
    ("files__exec", '{"input":"ls"}', {"type": "custom_tool_call", "name": "exec", "namespace": "files", "input": "ls"}),
    ("files__read", '{"path":"a"}', {"type": "function_call", "name": "read", "namespace": "files", "arguments": '{"path":"a"}'}),
    ("plain", "", {"type": "function_call", "name": "plain", "arguments": "{}"}),
    ("plain", '{"path": [1, ', {"type": "function_call", "name": "plain", "arguments": '{"path": [1, '}),
    (
        "local_shell",
        '{"command":["ls"],"workdir":"/x","timeout_ms":5}',
        {
            "type": "local_shell_call",
            "action": {"type": "exec", "command": ["ls"], "env": {}, "working_directory": "/x", "timeout_ms": 5},
        },
    ),
    (
        "local_shell",
        '{"command":"ls -l"}',
        {"type": "local_shell_call", "action": {"type": "exec", "command": ["bash", "-lc", "ls -l"], "env": {}}},
    ),
    ("local_shell", '{"nothing":1}', {"type": "function_call", "name": "local_shell", "arguments": '{"nothing":1}'}),
    ("shell", '{"commands":["a","b"]}', {"type": "shell_call", "action": {"commands": ["a", "b"]}}),
    (
        "apply_patch",
        '{"type":"update_file","path":"a","diff":"+x"}',
        {"type": "apply_patch_call", "operation": {"type": "update_file", "path": "a", "diff": "+x"}},
    ),
    (
        "apply_patch",
        '{"type":"update_file","path":"a"}',
        {"type": "function_call", "name": "apply_patch", "arguments": '{"type":"update_file","path":"a"}'},
    ),
    ("unknown", '{"input":"x"}', {"type": "function_call", "name": "unknown", "arguments": '{"input":"x"}'}),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS)
def test_edge_059_060_calls_become_the_clients_items(name: str, arguments: str, expected: dict[str, Any]) -> None:
    for response in (whole(chat_answer((name, arguments))), streamed(chat_answer((name, arguments)))):
        (item,) = response["output"]
        assert {key: item[key] for key in expected} == expected
        assert (item["call_id"], item["status"]) == ("c0", "completed")
        assert item.keys() == expected.keys() | {"id", "status", "call_id"}


def test_calls_of_all_kinds_keep_their_order_in_a_real_stream() -> None:
    """Those that can only be told whole do not overtake, and are not overtaken."""
    chunks = []
    for i, (name, arguments, _) in enumerate(CALLS):
        for piece in ({"id": f"c{i}", "function": {"name": name, "arguments": ""}}, {"function": {"arguments": arguments}}):
            chunks.append({"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": i, **piece}]}}]})
    chunks.append({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    formats = registry()
    bridge = bridge_for(formats[NAME], formats["openai_chat"], META, hide_usage=False)
    output = read_responses(bridge.feed(stream) + bridge.finish()).response["output"]
    assert [item["call_id"] for item in output] == [f"c{i}" for i in range(len(CALLS))]
    assert [item["type"] for item in output] == [expected["type"] for _, _, expected in CALLS]


ANSWERS = [
    pytest.param(path.stem.split("_to_")[0], case["answer"], id=f"{path.stem}-{case['id']}")
    for path in sorted((VECTORS / "responses").glob("*_to_*.json"))
    for case in json.loads(path.read_text())
    if path.stem.split("_to_")[0] in ("openai_chat", "anthropic")
]


@pytest.mark.parametrize(("upstream", "answer"), ANSWERS)
def test_edge_117_streamed_and_whole_are_the_same_response(upstream: str, answer: dict[str, Any]) -> None:
    given, told = readable(whole(answer, upstream)), readable(streamed(answer, upstream))
    for response in (given, told):
        for item in response["output"]:
            for part in item.get("content", []):
                part.pop("annotations", None)  # a replayed answer holds no citations
    assert told == given


@pytest.mark.parametrize("name", [p.stem for p in sorted((VECTORS / "anthropic").glob("*.sse")) if p.stem != "error"])
def test_edge_118_a_gathered_stream_is_the_streamed_response(name: str) -> None:
    stream = (VECTORS / "anthropic" / f"{name}.sse").read_bytes()
    formats = registry()
    bridge = bridge_for(formats[NAME], formats["anthropic"], META, hide_usage=False)
    told = read_responses(bridge.feed(stream) + bridge.finish()).response
    collector = Collector()
    gathering = Bridge(formats["anthropic"].decoder(), collector)
    gathering.feed(stream)
    gathering.finish()
    given = json.loads(stream_as_answer(collector, gathering, formats[NAME], formats["anthropic"], META).body)
    assert readable(told) == readable(given)


def test_the_request_is_repeated() -> None:
    for response in (whole(chat_answer(content="x")), streamed(chat_answer(content="x"))):
        assert (response["instructions"], response["metadata"], response["store"]) == ("Be brief.\u2028", {"a": "b"}, False)
        assert response["tools"] == REQUEST["tools"]
        assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert (response["reasoning"], response["max_output_tokens"]) == ({"effort": "low", "summary": "auto"}, 99)
        assert (response["tool_choice"], response["parallel_tool_calls"], response["truncation"]) == ("auto", True, "disabled")


def test_edge_119_usage_is_estimated_when_nobody_said() -> None:
    answer = chat_answer(content="12345678")
    del answer["usage"]
    expected = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    for response in (whole(answer), streamed(answer)):
        assert {key: response["usage"][key] for key in expected} == expected
        assert response["usage"]["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
        assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}


@pytest.mark.parametrize(("finish", "status", "reason"), [
    ("stop", "completed", None),
    ("length", "incomplete", "max_output_tokens"),
    ("content_filter", "incomplete", "content_filter"),
    ("strange", "completed", None),
])  # fmt: skip
def test_edge_146_147_status(finish: str, status: str, reason: str | None) -> None:
    answer = chat_answer(content="x")
    answer["choices"][0]["finish_reason"] = finish
    for response in (whole(answer), streamed(answer)):
        assert response["status"] == status
        assert response["incomplete_details"] == ({"reason": reason} if reason else None)


def test_edge_145_a_refusal_is_a_part() -> None:
    answer = chat_answer(content=None, refusal="No.")
    for response in (whole(answer), streamed(answer)):
        assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
        assert response["status"] == "completed"


def test_generated_images_are_items() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    answer = chat_answer(content="Here.", images=[image])
    for response in (whole(answer), streamed(answer)):
        message, picture = response["output"]
        assert message["content"][0]["text"] == "Here."
        assert (picture["type"], picture["result"], picture["status"]) == ("image_generation_call", "aGk=", "completed")


def test_the_sdks_accumulator_ends_with_the_same_response() -> None:
    answer = chat_answer(
        ("plain", '{"path":"a"}'), ("files__read", "{}"), ("patch", '{"input":"go"}'), content="Hi", reasoning_content="Hm"
    )
    formats = registry()
    body = answer_as_stream(json.dumps(answer).encode(), formats[NAME], formats["openai_chat"], META).body
    reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    with (
        httpx.Client(transport=httpx.MockTransport(lambda request: reply)) as http,
        openai.OpenAI(api_key="x", base_url="http://test", http_client=http, max_retries=0) as client,
        client.responses.stream(model="m", input="x") as stream,
    ):
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call", "custom_tool_call"]
    assert final.output_text == "Hi"
    assert final.usage is not None
    assert final.usage.total_tokens == 13


@pytest.mark.parametrize(
    "name", [p.stem for p in sorted((VECTORS / NAME).glob("*.sse")) if p.stem not in ("error", "failed", "terminal_only")]
)
def test_finished_and_streamed_answers_of_the_upstream_agree(name: str) -> None:
    """The response inside of the terminal event, rebuilt where the upstream left it empty, reads like its stream."""
    stream = (VECTORS / NAME / f"{name}.sse").read_bytes()
    collector = Collector()
    one = registry()[NAME]
    bridge = Bridge(one.decoder(), collector)
    bridge.feed(stream)
    bridge.finish()
    events = [json.loads(line[6:]) for line in stream.decode().replace("\r\n", "\n").split("\n") if line.startswith("data: {")]
    final = events[-1]["response"]
    final["output"] = final["output"] or [event["item"] for event in events if event["type"] == "response.output_item.done"]
    chat = registry()["openai_chat"]
    meta = StreamMeta(id="chatcmpl-x", model="m", created=1)
    given = json.loads(translate_answer(json.dumps(final).encode(), chat, one, meta).body)
    told = json.loads(stream_as_answer(collector, bridge, chat, one, meta).body)
    for call in given["choices"][0]["message"].get("tool_calls", []):
        if call["type"] == "custom":  # a stream tells it as the function that it is for others
            custom = call.pop("custom")
            call |= {
                "type": "function",
                "function": {"name": custom["name"], "arguments": json.dumps({"input": custom["input"]})},
            }
    for answer in (given, told):
        for call in answer["choices"][0]["message"].get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert told == given


@pytest.mark.parametrize("name", ["text", "custom_tool", "hosted_search", "item_done_only", "terminal_only", "length"])
def test_edge_118_132_a_stream_gathered_for_a_client_of_the_dialect_loses_nothing(name: str) -> None:
    """Backends that can only stream: the response of the terminal event, with its items where it came without them."""
    stream = (VECTORS / NAME / f"{name}.sse").read_bytes()
    one = registry()[NAME]
    collector = Collector()
    bridge = Bridge(one.decoder(), collector)
    for i in range(0, len(stream), 100):
        bridge.feed(stream[i : i + 100])
    bridge.finish()
    answer = stream_as_answer(collector, bridge, one, one, StreamMeta(id="req_1", model="m", created=1))
    events = [json.loads(line[6:]) for line in stream.decode().split("\n") if line.startswith("data: {")]
    final = events[-1]["response"]
    final["output"] = final["output"] or [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert json.loads(answer.body) == final
    assert answer.usage is not None


@pytest.mark.parametrize("output", [[], None, "missing"])
def test_items_are_put_into_a_response_without_them(output: Any) -> None:
    item = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "x"}]}
    final = {"id": "resp_1", "status": "completed", **({} if output == "missing" else {"output": output})}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    stream = "".join(f"data: {json.dumps(e)}\n\n" for e in (done, {"type": "response.completed", "response": final})).encode()
    one = registry()[NAME]
    collector = Collector()
    bridge = Bridge(one.decoder(), collector)
    bridge.feed(stream)
    answer = stream_as_answer(collector, bridge, one, one, StreamMeta(id="req_1", model="m", created=1))
    assert json.loads(answer.body) == {**final, "output": [item]}


@pytest.mark.parametrize(
    "body", [b"{}", b"<html>", b'{"output":"x"}', b'{"status":"failed","output":[],"error":{"code":"x","message":"m"}}']
)
def test_what_is_no_answer_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        registry()[NAME].decode_response(body)


@pytest.mark.parametrize(("error", "status", "kind", "code"), [
    (BadRequest("no", param="input"), 400, "invalid_request_error", "bad_request"),
    (NotFound("gone", code="previous_response_not_found"), 404, "invalid_request_error", "previous_response_not_found"),
    (TooManyRequests("slow"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (UpstreamStatus("full", kind="overloaded", http_status=529), 503, "server_error", "overloaded"),
    (UpstreamStatus("done", kind="quota_exhausted", http_status=429), 429, "insufficient_quota", "insufficient_quota"),
    (UpstreamStatus("long", kind="context_overflow", http_status=400), 400, "invalid_request_error", "context_length_exceeded"),
    (OmniRouteError("secret detail"), 500, "server_error", "internal_error"),
])  # fmt: skip
def test_errors(error: OmniRouteError, status: int, kind: str, code: str) -> None:
    one = registry()[NAME]
    assert one.error_status(error) == status
    body = json.loads(one.encode_error(error, "req_1"))["error"]
    assert (body["type"], body["code"]) == (kind, code)
    assert "secret" not in body["message"]
    assert body.keys() >= {"message", "type", "param", "code"}


# -- conversations that go on by id ----------------------------------------------------------------------------------------


def _stored() -> history.Stored:
    given = {"model": "m", "input": [{"role": "user", "content": "q", "id": "msg_client"}, {"role": "user", "content": "r"}]}
    answer = whole(chat_answer(("plain", "{}"), content="a", reasoning_content="hm"))
    return history.remember(json.dumps(given).encode(), json.dumps(answer).encode())


def test_resume_puts_everything_before_the_new_input() -> None:
    news = {
        "model": "m",
        "previous_response_id": "resp_ours",
        "input": [{"type": "function_call_output", "call_id": "c0", "output": "r"}],
    }
    body = json.loads(history.resume(json.dumps(news).encode(), _stored()))
    assert "previous_response_id" not in body
    assert "instructions" not in body, "they are not inherited"
    assert "tools" not in body
    assert [item.get("type", "message") for item in body["input"]] == [
        "message", "message", "reasoning", "message", "function_call", "function_call_output",
    ]  # fmt: skip
    assert body["input"][1] == {"role": "user", "content": "r"}
    assert "id" not in body["input"][4]
    decoded = registry()[NAME].decode_request(json.dumps(body).encode())
    assert [message.role for message in decoded.messages] == ["user", "user", "assistant", "user"]


def test_histories_of_several_turns_grow() -> None:
    first = _stored()
    again = history.resume(json.dumps({"model": "m", "previous_response_id": first.id, "input": "more"}).encode(), first)
    second = history.remember(again, json.dumps(whole(chat_answer(content="b"), meta=META)).encode())
    body = json.loads(history.resume(json.dumps({"model": "m", "previous_response_id": second.id}).encode(), second))
    texts = json.dumps(body["input"])
    assert [word in texts for word in ('"q"', '"r"', '"more"', '"b"')] == [True] * 4
    assert second.size > first.size


def test_the_id_of_the_previous_response() -> None:
    assert history.previous_id(b'{"previous_response_id":"resp_1"}') == "resp_1"
    assert history.previous_id(b'{"previous_response_id":null}') is None
    with pytest.raises(BadRequest):
        history.previous_id(b'{"previous_response_id":7}')
    with pytest.raises(BadRequest):
        history.previous_id(b'{"previous_response_id":"r","conversation":"c"}')


def test_storage_is_the_default_and_can_be_refused() -> None:
    assert history.wants_storage(b'{"input":"x"}')
    assert history.wants_storage(b'{"store":true}')
    assert not history.wants_storage(b'{"store":false}')


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"id":"","output":[]}', b'{"id":"r","output":{}}'])
def test_what_is_no_response_is_not_remembered(answer: bytes) -> None:
    with pytest.raises(BadAnswer):
        history.remember(b'{"input":"x"}', answer)


def test_input_items_are_paged() -> None:
    given = {"model": "m", "input": [{"role": "user", "content": str(i)} for i in range(5)]}
    stored = history.remember(json.dumps(given).encode(), json.dumps(whole(chat_answer(content="a"))).encode())
    page = json.loads(history.input_page(stored, limit=2))
    assert ([item["content"] for item in page["data"]], page["has_more"]) == (["4", "3"], True)
    assert (page["object"], page["first_id"], page["last_id"]) == ("list", page["data"][0]["id"], page["data"][1]["id"])
    rest = json.loads(history.input_page(stored, after=page["last_id"], limit=50))
    assert ([item["content"] for item in rest["data"]], rest["has_more"]) == (["2", "1", "0"], False)
    upwards = json.loads(history.input_page(stored, ascending=True, limit=1))
    assert upwards["data"][0]["content"] == "0"
    with pytest.raises(BadRequest):
        history.input_page(stored, after="in_nowhere")


def test_the_finished_response_is_found_in_what_was_written() -> None:
    formats = registry()
    stream = (VECTORS / "anthropic" / "text.sse").read_bytes()
    bridge = bridge_for(formats[NAME], formats["anthropic"], META, hide_usage=False)
    written = [bridge.feed(stream[:400]), bridge.feed(stream[400:]) + bridge.finish()]
    assert history.finished_response(written[0]) is None
    found = history.finished_response(written[1])
    assert found is not None
    assert json.loads(found)["output"][0]["content"][0]["text"] == "Hello, world\n"
    assert history.remember(b'{"input":"x"}', found).id == "resp_ours"
    assert history.finished_response((VECTORS / NAME / "failed.sse").read_bytes()) is None
    assert history.finished_response(b"event: response.completed\ndata: {cut") is None


def test_deletion() -> None:
    assert json.loads(history.deleted("resp_1")) == {"id": "resp_1", "object": "response", "deleted": True}
