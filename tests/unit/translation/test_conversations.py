"""Ids, names and long conversations: what only shows over several turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.format import registry
from omniroute.translation.normalise import normalise
from omniroute.translation.ops import Op
from omniroute.translation.request import Translated, translate_request
from unit.translation.validators import anthropic_complaints, chat_complaints


def _translate(client: str, upstream: str, body: dict[str, Any], **quirks: Any) -> Translated:
    formats = registry()
    given = {"model": "m", **body}
    profile = Profile(model="up", quirks=Quirks(**quirks))
    return translate_request(scan(json.dumps(given).encode()), formats[client], formats[upstream], profile)


def _chat_turns(*ids: str, name: str = "read") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "q"}]
    for call_id in ids:
        call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": f"result of {call_id}"})
    return messages


def _pairs(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(id of the call, id of its result, result text) per turn of an Anthropic body."""
    uses = [block for message in body["messages"] for block in message["content"] if message["role"] == "assistant"]
    results = [b for m in body["messages"] if m["role"] == "user" and isinstance(m["content"], list) for b in m["content"]]
    return [(use["id"], result["tool_use_id"], result["content"]) for use, result in zip(uses, results, strict=True)]


def test_edge_029_the_same_id_in_two_turns_is_renamed_as_a_pair() -> None:
    body = json.loads(_translate("openai_chat", "anthropic", {"messages": _chat_turns("c1", "c1", "c1")}).body)
    pairs = _pairs(body)
    assert pairs[0][0] == "c1"
    assert all(call == result for call, result, _ in pairs)
    assert len({call for call, _, _ in pairs}) == 3
    assert anthropic_complaints(body) == []


def test_edge_030_illegal_ids_stay_distinct_and_equal_on_both_sides() -> None:
    pairs = _pairs(
        json.loads(_translate("openai_chat", "anthropic", {"messages": _chat_turns("a.b", "a_b", "a:b", "日本", "x" * 90)}).body)
    )
    assert all(call == result for call, result, _ in pairs)
    assert [text for _, _, text in pairs] == [f"result of {i}" for i in ("a.b", "a_b", "a:b", "日本", "x" * 90)]
    assert len({call for call, _, _ in pairs}) == 5
    assert pairs[1][0] == "a_b"


def test_ids_do_not_depend_on_what_comes_later() -> None:
    short = _pairs(json.loads(_translate("openai_chat", "anthropic", {"messages": _chat_turns("a.b")}).body))
    long = _pairs(json.loads(_translate("openai_chat", "anthropic", {"messages": _chat_turns("a.b", "a_b", "a:b")}).body))
    assert long[: len(short)] == short


def test_edge_031_long_ids_are_shortened_for_chat() -> None:
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t" * 90, "name": "read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t" * 90, "content": "r"}]},
    ]
    body = json.loads(_translate("anthropic", "openai_chat", {"max_tokens": 5, "messages": messages}).body)
    call_id = body["messages"][1]["tool_calls"][0]["id"]
    assert len(call_id) <= 64
    assert body["messages"][2]["tool_call_id"] == call_id


def test_ids_of_nine_letters_for_endpoints_that_insist() -> None:
    messages = [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": f"toolu_{i}", "name": "read", "input": {}} for i in range(3)],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{i}", "content": str(i)} for i in range(3)]},
    ]
    body = json.loads(_translate("anthropic", "openai_chat", {"max_tokens": 5, "messages": messages}, tool_id="nine").body)
    calls = [call["id"] for call in body["messages"][1]["tool_calls"]]
    assert all(len(call_id) == 9 and call_id.isalnum() for call_id in calls)
    assert [message["tool_call_id"] for message in body["messages"][2:]] == calls


LONG = "mcp__a_very_long_server_name__and_a_very_long_tool_name_that_goes_on_and_on_and_on"


@pytest.mark.parametrize(
    ("client", "upstream", "limit"),
    [("anthropic", "openai_chat", 64), ("openai_chat", "anthropic", 128)],
)
def test_edge_051_052_names_are_changed_everywhere_and_can_be_restored(client: str, upstream: str, limit: int) -> None:
    names = [LONG * 2 + "_a", LONG * 2 + "_b", "server.tool/x", "ünïcode", "plain"]
    if client == "anthropic":
        tools: Any = [{"name": name, "input_schema": {"type": "object"}} for name in names]
        choice: Any = {"type": "tool", "name": names[0]}
        uses = [{"type": "tool_use", "id": f"t{i}", "name": name, "input": {}} for i, name in enumerate(names)]
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": uses}]
    else:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        choice = {"type": "function", "function": {"name": names[0]}}
        calls = [{"id": f"t{i}", "type": "function", "function": {"name": name, "arguments": ""}} for i, name in enumerate(names)]
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": calls}]
    translated = _translate(client, upstream, {"max_tokens": 5, "tools": tools, "tool_choice": choice, "messages": messages})
    body = json.loads(translated.body)
    if upstream == "openai_chat":
        sent = [tool["function"]["name"] for tool in body["tools"]]
        chosen = body["tool_choice"]["function"]["name"]
        history = [call["function"]["name"] for call in body["messages"][1]["tool_calls"]]
    else:
        sent = [tool["name"] for tool in body["tools"]]
        chosen = body["tool_choice"]["name"]
        history = [block["name"] for block in body["messages"][1]["content"]]
    assert len(set(sent)) == len(names)
    assert all(len(name) <= limit for name in sent)
    assert sent[4] == "plain"
    assert chosen == sent[0]
    assert history == sent
    assert [translated.tool_names.get(name, name) for name in sent] == names
    assert "plain" not in translated.tool_names


@pytest.mark.parametrize(("client", "upstream"), [("openai_chat", "anthropic"), ("anthropic", "openai_chat")])
def test_edge_017_a_conversation_of_thousands_of_turns(client: str, upstream: str) -> None:
    turns = 4000
    if client == "openai_chat":
        messages = _chat_turns(*(f"call.{i}" for i in range(turns)))
    else:
        messages = [{"role": "user", "content": "q"}]
        for i in range(turns):
            messages.append({"role": "assistant", "content": [{"type": "tool_use", "id": f"t{i}", "name": "read", "input": {}}]})
            messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{i}", "content": f"r{i}"}]})
    body = json.loads(_translate(client, upstream, {"max_tokens": 5, "messages": messages}).body)
    assert len(body["messages"]) == 2 * turns + 1
    assert (anthropic_complaints if upstream == "anthropic" else chat_complaints)(body) == []


def test_edge_017_a_turn_of_thousands_of_calls() -> None:
    calls = [{"id": f"c{i}", "type": "function", "function": {"name": "read", "arguments": "{}"}} for i in range(4000)]
    results = [{"role": "tool", "tool_call_id": f"c{i}", "content": str(i)} for i in reversed(range(4000))]
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    body = json.loads(_translate("openai_chat", "anthropic", {"messages": messages}).body)
    assert [block["content"] for block in body["messages"][2]["content"]] == [str(i) for i in range(4000)]


def test_edge_041_a_large_result_passes_whole() -> None:
    text = '{"deep": "' + "x\\\\" * 400_000 + '"}'
    messages = [*_chat_turns("c1")[:2], {"role": "tool", "tool_call_id": "c1", "content": text}]
    body = json.loads(_translate("openai_chat", "anthropic", {"messages": messages}).body)
    assert body["messages"][2]["content"][0]["content"] == text


def test_edge_018_a_lone_surrogate_is_a_bad_request() -> None:
    for one in (found for found in registry() if not found.egress_only):
        with pytest.raises(BadRequest):
            one.decode_request(b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}')


def test_arguments_nested_too_deep_for_an_object_travel_as_text() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    messages = _chat_turns("c1")
    messages[1]["tool_calls"][0]["function"]["arguments"] = deep
    body = json.loads(_translate("openai_chat", "anthropic", {"messages": messages}).body)
    assert body["messages"][1]["content"][0]["input"] == {"_raw": deep}


def test_a_schema_nested_too_deep_is_a_bad_request() -> None:
    schema: dict[str, Any] = {}
    for _ in range(150):
        schema = {"properties": {"a": schema}}
    body = {
        "messages": [{"role": "user", "content": "q"}],
        "tools": [{"type": "function", "function": {"name": "x", "parameters": schema}}],
    }
    with pytest.raises(BadRequest, match="cannot be written"):
        _translate("openai_chat", "anthropic", body)


def test_edge_066_signed_thinking_goes_back_to_its_vendor_byte_for_byte() -> None:
    thinking = {"type": "thinking", "thinking": "hm\u00e9", "signature": "EqQBCg=="}
    redacted = {"type": "redacted_thinking", "data": "opaque"}
    history = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [thinking, redacted, {"type": "tool_use", "id": "t1", "name": "read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]},
    ]
    one = registry()["anthropic"]
    body = {"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000}, "messages": history}
    request = one.decode_request(json.dumps(body).encode())
    ready = normalise(request, Profile(model="m"), "anthropic").request
    assert json.loads(one.encode_request(ready, Profile(model="m"))) == body


def test_what_was_done_is_told_with_rule_place_and_action() -> None:
    ops: list[Op] = []
    formats = registry()
    body = {
        "model": "m",
        "temperature": 3,
        "seed": 1,
        "min_p": 0.1,
        "messages": [
            {"role": "system", "content": "s"},
            *_chat_turns("a.b"),
            {"role": "tool", "tool_call_id": "zz", "content": "lost"},
        ],
    }
    translate_request(scan(json.dumps(body).encode()), formats["openai_chat"], formats["anthropic"], Profile(model="up"), ops=ops)
    told = {(op.rule, op.pointer, op.action) for op in ops}
    assert {
        ("temperature-range", "/temperature", "clamped"),
        ("field-unsupported", "/seed", "dropped"),
        ("field-unknown", "/min_p", "dropped"),
        ("max-tokens-default", "/max_tokens", "synthesised"),
        ("system-placement", "/messages/0", "moved"),
        ("call-id", "/messages/1", "renamed"),
        ("result-orphan", "/messages/2", "rewritten"),
    } <= told


@pytest.mark.parametrize(
    ("name", "body", "param"),
    [
        ("openai_chat", {"messages": []}, "messages"),
        ("openai_chat", {}, "messages"),
        ("openai_chat", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content[0].image_url.url"),
        ("openai_chat", {"messages": [{"content": "x"}]}, "messages[0].role"),
        ("openai_chat", {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ("openai_chat", {"messages": [{"role": "assistant", "tool_calls": [{"id": "x", "function": {}}]}]}, "messages[0].tool_calls[0].function.name"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}, "tools[0].function"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "max_tokens": "5"}, "max_tokens"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "stop": [1]}, "stop[0]"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "tool_choice": {"type": "x"}}, "tool_choice.type"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "reasoning_effort": "huge"}, "reasoning_effort"),
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "xml"}}, "response_format.type"),
        ("anthropic", {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "ftp"}}]}]}, "messages[0].content[0].source.type"),
        ("anthropic", {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ("anthropic", {"messages": [{"role": "user", "content": "x"}], "system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
        ("anthropic", {"messages": [{"role": "user", "content": "x"}], "thinking": {"budget_tokens": 5}}, "thinking.type"),
        ("anthropic", {"messages": [{"role": "user", "content": "x"}], "tools": [{"input_schema": {}}]}, "tools[0].name"),
        ("anthropic", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1.5}, "max_tokens"),
        ("anthropic", {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "t", "name": "n"}]}]}, "messages[0].content[0].type"),
        ("anthropic", {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]}, "messages[0].content[0].type"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_path(name: str, body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        registry()[name].decode_request(json.dumps({"model": "m", **body}).encode())
    assert caught.value.param == param
    assert param in caught.value.message


def test_counting_bodies_have_no_max_tokens() -> None:
    request = registry()["anthropic"].decode_request(b'{"model":"m","messages":[{"role":"user","content":"x"}]}')
    assert request.max_tokens is None
