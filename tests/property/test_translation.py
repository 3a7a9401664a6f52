"""Properties of translation: what must hold for every request and every answer, not only for those we thought of."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadAnswer, BadRequest
from omniroute.ir.caps import Profile
from omniroute.translation.calls import arguments_object
from omniroute.translation.errors import error_in_body
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.names import CallIds, ToolNames, legal_id, nine
from omniroute.translation.request import translate_request
from unit.translation.validators import anthropic_complaints, chat_complaints

PROFILE = Profile(model="m")
META = StreamMeta(id="i", model="m", created=1)
FORMATS = ["openai_chat", "anthropic"]
COMPLAINTS = {"openai_chat": chat_complaints, "anthropic": anthropic_complaints}
PNG = "iVBORw0KGgoAAAANSUhEUg=="

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
filled = words.map(lambda text: f"w{text}w")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, json_values, max_size=3)
call_ids = st.sampled_from(["c1", "c2", "a.b", "a_b", "functions.x:0", "x" * 80, "x" * 81, "日本", "toolu_01"])
tool_names = st.sampled_from(["read", "write", "mcp.server/read", "n" * 70, "n" * 71, "naïve", ""])


def _chat_messy() -> st.SearchStrategy[dict[str, Any]]:
    call = st.builds(
        lambda i, n, a: {"id": i, "type": "function", "function": {"name": n, "arguments": a}}, call_ids, tool_names, words
    )
    parts = st.lists(
        st.builds(lambda text: {"type": "text", "text": text}, words)
        | st.just({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
        | st.just({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}})
        | st.builds(lambda value: {"type": "odd", "text": value}, json_values),
        max_size=3,
    )
    content = st.none() | words | parts
    message = st.one_of(
        st.builds(lambda role, body: {"role": role, "content": body}, st.sampled_from(["system", "developer", "user"]), content),
        st.builds(
            lambda body, calls: {"role": "assistant", "content": body, "tool_calls": calls}, content, st.lists(call, max_size=3)
        ),
        st.builds(lambda i, body: {"role": "tool", "tool_call_id": i, "content": body}, call_ids, content),
    )
    tool = st.builds(lambda n, p: {"type": "function", "function": {"name": n, "parameters": p}}, tool_names, st.none() | objects)
    return st.fixed_dictionaries(
        {"model": st.just("x"), "messages": st.lists(message, min_size=1, max_size=8)},
        optional={
            "tools": st.lists(tool, max_size=3),
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "parallel_tool_calls": st.booleans(),
            "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
            "max_tokens": st.integers(1, 100_000),
            "temperature": st.floats(-1, 3),
            "top_p": st.floats(0, 1),
            "stop": st.lists(words, max_size=6),
            "user": st.text(max_size=400),
            "response_format": st.just({"type": "json_object"}),
            "stream": st.booleans(),
        },
    )


def _anthropic_messy() -> st.SearchStrategy[dict[str, Any]]:
    mark = st.none() | st.just({"type": "ephemeral"})
    text = st.builds(lambda t, c: {"type": "text", "text": t} | ({"cache_control": c} if c else {}), words, mark)
    image = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
    use = st.builds(lambda i, n, o: {"type": "tool_use", "id": i, "name": n, "input": o}, call_ids, tool_names, objects)
    result = st.builds(
        lambda i, c, e: {"type": "tool_result", "tool_use_id": i, "content": c, "is_error": e},
        call_ids,
        words | st.lists(text | image, max_size=2),
        st.booleans(),
    )
    thinking = st.builds(lambda t, s: {"type": "thinking", "thinking": t, "signature": s}, words, st.sampled_from(["", "sig"]))
    message = st.one_of(
        st.builds(lambda c: {"role": "user", "content": c}, words | st.lists(text | image | result, max_size=4)),
        st.builds(lambda c: {"role": "assistant", "content": c}, words | st.lists(text | use | thinking, max_size=4)),
        st.builds(lambda c: {"role": "system", "content": c}, words | st.lists(text, max_size=2)),
    )
    tool = st.builds(lambda n, s: {"name": n, "input_schema": s}, tool_names, objects)
    return st.fixed_dictionaries(
        {"model": st.just("x"), "max_tokens": st.integers(1, 100_000), "messages": st.lists(message, min_size=1, max_size=8)},
        optional={
            "system": words | st.lists(text, max_size=3),
            "tools": st.lists(tool, max_size=3),
            "tool_choice": st.sampled_from(
                [{"type": "auto"}, {"type": "any", "disable_parallel_tool_use": True}, {"type": "none"}]
            ),
            "thinking": st.sampled_from([{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 9000}, {"type": "disabled"}]),
            "stop_sequences": st.lists(words, max_size=6),
            "temperature": st.floats(0, 1),
            "top_k": st.integers(0, 9),
            "metadata": st.builds(lambda u: {"user_id": u}, st.text(max_size=400)),
            "output_config": st.just({"format": {"type": "json_schema", "schema": {"type": "object"}}}),
            "stream": st.booleans(),
        },
    )


MESSY = {"openai_chat": _chat_messy(), "anthropic": _anthropic_messy()}


@pytest.mark.parametrize(("client", "upstream"), [("openai_chat", "anthropic"), ("anthropic", "openai_chat")])
@given(data=st.data())
def test_no_conversation_is_sent_that_the_upstream_refuses(client: str, upstream: str, data: st.DataObject) -> None:
    body = data.draw(MESSY[client])
    formats = registry()
    translated = translate_request(scan(json.dumps(body).encode()), formats[client], formats[upstream], PROFILE)
    sent = json.loads(translated.body)
    assert COMPLAINTS[upstream](sent) == []
    assert len(set(translated.tool_names.values())) == len(translated.tool_names)


@pytest.mark.parametrize(("client", "upstream"), [("openai_chat", "anthropic"), ("anthropic", "openai_chat")])
@given(data=st.data())
def test_user_text_is_never_lost(client: str, upstream: str, data: st.DataObject) -> None:
    body = data.draw(MESSY[client])
    formats = registry()
    sent = json.loads(translate_request(scan(json.dumps(body).encode()), formats[client], formats[upstream], PROFILE).body)
    written = json.dumps(sent, ensure_ascii=False)
    for message in body["messages"]:
        if message["role"] == "user" and isinstance(message["content"], str) and message["content"].strip():
            assert json.dumps(message["content"], ensure_ascii=False)[1:-1] in written


def _chat_clean() -> st.SearchStrategy[dict[str, Any]]:
    call = st.builds(lambda n, a: {"type": "function", "function": {"name": n, "arguments": json.dumps(a)}}, filled, objects)
    text = st.builds(lambda t: {"type": "text", "text": t}, words)
    image = st.builds(
        lambda u: {"type": "image_url", "image_url": {"url": u, "detail": "low"}}, filled.map(lambda t: f"https://e.com/{t}")
    )
    file = st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}})
    odd = st.builds(lambda v: {"type": "odd", "odd": v}, json_values)

    def turn(calls: list[dict[str, Any]], body: str, results: str) -> list[dict[str, Any]]:
        numbered = [{"id": f"{results}{index}", **call} for index, call in enumerate(calls)]
        answer: dict[str, Any] = {"role": "assistant", "content": body or None}
        if numbered:
            answer["tool_calls"] = numbered
        answers = [{"role": "tool", "tool_call_id": call["id"], "content": results} for call in numbered]
        return [answer, *answers] if body or numbered else []

    user = st.builds(
        lambda c: [{"role": "user", "content": c}], filled | st.lists(text | image | file | odd, min_size=2, max_size=4)
    )
    system = st.builds(lambda r, c: [{"role": r, "content": c}], st.sampled_from(["system", "developer"]), filled)
    turns = st.lists(user | system | st.builds(turn, st.lists(call, max_size=2), words, words), min_size=1, max_size=5)
    messages = turns.map(lambda found: [message for part in found for message in part]).filter(bool)
    schema = st.dictionaries(words, json_values, min_size=1, max_size=2)
    function = st.builds(
        lambda n, p, s: {"type": "function", "function": {"name": n, "parameters": p, "strict": s}}, filled, schema, st.booleans()
    )
    custom = st.builds(
        lambda n: {"type": "custom", "custom": {"name": n, "description": "d", "format": {"type": "text"}}}, filled
    )
    hosted = st.builds(lambda v: {"type": "web_search", "filters": v}, json_values)
    return st.fixed_dictionaries(
        {"model": st.just("m"), "messages": messages},
        optional={
            "tools": st.lists(function | custom | hosted, min_size=1, max_size=3),
            "max_tokens": st.integers(1, 9999),
            "temperature": st.floats(0, 2),
            "stop": st.lists(words, min_size=1, max_size=6),
            "reasoning_effort": st.sampled_from(["none", "low", "max"]),
            "response_format": st.just(
                {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
            ),
            "user": words,
            "safety_identifier": words.map(lambda text: f"person {text}"),
            "logit_bias": st.just({"1": 5}),
            "n": st.integers(1, 4),
            "min_p": st.floats(0, 1),
            "web_search_options": objects,
        },
    )


def _anthropic_clean() -> st.SearchStrategy[dict[str, Any]]:
    mark = {"type": "ephemeral", "ttl": "1h"}
    text = st.builds(lambda t, m: {"type": "text", "text": t} | ({"cache_control": mark} if m else {}), words, st.booleans())
    image = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
    document = st.just({"type": "document", "title": "T", "source": {"type": "url", "url": "https://e.com/a.pdf"}})
    odd = st.builds(lambda v: {"type": "server_tool_use", "id": "s", "input": v}, json_values)
    use = st.builds(lambda i, n, o: {"type": "tool_use", "id": i, "name": n, "input": o}, filled, filled, objects)
    thinking = st.builds(lambda t, s: {"type": "thinking", "thinking": t, "signature": s}, words, filled)
    redacted = st.builds(lambda d: {"type": "redacted_thinking", "data": d}, words)
    result = st.builds(
        lambda i, c, e: {"type": "tool_result", "tool_use_id": i, "content": c} | ({"is_error": True} if e else {}),
        filled,
        filled | st.lists(text | image, min_size=2, max_size=3),
        st.booleans(),
    )
    message = st.one_of(
        st.builds(
            lambda c: {"role": "user", "content": c}, filled | st.lists(text | image | document | result, min_size=2, max_size=4)
        ),
        st.builds(
            lambda c: {"role": "assistant", "content": c}, filled | st.lists(text | use | thinking | redacted | odd, min_size=2)
        ),
        st.builds(lambda c: {"role": "system", "content": c}, filled),
    )
    tool = st.builds(
        lambda n, s: {"name": n, "input_schema": s, "defer_loading": True, "cache_control": mark}, filled, objects.filter(bool)
    )
    hosted = st.builds(lambda v: {"type": "web_search_20250305", "name": "web_search", "filters": v}, json_values)
    return st.fixed_dictionaries(
        {"model": st.just("m"), "max_tokens": st.integers(1, 9999), "messages": st.lists(message, min_size=1, max_size=5)},
        optional={
            "system": filled | st.lists(text, min_size=2, max_size=3),
            "tools": st.lists(tool | hosted, min_size=1, max_size=3),
            "thinking": st.sampled_from(
                [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 9000}, {"type": "between_tools"}]
            ),
            "output_config": st.just({"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}),
            "stop_sequences": st.lists(words, min_size=1, max_size=6),
            "top_k": st.integers(0, 9),
            "metadata": st.builds(lambda u: {"user_id": u}, words),
            "context_management": objects,
            "speed": st.just("fast"),
        },
    )


CLEAN = {"openai_chat": _chat_clean(), "anthropic": _anthropic_clean()}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_there_and_back_again_is_the_same_request(name: str, data: st.DataObject) -> None:
    body = data.draw(CLEAN[name])
    one = registry()[name]
    back = json.loads(one.encode_request(one.decode_request(json.dumps(body).encode()), PROFILE))
    assert _compacted(back) == _compacted(body)


def _compacted(value: Any) -> Any:
    """Argument text compared as the JSON it is: spacing carries no meaning."""
    if isinstance(value, dict):
        return {key: json.loads(item) if key == "arguments" else _compacted(item) for key, item in value.items()}
    return [_compacted(item) for item in value] if isinstance(value, list) else value


def _mutated(value: Any, data: st.DataObject) -> Any:
    """``value`` with something, somewhere, replaced by anything."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 3)):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: _mutated(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 3)):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], _mutated(value[index], data), *value[index + 1 :]]
    return data.draw(json_values)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_a_damaged_request_is_a_bad_request_or_a_request(name: str, data: st.DataObject) -> None:
    body = _mutated(data.draw(MESSY[name]), data)
    formats = registry()
    other = next(candidate for candidate in FORMATS if candidate != name)
    with contextlib.suppress(BadRequest):
        request = formats[name].decode_request(json.dumps(body).encode())
        formats[name].encode_request(request, PROFILE)
        translate_request(scan(json.dumps(body).encode()), formats[name], formats[other], PROFILE)


@pytest.mark.parametrize("name", FORMATS)
@given(body=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
def test_any_bytes_are_a_bad_request_or_a_request(name: str, body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        registry()[name].decode_request(body)


ANSWERS: dict[str, Any] = {
    "openai_chat": {
        "id": "i", "model": "m", "created": 1, "service_tier": "default", "system_fingerprint": "f",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": {
            "role": "assistant", "content": "x", "refusal": None, "reasoning_content": "r", "annotations": [{"type": "url_citation"}],
            "images": [{"image_url": {"url": "u"}}], "tool_calls": [{"id": "c", "function": {"name": "n", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {}},
    },
    "anthropic": {
        "id": "i", "model": "m", "stop_reason": "tool_use", "stop_sequence": None,
        "content": [{"type": "text", "text": "x", "citations": [{"url": "u"}]}, {"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"}, {"type": "tool_use", "id": "t", "name": "n", "input": {}}],
        "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_a_damaged_answer_is_a_bad_answer_or_an_answer(name: str, data: st.DataObject) -> None:
    answer = _mutated(ANSWERS[name], data)
    error_in_body(answer)
    formats = registry()
    with contextlib.suppress(BadAnswer):
        response = formats[name].decode_response(json.dumps(answer).encode())
        for client in FORMATS:
            body = json.loads(formats[client].encode_response(response, META))
            counts = [value for value in body.get("usage", {}).values() if isinstance(value, int)]
            assert all(value >= 0 for value in counts)


@given(st.lists(st.text(max_size=90), unique=True, max_size=20), st.sampled_from([None, "anthropic", "nine"]))
def test_distinct_call_ids_stay_distinct_and_legal(originals: list[str], shape: str | None) -> None:
    ids = CallIds(shape, "a-zA-Z0-9_-", 64)
    issued = [ids.issue(original) for original in originals]
    assert len(set(issued)) == len(originals)
    legal = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert all(0 < len(call_id) <= 64 and set(call_id) <= legal for call_id in issued)
    if shape == "nine":
        assert all(len(call_id) == 9 and call_id.isalnum() for call_id in issued)


@given(st.text(max_size=90))
def test_rewriting_an_id_is_a_pure_function_with_fixed_points(original: str) -> None:
    once = legal_id(original, "a-zA-Z0-9_-", 64)
    assert legal_id(original, "a-zA-Z0-9_-", 64) == once
    assert legal_id(once, "a-zA-Z0-9_-", 64) == once
    assert nine(nine(original)) == nine(original)


@given(st.lists(st.text(max_size=200), unique=True, max_size=20), st.sampled_from([64, 128]))
def test_tool_names_can_be_restored(originals: list[str], limit: int) -> None:
    names = ToolNames(limit)
    names.reserve(originals)
    sent = [names.sent(original) for original in originals]
    assert len(set(sent)) == len(originals)
    assert all(0 < len(name) <= limit for name in sent)
    restore = names.restore()
    assert [restore.get(name, name) for name in sent] == originals


@given(st.text() | json_values.map(json.dumps))
def test_any_arguments_become_an_object(text: str) -> None:
    assert isinstance(arguments_object(text), dict)
