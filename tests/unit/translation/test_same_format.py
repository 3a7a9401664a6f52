"""Equal formats on both sides: bytes pass, and only what a profile says is spliced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import Translated, translate_request


def _pass(name: str, body: bytes, **quirks: Any) -> Translated:
    one = registry()[name]
    return translate_request(scan(body), one, one, Profile(model="up", quirks=Quirks(**quirks)))


def _changed(name: str, body: dict[str, Any], **quirks: Any) -> dict[str, Any]:
    result = json.loads(_pass(name, json.dumps(body).encode(), **quirks).body)
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_edge_103_only_the_model_changes_and_every_other_byte_stays(name: str) -> None:
    body = b'{ "odd" : {"x": 1.50, "y": "\\u00e9"},\n "model":"asked" ,"messages":[{"role":"user","content":[{"type":"brand_new"}]}] }'
    translated = _pass(name, body)
    assert translated.body == body.replace(b'"asked"', b'"up"')
    assert translated.request is None
    assert translated.tool_names == {}
    assert translated.stream is False


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_a_model_that_is_right_already_leaves_the_body_untouched(name: str) -> None:
    body = b'{"model":"up","messages":[{"role":"user","content":"hi"}],"system":"x-anthropic-billing-header: stays"}'
    assert _pass(name, body).body is body


MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("options", "quirks", "sent", "wanted"),
    [
        (None, {}, {"include_usage": True}, False),
        (None, {"stream_usage": "flag"}, {"include_usage": True}, False),
        ({"include_usage": True}, {}, {"include_usage": True}, True),
        (
            {"include_usage": False, "include_obfuscation": False},
            {},
            {"include_usage": True, "include_obfuscation": False},
            False,
        ),
        (None, {"stream_usage": "always"}, None, False),
        ({"include_usage": True}, {"stream_usage": "never"}, None, True),
    ],
)
def test_usage_is_always_asked_for_in_chat_streams(options: Any, quirks: dict[str, Any], sent: Any, wanted: bool) -> None:
    body: dict[str, Any] = {"model": "m", "stream": True, "messages": MESSAGES}
    if options is not None:
        body["stream_options"] = options
    translated = _pass("openai_chat", json.dumps(body).encode(), **quirks)
    assert json.loads(translated.body).get("stream_options") == sent
    assert translated.include_usage is wanted
    assert translated.stream is True


def test_no_stream_no_stream_options() -> None:
    assert "stream_options" not in _changed("openai_chat", {"model": "m", "messages": MESSAGES})


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"max_tokens": 5}, "max_completion_tokens", {"max_completion_tokens": 5}),
        ({"max_completion_tokens": 5}, "max_tokens", {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_tokens", {"max_tokens": 7}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_completion_tokens", {"max_completion_tokens": 7}),
        ({"max_tokens": 5, "max_completion_tokens": None}, "max_tokens", {"max_tokens": 5}),
        ({"max_tokens": 5}, None, {"max_tokens": 5}),
    ],
)
def test_edge_092_output_limit_under_the_name_the_endpoint_knows(
    given: dict[str, Any], field: Any, expected: dict[str, Any]
) -> None:
    sent = _changed("openai_chat", {"model": "m", "messages": MESSAGES, **given}, max_tokens_field=field)
    assert {key: value for key, value in sent.items() if "tokens" in key} == expected


@pytest.mark.parametrize(
    ("name", "given", "quirks", "expected"),
    [
        ("openai_chat", {"seed": 1, "top_p": 0.5}, {"drop": ("seed",)}, {"top_p": 0.5}),
        ("openai_chat", {"seed": 1}, {"rename": {"seed": "random_seed"}}, {"random_seed": 1}),
        ("openai_chat", {"seed": 1, "random_seed": 2}, {"rename": {"seed": "random_seed"}}, {"random_seed": 2}),
        ("openai_chat", {"store": True}, {"force": {"store": False, "x": [1]}}, {"store": False, "x": [1]}),
        ("openai_chat", {"temperature": 1.5, "top_p": 0.1, "presence_penalty": 1}, {"sampling": False}, {}),
        ("openai_chat", {"temperature": 1.5}, {"temperature_range": (0.0, 1.0)}, {"temperature": 1.0}),
        ("openai_chat", {"temperature": None}, {"temperature_range": (0.0, 1.0)}, {"temperature": None}),
        ("openai_chat", {"tool_choice": "required"}, {"tool_choice": "any_for_required"}, {"tool_choice": "any"}),
        ("openai_chat", {"tool_choice": {"type": "function"}}, {"tool_choice": "auto"}, {"tool_choice": "auto"}),
        ("openai_chat", {"tool_choice": "none"}, {"tool_choice": "auto"}, {"tool_choice": "none"}),
        ("anthropic", {"temperature": 0.5, "top_k": 3}, {"sampling": False}, {}),
        ("anthropic", {"temperature": 1.5}, {}, {"temperature": 1.5}),
        ("anthropic", {"speed": "fast"}, {"drop": ("speed",)}, {}),
    ],
)
def test_simple_quirks(name: str, given: dict[str, Any], quirks: dict[str, Any], expected: dict[str, Any]) -> None:
    sent = _changed(name, {"model": "m", "messages": MESSAGES, **given}, **quirks)
    assert sent == {"model": "up", "messages": MESSAGES, **expected}


def test_edge_002_developer_role_for_an_endpoint_that_knows_only_system() -> None:
    messages = [{"role": "developer", "content": "s", "odd": 1}, {"role": "user", "content": 'say "developer"'}]
    sent = _changed("openai_chat", {"model": "m", "messages": messages}, system_role="system")
    assert sent["messages"] == [{"role": "system", "content": "s", "odd": 1}, messages[1]]


def test_every_splice_is_explained() -> None:
    chat = registry()["openai_chat"]
    ops: list[Op] = []
    body = json.dumps({"model": "m", "seed": 1, "temperature": 2, "messages": MESSAGES}).encode()
    profile = Profile(model="up", quirks=Quirks(drop=("seed",), temperature_range=(0.0, 1.0), force={"x": 1}))
    translate_request(scan(body), chat, chat, profile, ops=ops)
    assert {(op.pointer, op.action) for op in ops} == {
        ("/model", "rewritten"),
        ("/seed", "dropped"),
        ("/temperature", "rewritten"),
        ("/x", "synthesised"),
    }
