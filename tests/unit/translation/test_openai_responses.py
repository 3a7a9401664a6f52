"""Responses requests from every client and to every upstream; expectations written from the facts of the formats."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest, RequestError
from omniroute.ir.caps import Capabilities, Profile
from omniroute.ir.request import Thinking
from omniroute.translation.format import registry
from omniroute.translation.request import Translated, translate_request
from omniroute.translation.signatures import PREFIX, is_foreign, own, unwrap, wrap
from unit.translation.responses_rules import responses_complaints
from unit.translation.validators import anthropic_complaints, chat_complaints

NAME = "openai_responses"
PNG = "iVBORw0KGgoAAAANSUhEUg=="
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def translate(client: str, upstream: str, body: dict[str, Any], **profile: Any) -> Translated:
    formats = registry()
    given = {"model": "asked", **({"max_tokens": 1000} if client == "anthropic" else {}), **body}
    return translate_request(scan(json.dumps(given).encode()), formats[client], formats[upstream], Profile(model="up", **profile))


def to_chat(body: dict[str, Any], **profile: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(translate(NAME, "openai_chat", {"input": "hi", **body}, **profile).body)
    assert chat_complaints(sent) == []
    return sent


def to_anthropic(body: dict[str, Any], **profile: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(translate(NAME, "anthropic", {"input": "hi", **body}, **profile).body)
    assert anthropic_complaints(sent) == []
    return sent


def from_chat(body: dict[str, Any], **profile: Any) -> dict[str, Any]:
    given = {"messages": [{"role": "user", "content": "hi"}], **body}
    sent: dict[str, Any] = json.loads(translate("openai_chat", NAME, given, **profile).body)
    assert responses_complaints(sent) == []
    return sent


def from_anthropic(body: dict[str, Any], **profile: Any) -> dict[str, Any]:
    given = {"messages": [{"role": "user", "content": "hi"}], **body}
    sent: dict[str, Any] = json.loads(translate("anthropic", NAME, given, **profile).body)
    assert responses_complaints(sent) == []
    return sent


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def call(call_id: str, name: str = "read", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def output(call_id: str, text: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


# -- a Responses client ----------------------------------------------------------------------------------------------------


def test_string_input_is_one_user_message() -> None:
    assert to_chat({"input": "hello", "instructions": "Be brief."})["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
    ]


def test_edge_003_002_developer_items_keep_their_place() -> None:
    items = [
        {"role": "developer", "content": "rules"},
        user("q"),
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "late"}]},
    ]
    sent = to_chat({"instructions": "first", "input": items})
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [
        ("system", "first"),
        ("developer", "rules"),
        ("user", "q"),
        ("system", "late"),
    ]
    claude = to_anthropic({"instructions": "first", "input": items})
    assert [block["text"] for block in claude["system"]] == ["first", "rules"]
    assert "late" in json.dumps(claude["messages"])


def test_adjacent_items_of_the_assistant_are_one_turn() -> None:
    items = [
        user("q"),
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "content": None},
        said("Looking."),
        call("c1"),
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        call("c2"),
        output("c2", "two"),
        output("c1", [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "more"}]),
        said("Done."),
    ]
    sent = to_chat({"input": items})
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool", "tool", "assistant"]
    assert sent["messages"][1]["content"] == "Looking."
    assert [c["id"] for c in sent["messages"][1]["tool_calls"]] == ["c1", "c2"]
    assert [m["content"] for m in sent["messages"][2:4]] == ["one\nmore", "two"]
    assert "hm" not in json.dumps(sent)
    claude = to_anthropic({"input": items})
    assert [m["role"] for m in claude["messages"]] == ["user", "assistant", "user", "assistant"]
    assert [b["type"] for b in claude["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]


def test_edge_026_027_orphans_and_missing_results() -> None:
    sent = to_chat({"input": [user("q"), call("c1"), user("go on"), output("zz", "lost")]})
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool", "user", "user"]
    assert "lost" in json.dumps(sent["messages"][-1])


def test_edge_034_media_in_outputs() -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    items = [user("q"), call("c1"), output("c1", [{"type": "input_text", "text": "pic"}, image])]
    claude = to_anthropic({"input": items})
    blocks = claude["messages"][2]["content"][0]["content"]
    assert blocks[1]["source"] == {"type": "base64", "media_type": "image/png", "data": PNG}
    chat = to_chat({"input": items})
    assert chat["messages"][2]["content"] == "pic"
    assert chat["messages"][3]["content"][1]["image_url"]["url"].endswith(PNG)


def test_parts_of_every_kind() -> None:
    parts = [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": "https://e.test/a.png", "detail": "high"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        {"type": "input_file", "file_data": "aGVsbG8=", "filename": "notes.txt"},
        {"type": "input_file", "file_url": "https://e.test/b.pdf"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "brand_new", "text": "kept words"},
    ]
    content = to_chat({"input": [{"role": "user", "content": parts}]})["messages"][0]["content"]
    assert content[1] == {"type": "image_url", "image_url": {"url": "https://e.test/a.png", "detail": "high"}}
    assert content[2]["file"]["filename"] == "a.pdf"
    assert "https://e.test/b.pdf" in content[4]["text"]
    assert content[5]["input_audio"]["format"] == "wav"
    assert content[6] == {"type": "text", "text": "kept words"}


def test_edge_089_a_file_id_is_refused() -> None:
    part = {"type": "input_file", "file_id": "file-1"}
    with pytest.raises(BadRequest):
        to_chat({"input": [{"role": "user", "content": [part]}]})


def test_edge_057_058_hosted_and_client_run_tools() -> None:
    tools = [
        {"type": "web_search"},
        {"type": "function", "name": "read", "parameters": SCHEMA, "strict": False},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "apply_patch"},
        {"type": "mcp", "server_label": "x", "server_url": "https://e.test"},
        {"type": "tool_search", "execution": "client"},
        {"type": "image_generation", "output_format": "png"},
    ]
    sent = to_chat({"tools": tools, "tool_choice": "auto", "parallel_tool_calls": True})
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["read", "local_shell", "shell", "apply_patch"]
    assert sent["tools"][1]["function"]["parameters"]["required"] == ["command"]
    bare = to_chat({"tools": [{"type": "web_search"}], "tool_choice": "auto", "parallel_tool_calls": True})
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & bare.keys()


def test_edge_059_custom_tools_are_functions_with_one_string() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    tools = [{"type": "custom", "name": "patch", "description": "Edit", "format": grammar}]
    items = [
        user("q"),
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": 'a "b"'},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
    ]
    for sent in (to_chat({"tools": tools, "input": items}), to_anthropic({"tools": tools, "input": items})):
        tool = sent["tools"][0].get("function", sent["tools"][0])
        assert tool["description"] == "Edit\n\nThe input must follow this grammar:\nstart: x"
        assert (tool.get("parameters") or tool["input_schema"])["required"] == ["input"]
    arguments = to_chat({"tools": tools, "input": items})["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"input": 'a "b"'}


def test_edge_060_equal_names_in_two_namespaces() -> None:
    read = {"type": "function", "name": "read", "parameters": SCHEMA}
    tools = [
        {"type": "namespace", "name": "a", "description": "A", "tools": [read, {"type": "function", "name": "b__c"}]},
        {"type": "namespace", "name": "b", "description": "B", "tools": [read]},
        {"type": "namespace", "name": "a__b", "description": "C", "tools": [{"type": "function", "name": "c"}]},
        {"type": "function", "name": "b__read"},
    ]
    items = [user("q"), call("c1", "read", namespace="b"), output("c1", "r")]
    choice = {"type": "function", "name": "read", "namespace": "b"}
    sent = to_chat({"tools": tools, "input": items, "tool_choice": choice})
    names = [tool["function"]["name"] for tool in sent["tools"]]
    assert len(set(names)) == 5
    assert names[0] == "a__read"
    assert names[-1] == "b__read"
    assert names[2].startswith("b__read_")
    assert sent["messages"][1]["tool_calls"][0]["function"]["name"] == names[2]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": names[2]}}


def test_edge_061_tools_inside_of_the_input() -> None:
    late = {"type": "additional_tools", "role": "developer", "tools": [
        {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
        {"type": "function", "name": "read", "description": "second"},
    ]}  # fmt: skip
    tools = [{"type": "function", "name": "read", "description": "first"}]
    sent = to_chat({"tools": tools, "input": [late, user("q")]})
    assert [t["function"]["name"] for t in sent["tools"]] == ["read", "functions__exec"]
    assert sent["tools"][0]["function"]["description"] == "first"
    assert sent["messages"] == [{"role": "user", "content": "q"}]


def test_items_that_carry_nothing_for_others_are_passed_over() -> None:
    items = [
        {**user("q"), "id": "msg_client", "internal_chat_message_metadata_passthrough": {"turn_id": "t"}},
        {"type": "configuration_update", "reasoning": {"effort": "low"}},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "compaction_trigger"},
    ]
    assert to_chat({"input": items, "client_metadata": {"a": "b"}})["messages"] == [{"role": "user", "content": "q"}]


@pytest.mark.parametrize(("item", "name", "arguments"), [
    (
        {"type": "local_shell_call", "action": {"type": "exec", "command": ["ls"], "env": {}, "working_directory": "/x"}},
        "local_shell",
        {"command": ["ls"], "workdir": "/x"},
    ),
    ({"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": 5}}, "shell", {"commands": ["ls"], "timeout_ms": 5}),
    (
        {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        "apply_patch",
        {"type": "delete_file", "path": "a"},
    ),
])  # fmt: skip
def test_history_of_client_run_tools(item: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    result = {"type": f"{item['type']}_output", "call_id": "c1", "output": [{"stdout": "f"}] if name == "shell" else "f"}
    sent = to_chat({"tools": [{"type": name}], "input": [user("q"), {**item, "call_id": "c1"}, result]})
    function = sent["messages"][1]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == (name, arguments)
    assert "f" in sent["messages"][2]["content"]


def test_a_failed_patch_is_an_error() -> None:
    items = [
        user("q"),
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no such file"},
    ]
    assert to_anthropic({"input": items})["messages"][2]["content"][0]["is_error"] is True


def test_fields_for_chat() -> None:
    wanted = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}
    sent = to_chat(
        {
            "max_output_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": wanted, "verbosity": "low"},
            "safety_identifier": "person",
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "metadata": {"a": "b"},
            "store": False,
            "truncation": "auto",
            "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
            "top_logprobs": 2,
            "stream": True,
            "stream_options": {"include_obfuscation": False},
        }
    )
    assert (sent["max_tokens"], sent["temperature"], sent["top_p"], sent["reasoning_effort"]) == (50, 0.5, 0.9, "low")
    assert sent["response_format"] == {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    assert (sent["verbosity"], sent["user"], sent["service_tier"], sent["prompt_cache_key"]) == ("low", "person", "flex", "k")
    assert (sent["logprobs"], sent["top_logprobs"], sent["stream_options"]) == (True, 2, {"include_usage": True})
    assert not {"store", "truncation", "include", "text", "reasoning"} & sent.keys()


def test_a_wish_to_see_summaries_asks_for_no_reasoning() -> None:
    """Codex sends it for models it does not know."""
    assert "reasoning_effort" not in to_chat({"reasoning": {"summary": "auto"}})
    assert "thinking" not in to_anthropic({"reasoning": {"summary": "auto"}})
    assert to_anthropic({"reasoning": {"effort": "high"}})["thinking"]["budget_tokens"] == 16384


@pytest.mark.parametrize(("choice", "sent"), [
    ("auto", "auto"),
    ("none", "none"),
    ("required", "required"),
    ({"type": "function", "name": "read"}, {"type": "function", "function": {"name": "read"}}),
    ({"type": "local_shell"}, {"type": "function", "function": {"name": "local_shell"}}),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "read"}]},
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "read"}}]}},
    ),
])  # fmt: skip
def test_tool_choice(choice: Any, sent: Any) -> None:
    tools = [{"type": "function", "name": "read", "parameters": SCHEMA}, {"type": "local_shell"}]
    assert to_chat({"tools": tools, "tool_choice": choice})["tool_choice"] == sent


@pytest.mark.parametrize(("body", "param"), [
    ({}, "input"),
    ({"input": 7}, "input"),
    ({"input": [7]}, "input[0]"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ({"input": "x", "conversation": {"id": "c"}}, "conversation"),
    ({"input": "x", "background": True}, "background"),
    ({"input": "x", "prompt": {"id": "p"}}, "prompt"),
    ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
    ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
    ({"input": "x", "text": {"format": {"type": "yaml"}}}, "text.format.type"),
    ({"input": "x", "reasoning": {"effort": "extreme"}}, "reasoning.effort"),
    ({"input": "x", "tool_choice": "maybe"}, "tool_choice"),
    ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
    ({"input": "x", "tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
])  # fmt: skip
def test_mistakes_are_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        translate(NAME, "openai_chat", body)
    assert caught.value.param == param


# -- a Responses upstream --------------------------------------------------------------------------------------------------


def test_chat_conversation_as_items() -> None:
    calls = [{"id": f"c{i}", "type": "function", "function": {"name": "read", "arguments": '{"path":"a"}'}} for i in range(2)]
    messages = [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": "two"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c0", "content": "r0"},
        {"role": "system", "content": "late"},
        {"role": "assistant", "content": "a"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}],
        },
    ]
    sent = from_chat({"messages": messages})
    assert sent["instructions"] == "one\n\ntwo"
    assert sent["store"] is False
    assert sent["input"] == [
        user("q"),
        call("c0", arguments='{"path":"a"}'),
        call("c1", arguments='{"path":"a"}'),
        output("c0", "r0"),
        output("c1", "r1"),
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "late"}]},
        said("a"),
        {"type": "message", "role": "user", "content": [
            {"type": "input_image", "detail": "low", "image_url": f"data:image/png;base64,{PNG}"}
        ]},
    ]  # fmt: skip


def test_edge_062_strict_is_false_unless_asked_for() -> None:
    tools = [
        {"type": "function", "function": {"name": n, "parameters": SCHEMA, "strict": s}} for n, s in (("a", None), ("b", True))
    ]
    sent = from_chat(
        {"tools": tools, "tool_choice": {"type": "function", "function": {"name": "b"}}, "parallel_tool_calls": False}
    )
    assert [tool["strict"] for tool in sent["tools"]] == [False, True]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ({"type": "function", "name": "b"}, False)


def test_custom_tools_of_chat_stay_custom() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    tools = [{"type": "custom", "custom": {"name": "patch", "format": grammar}}]
    history = {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "go"}}]}
    messages = [{"role": "user", "content": "q"}, history, {"role": "tool", "tool_call_id": "c", "content": "ok"}]
    sent = from_chat({"tools": tools, "messages": messages})
    assert sent["tools"] == [
        {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}
    ]
    assert sent["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "go"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]


def test_fields_from_chat() -> None:
    schema = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}
    sent = from_chat(
        {
            "max_tokens": 3,
            "temperature": 3,
            "stop": ["x"],
            "seed": 1,
            "n": 1,
            "presence_penalty": 1,
            "logit_bias": {"1": 1},
            "logprobs": True,
            "top_logprobs": 2,
            "reasoning_effort": "high",
            "response_format": schema,
            "user": "u" * 200,
            "service_tier": "priority",
            "verbosity": "high",
            "store": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    assert (sent["max_output_tokens"], sent["temperature"], sent["top_logprobs"]) == (16, 2.0, 2)
    assert sent["reasoning"] == {"effort": "high", "summary": "auto"}
    assert sent["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert sent["text"] == {
        "format": {"type": "json_schema", "name": "output", "schema": SCHEMA, "strict": False},
        "verbosity": "high",
    }
    assert (sent["store"], sent["stream"], sent["service_tier"], len(sent["safety_identifier"])) == (False, True, "priority", 64)
    assert not {"stop", "seed", "n", "presence_penalty", "logit_bias", "logprobs", "user", "stream_options"} & sent.keys()


def test_encrypted_reasoning_is_asked_of_models_that_reason() -> None:
    """Others refuse the word."""
    assert "include" not in from_chat({})
    assert "include" not in from_chat({"reasoning_effort": "high"}, capabilities=Capabilities(reasoning=False))
    assert from_chat({}, capabilities=Capabilities(reasoning=True))["include"] == ["reasoning.encrypted_content"]


def test_edge_095_several_choices_are_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        from_chat({"n": 2})
    assert caught.value.param == "n"


def test_anthropic_conversation_as_items() -> None:
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "secret", "signature": "sig"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}},
            {"type": "tool_use", "id": "t2", "name": "read", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t2", "content": "boom", "is_error": True},
            {"type": "tool_result", "tool_use_id": "t1", "content": [
                {"type": "text", "text": "pic"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ]},
            {"type": "text", "text": "and?"},
        ]},
    ]  # fmt: skip
    sent = from_anthropic({
        "system": [{"type": "text", "text": "x-anthropic-billing-header: v"}, {"type": "text", "text": "Be kind."}],
        "messages": messages,
        "tools": [{"name": "read", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 9000},
        "metadata": {"user_id": "person"},
        "top_k": 5,
        "stop_sequences": ["x"],
    })  # fmt: skip
    assert sent["instructions"] == "Be kind."
    assert [item["type"] for item in sent["input"]] == [
        "message", "message", "function_call", "function_call", "function_call_output", "function_call_output", "message",
    ]  # fmt: skip
    picture, failed = sent["input"][4:6]
    assert [part["type"] for part in picture["output"]] == ["input_text", "input_image"]
    assert failed["output"] == "Error: boom"
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert (sent["reasoning"]["effort"], sent["safety_identifier"]) == ("medium", "person")
    assert "secret" not in json.dumps(sent)


# -- proofs of reasoning ---------------------------------------------------------------------------------------------------


def test_edge_064_proofs_come_back_to_their_vendor_only() -> None:
    claude = wrap(Thinking(text="th\u2028ink", signature="sig", vendor="anthropic"), text=True)
    redacted = wrap(Thinking(redacted="blob", vendor="anthropic"), text=True)
    items = [
        user("q"),
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "changed by the client"}],
            "encrypted_content": claude,
        },
        {"type": "reasoning", "summary": [], "encrypted_content": redacted},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA-openai"},
        {"type": "reasoning", "summary": [], "encrypted_content": PREFIX + "damaged!"},
        call("c1"),
        output("c1", "r"),
    ]
    body = {"input": items, "tools": [{"type": "function", "name": "read"}], "reasoning": {"effort": "low"}}
    sent = to_anthropic(body)
    assert sent["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "th\u2028ink", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
    ]
    assert sent["messages"][1]["content"][2]["type"] == "tool_use"
    assert sent["thinking"]["type"] == "enabled"
    assert "think" not in json.dumps(to_chat(body))
    passed = json.loads(translate(NAME, NAME, body).body)
    assert [item.get("encrypted_content") for item in passed["input"] if item["type"] == "reasoning"] == ["gAAA-openai"]


def test_openais_proof_in_a_thinking_block() -> None:
    proof = wrap(Thinking(text="shown", signature="gAAA", vendor=NAME), text=False)
    thinking = {"type": "thinking", "thinking": "shown", "signature": proof}
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [thinking, {"type": "text", "text": "a"}]}]
    messages.append({"role": "user", "content": "w"})
    sent = from_anthropic({"messages": messages})
    assert sent["input"][1] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    passed = json.loads(translate("anthropic", "anthropic", {"messages": messages}).body)
    assert passed["messages"][1]["content"] == [{"type": "text", "text": "a"}]


def test_a_turn_of_nothing_but_foreign_thinking_disappears() -> None:
    proof = wrap(Thinking(signature="gAAA", vendor=NAME), text=False)
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": proof}]},
        {"role": "user", "content": "w"},
    ]
    passed = json.loads(translate("anthropic", "anthropic", {"messages": messages}).body)
    assert [message["content"] for message in passed["messages"]] == ["q", "w"]


@given(text=st.text(), signature=st.text(min_size=1), vendor=st.sampled_from(["anthropic", "gemini", NAME]))
def test_wrapping_is_undone(text: str, signature: str, vendor: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        text.encode(), signature.encode()
        part = Thinking(text=text, signature=signature, vendor=vendor)
        proof = wrap(part, text=True)
        assert proof is not None
        assert unwrap(proof) == part
        assert own(Thinking(text="other", signature=proof, vendor="x")) == part
        assert is_foreign(proof, "another")
        assert not is_foreign(proof, vendor)


@given(junk=st.text() | st.binary().map(lambda b: b.hex()))
def test_unwrapping_never_fails(junk: str) -> None:
    assert unwrap(junk) is None
    with contextlib.suppress(UnicodeEncodeError):
        unwrap(PREFIX + junk)


# -- properties ------------------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
ids = st.sampled_from(["c1", "c2", "a.b", "a_b", "x" * 80, "日本"])
names = st.sampled_from(["read", "write", "mcp.server/read", "n" * 70, "naïve"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
PARTS = st.lists(
    st.builds(lambda t: {"type": "input_text", "text": t}, words)
    | st.just({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"})
    | st.builds(lambda v: {"type": "odd", "text": v}, values),
    max_size=3,
)
PROOFS = st.sampled_from([None, "gAAA", wrap(Thinking(text="t", signature="s", vendor="anthropic"), text=True)])
ITEMS = st.lists(
    st.one_of(
        st.builds(lambda r, c: {"role": r, "content": c}, st.sampled_from(["user", "developer", "system"]), words | PARTS),
        st.builds(lambda t: {"role": "assistant", "content": [{"type": "output_text", "text": t}]}, words),
        st.builds(lambda i, n, a: {"type": "function_call", "call_id": i, "name": n, "arguments": a}, ids, names, words),
        st.builds(lambda i, n, a: {"type": "custom_tool_call", "call_id": i, "name": n, "input": a}, ids, names, words),
        st.builds(lambda i, o: {"type": "function_call_output", "call_id": i, "output": o}, ids, words | PARTS),
        st.builds(
            lambda s, p: {"type": "reasoning", "summary": [{"type": "summary_text", "text": s}], "encrypted_content": p},
            words,
            PROOFS,
        ),
        st.builds(lambda c: {"type": "local_shell_call", "call_id": c, "action": {"type": "exec", "command": ["ls"]}}, ids),
        st.builds(lambda v: {"type": "web_search_call", "action": v}, values),
    ),
    min_size=1,
    max_size=8,
)
TOOLS = st.lists(
    st.one_of(
        st.builds(
            lambda n, p: {"type": "function", "name": n, "parameters": p},
            names,
            st.none() | st.dictionaries(words, values, max_size=3),
        ),
        st.builds(lambda n: {"type": "custom", "name": n}, names),
        st.builds(lambda n, g: {"type": "namespace", "name": g, "tools": [{"type": "function", "name": n}]}, names, names),
        st.sampled_from([{"type": "local_shell"}, {"type": "web_search"}]),
    ),
    max_size=4,
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("x"), "input": words | ITEMS},
    optional={
        "instructions": words,
        "tools": TOOLS,
        "reasoning": st.sampled_from(
            [{"effort": "low"}, {"summary": "auto"}, {"effort": "none"}, {"effort": "xhigh", "summary": "detailed"}]
        ),
        "max_output_tokens": st.integers(1, 100_000),
        "temperature": st.floats(-1, 3),
        "parallel_tool_calls": st.booleans(),
        "text": st.just({"format": {"type": "json_object"}}),
        "safety_identifier": st.text(max_size=300),
        "stream": st.booleans(),
    },
)


@pytest.mark.parametrize(("upstream", "complaints"), [("openai_chat", chat_complaints), ("anthropic", anthropic_complaints)])
@given(body=BODIES)
def test_no_conversation_is_sent_that_the_upstream_refuses(upstream: str, complaints: Any, body: dict[str, Any]) -> None:
    formats = registry()
    sent = translate_request(scan(json.dumps(body).encode()), formats[NAME], formats[upstream], Profile(model="m"))
    assert complaints(json.loads(sent.body)) == []


@given(body=BODIES, other=st.sampled_from(["openai_chat", "anthropic"]))
def test_no_translated_conversation_is_refused_by_responses(body: dict[str, Any], other: str) -> None:
    """Another dialect's client with the same conversation, over a Responses upstream."""
    formats = registry()
    between = translate_request(scan(json.dumps(body).encode()), formats[NAME], formats[other], Profile(model="m")).body
    sent = json.loads(translate_request(scan(between), formats[other], formats[NAME], Profile(model="m")).body)
    assert responses_complaints(sent) == []


@given(body=BODIES)
def test_what_was_written_is_read_and_written_alike(body: dict[str, Any]) -> None:
    """Once empty messages are gone and neighbours joined, nothing changes any more."""
    one, profile = registry()[NAME], Profile(model="x")
    with contextlib.suppress(BadRequest):
        written = one.encode_request(one.decode_request(json.dumps(body).encode()), profile)
        settled = one.encode_request(one.decode_request(written), profile)
        assert one.encode_request(one.decode_request(settled), profile) == settled


def test_there_and_back_again_is_the_same_request() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    body = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            user("q"),
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
            said("Looking."),
            {"type": "custom_tool_call", "call_id": "c1", "namespace": "functions", "name": "exec", "input": "ls"},
            call("c2", namespace="functions"),
            {"type": "local_shell_call", "call_id": "c3", "action": {"type": "exec", "command": ["ls"], "env": {"A": "b"}}},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "one"},
            output("c2", [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
            {"type": "local_shell_call_output", "call_id": "c3", "output": "{}", "id": "c3"},
        ],
        "tools": [
            {"type": "namespace", "name": "functions", "description": "F", "tools": [
                {"type": "custom", "name": "exec", "format": grammar},
                {"type": "function", "name": "read", "parameters": SCHEMA, "strict": False, "defer_loading": True},
            ]},
            {"type": "function", "name": "plain", "description": "d", "parameters": SCHEMA},
            {"type": "local_shell"},
            {"type": "web_search", "filters": {"allowed_domains": ["e.test"]}},
        ],
        "tool_choice": {"type": "function", "name": "read", "namespace": "functions"},
        "parallel_tool_calls": True,
        "reasoning": {"effort": "low", "summary": "detailed", "context": "all_turns"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}, "verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 50,
        "prompt_cache_key": "k",
        "safety_identifier": "person",
        "store": False,
        "stream": True,
        "truncation": "auto",
        "client_metadata": {"a": "b"},
    }  # fmt: skip
    one = registry()[NAME]
    assert json.loads(one.encode_request(one.decode_request(json.dumps(body).encode()), Profile(model="m"))) == body


@given(value=st.dictionaries(st.sampled_from(["input", "tools", "text", "reasoning", "tool_choice", "model", "include"]), values))
def test_any_json_is_read_or_refused_by_name(value: dict[str, Any]) -> None:
    with contextlib.suppress(RequestError):
        registry()[NAME].decode_request(json.dumps({"model": "m", "input": "x", **value}).encode())
