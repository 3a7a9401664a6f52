"""The rules of endpoints behind subscriptions, for bodies that pass between equal formats and for translated ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.answer_shape import straightened
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.formats.openai_responses.ending import FullEnding
from omniroute.translation.ops import Op
from omniroute.translation.request import Translated, translate_request
from omniroute.translation.response import translate_answer

FIRST = "Say who you are."
MARK = {"type": "ephemeral"}
RESERVED = Quirks(preamble=FIRST, reserved_names=("Bash", "mcp_*"))


def translated(body: dict[str, Any] | bytes, client: str, upstream: str, quirks: Quirks) -> Translated:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    formats = registry()
    return translate_request(scan(raw), formats[client], formats[upstream], Profile(model="up", quirks=quirks))


def sent(body: dict[str, Any] | bytes, client: str, upstream: str, quirks: Quirks) -> Any:
    return json.loads(translated(body, client, upstream, quirks).body)


def block(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


# -- the opening -------------------------------------------------------------------------------------------------------

SYSTEMS: list[tuple[Any, Any]] = [
    (None, [block(FIRST)]),
    ("", [block(FIRST)]),
    ([], [block(FIRST)]),
    ("Be brief.", [block(FIRST), block("Be brief.")]),
    (FIRST, [block(FIRST)]),
    (f"{FIRST}\n\nBe brief.", [block(FIRST), block("Be brief.")]),
    ([block("Be brief.", cache_control=MARK)], [block(FIRST), block("Be brief.", cache_control=MARK)]),
    ([block(FIRST), block("Be brief.")], [block(FIRST), block("Be brief.")]),
    ([block("x-anthropic-billing-header: v=1"), block("Own.")], [block("x-anthropic-billing-header: v=1"), block("Own.")]),
]


@pytest.mark.parametrize(("given", "expected"), SYSTEMS)
def test_a_preamble_stands_first_and_the_callers_blocks_stay(given: Any, expected: Any) -> None:
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    if given is not None:
        body["system"] = given
    assert sent(body, "anthropic", "anthropic", Quirks(preamble=FIRST))["system"] == expected


def test_a_body_that_says_itself_who_it_is_keeps_its_bytes() -> None:
    raw = (
        b'{"model": "up",  "system":[ {"type":"text","text":"x-anthropic-billing-header: cc_version=1;"}],'
        b' "messages":[{"role":"user","content":"Hi"}], "max_tokens":9 }'
    )
    assert translated(raw, "anthropic", "anthropic", Quirks(preamble=FIRST, cache_marks=4)).body == raw


def test_blocks_behind_a_preamble_keep_their_bytes() -> None:
    raw = b'{"model":"up","system": [ {"type":"text",  "text":"A"}],"messages":[],"max_tokens":9}'
    body = translated(raw, "anthropic", "anthropic", Quirks(preamble=FIRST)).body
    assert b' {"type":"text",  "text":"A"}]' in body


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "gemini", "ollama"])
@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_preamble_stands_first_in_translated_bodies(client: str, system: str | None) -> None:
    got = sent(a_request(client, system), client, "anthropic", Quirks(preamble=FIRST))
    assert got["system"] == [block(FIRST), *([block(system)] if system else [])]


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("system", [None, "Be brief."])
def test_instructions_are_never_missing(client: str, system: str | None) -> None:
    got = sent(a_request(client, system), client, "openai_responses", Quirks(instructions="Help."))
    assert got["instructions"] == (system or "Help.")


@pytest.mark.parametrize("given", [None, ""])
def test_empty_instructions_are_missing_ones(given: str | None) -> None:
    got = sent(
        {"model": "m", "input": "Hi", "instructions": given}, "openai_responses", "openai_responses", Quirks(instructions="Help.")
    )
    assert got["instructions"] == "Help."


def a_request(client: str, system: str | None) -> dict[str, Any]:
    said = [{"role": "system", "content": system}] if system else []
    user = {"role": "user", "content": "Hi"}
    if client == "gemini":
        told = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
        return {**told, "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    if client == "openai_responses":
        return {"model": "m", "input": "Hi", **({"instructions": system} if system else {})}
    if client == "anthropic":
        return {"model": "m", "max_tokens": 9, "messages": [user], **({"system": system} if system else {})}
    return {"model": "m", "messages": [*said, user]}


# -- cache marks -------------------------------------------------------------------------------------------------------


def marks_in(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(marks_in, value))
    if not isinstance(value, dict):
        return 0
    return ("cache_control" in value) + sum(
        marks_in(value[key]) for key in ("content", "system", "messages", "tools") if key in value
    )


def marked_body(count: int) -> dict[str, Any]:
    tools = [{"name": f"t{n}", "input_schema": {"type": "object"}, "cache_control": MARK} for n in range(count)]
    system = [block(f"s{n}", cache_control=MARK) for n in range(count)]
    content = [block(f"m{n}", cache_control=MARK) for n in range(count)]
    return {"model": "m", "max_tokens": 9, "tools": tools, "system": system, "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_last_marks_of_the_prompt_stay(count: int) -> None:
    got = sent(marked_body(count), "anthropic", "anthropic", Quirks(cache_marks=4))
    assert marks_in(got) == min(3 * count, 4)
    kept = ["cache_control" in part for part in got["messages"][0]["content"]]
    assert sum(kept) == min(count, 4)
    assert kept == sorted(kept), "those nearest to the end"


def test_few_marks_keep_their_bytes() -> None:
    raw = json.dumps({**marked_body(1), "model": "up"}, indent=1).encode()
    assert translated(raw, "anthropic", "anthropic", Quirks(cache_marks=4)).body == raw


def test_a_mark_for_the_whole_request_counts_and_arguments_hold_none() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"cache_control": MARK}}
    body = {**marked_body(1), "cache_control": MARK}
    body["messages"] = [*body["messages"], {"role": "assistant", "content": [call]}]
    got = sent(body, "anthropic", "anthropic", Quirks(cache_marks=2))
    assert marks_in({key: got[key] for key in ("system", "messages", "tools")}) == 1
    assert got["messages"][1]["content"][0]["input"] == {"cache_control": MARK}


# -- reserved tool names -----------------------------------------------------------------------------------------------


def tool_body(*names: str, system: Any = None) -> dict[str, Any]:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": names[0], "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
    ]
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "tools": tools, "messages": history}
    return body if system is None else {**body, "system": system}


def test_reserved_names_are_mapped_in_definitions_and_calls_and_back_in_answers() -> None:
    got = translated(tool_body("Bash", "mcp_x", "own"), "anthropic", "anthropic", RESERVED)
    body = json.loads(got.body)
    names = [tool["name"] for tool in body["tools"]]
    assert names[2] == "own"
    assert not {"Bash", "mcp_x"} & set(names)
    assert body["messages"][1]["content"][0]["name"] == names[0]
    assert dict(got.tool_names) == {names[0]: "Bash", names[1]: "mcp_x"}
    answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "tool_use", "stop_sequence": None,
        "content": [{"type": "tool_use", "id": "t2", "name": names[0], "input": {}}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    meta = StreamMeta(id="req_1", model="m", created=1, tool_names=got.tool_names)
    anthropic = registry()["anthropic"]
    back = json.loads(translate_answer(json.dumps(answer).encode(), anthropic, anthropic, meta).body)
    assert back["content"][0]["name"] == "Bash"


@pytest.mark.parametrize("system", [FIRST, [block("x-anthropic-billing-header: v")], [block(FIRST), block("more")]])
def test_the_vendors_own_client_keeps_its_names(system: Any) -> None:
    got = translated(tool_body("Bash", system=system), "anthropic", "anthropic", RESERVED)
    assert json.loads(got.body)["tools"][0]["name"] == "Bash"
    assert not got.tool_names


def test_other_names_cost_no_translation() -> None:
    got = translated(tool_body("own"), "anthropic", "anthropic", RESERVED)
    assert got.request is None


def test_reserved_names_of_translated_requests() -> None:
    tool = {"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    got = translated(body, "openai_chat", "anthropic", RESERVED)
    assert dict(got.tool_names) == {json.loads(got.body)["tools"][0]["name"]: "Bash"}
    assert json.loads(got.body)["tools"][0]["name"] != "Bash"


# -- nothing stored ----------------------------------------------------------------------------------------------------

STATELESS = Quirks(stored_items=False, system_role="developer", tool_types={"web_search_preview": "web_search"})
ITEMS: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("references go", [{"type": "item_reference", "id": "rs_1"}], []),
    ("reasoning that only a store knows goes", [{"type": "reasoning", "id": "rs_1", "summary": []}], []),
    (
        "encrypted reasoning stays without its id",
        [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"}],
        [{"type": "reasoning", "summary": [], "encrypted_content": "E"}],
    ),
    (
        "system is the developer",
        [{"role": "system", "content": "S"}, {"type": "message", "role": "system", "content": "T"}],
        [{"role": "developer", "content": "S"}, {"type": "message", "role": "developer", "content": "T"}],
    ),
    (
        "calls and results are pairs",
        [
            {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "b", "output": "lost"},
        ],
        [
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "[no result: the call was interrupted]"},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "[result of an earlier call of a tool]"},
                    {"type": "input_text", "text": "lost"},
                ],
            },
        ],
    ),
    ("other kinds keep their ids", [{"type": "computer_call", "id": "cu_1"}], [{"type": "computer_call", "id": "cu_1"}]),
    ("odd things stay for the upstream to refuse", [{"type": ["x"]}, {"type": 7, "id": 1}], [{"type": ["x"]}, {"type": 7, "id": 1}]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "expected"), [pytest.param(*case[1:], id=case[0]) for case in ITEMS])
def test_items_for_an_endpoint_that_stores_nothing(items: list[Any], expected: list[Any]) -> None:
    assert sent({"model": "m", "input": items}, "openai_responses", "openai_responses", STATELESS)["input"] == expected


def test_long_call_ids_are_cut_alike() -> None:
    items = [
        {"type": "function_call", "call_id": "x" * 90, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x" * 90, "output": "ok"},
    ]
    first, second = sent({"model": "m", "input": items}, "openai_responses", "openai_responses", STATELESS)["input"]
    assert first["call_id"] == second["call_id"]
    assert len(first["call_id"]) <= 64


def test_hosted_tools_are_called_as_the_endpoint_does() -> None:
    tools = [{"type": "web_search_preview", "x": 1}, {"type": "function", "name": "web_search_preview"}, {"type": []}]
    got = sent({"model": "m", "input": "Hi", "tools": tools}, "openai_responses", "openai_responses", STATELESS)
    assert got["tools"] == [{"type": "web_search", "x": 1}, tools[1], tools[2]]


# -- fields ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "kept"), [("priority", True), ("flex", False), (None, False)])
def test_values_that_are_not_taken_are_left_out(given: Any, kept: bool) -> None:
    quirks = Quirks(accepted={"service_tier": ("priority",)})
    body = {"model": "m", "input": "Hi", "service_tier": given}
    assert ("service_tier" in sent(body, "openai_responses", "openai_responses", quirks)) is kept
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "service_tier": given}
    assert ("service_tier" in sent(chat, "openai_chat", "openai_responses", quirks)) is kept


@pytest.mark.parametrize(("tools", "kept"), [([], False), ([{"type": "function", "function": {"name": "f"}}], True)])
def test_an_empty_list_of_tools_is_left_out(tools: list[Any], kept: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": tools}
    assert ("tools" in sent(body, "openai_chat", "openai_chat", Quirks(empty_tools=False))) is kept


def test_fields_of_messages_are_left_out() -> None:
    said = {"role": "assistant", "content": "Ho", "reasoning_content": "hm"}
    quirks = Quirks(message_drop=("reasoning_content",))
    body = {"model": "m", "messages": [{"role": "user", "content": "reasoning_content?"}, said]}
    assert sent(body, "openai_chat", "openai_chat", quirks)["messages"] == [
        body["messages"][0],
        {"role": "assistant", "content": "Ho"},
    ]


def test_what_was_changed_is_told() -> None:
    ops: list[Op] = []
    formats = registry()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    profile = Profile(model="up", quirks=Quirks(preamble=FIRST))
    translate_request(scan(body), formats["openai_chat"], formats["anthropic"], profile, ops=ops)
    assert any(op.rule == "preamble" for op in ops)


# -- the end of a stream -----------------------------------------------------------------------------------------------


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


ITEM = {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
STREAM = [
    event("response.created", response={"id": "r", "output": []}),
    event("response.output_text.delta", delta="Hi response.completed"),
    event("response.output_item.done", output_index=0, item=ITEM),
]


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
@pytest.mark.parametrize("joined", [True, False])
def test_an_ending_without_output_gets_the_items_told_before(kind: str, joined: bool) -> None:
    ending, parts = FullEnding(), [*STREAM, event(kind, response={"id": "r", "output": [], "usage": {"input_tokens": 1}})]
    written = ending.feed(b"".join(parts)) if joined else b"".join(map(ending.feed, parts))
    assert written.startswith(b"".join(STREAM))
    (last,) = [line for line in written.decode().split("\n\n") if line.startswith(f"event: {kind}")]
    assert json.loads(last.split("data: ")[1])["response"] == {"id": "r", "output": [ITEM], "usage": {"input_tokens": 1}}


@pytest.mark.parametrize(
    "last",
    [
        event("response.completed", response={"id": "r", "output": [ITEM]}),
        event("response.failed", response={"id": "r", "output": []}),
        b"data: response.completed but no JSON\n\n",
        b": ping response.completed\n\n",
        b"",
    ],
)
def test_any_other_ending_keeps_its_bytes(last: bytes) -> None:
    ending = FullEnding()
    assert ending.feed(b"".join([*STREAM, last])) == b"".join([*STREAM, last])
    assert ending.finish() == b""


# -- answers in a shape of their own --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "member", "expected"),
    [
        (b'{"success":true,"data":{"choices":[]}}', "data", b'{"choices":[]}'),
        (b'{"choices":[{"data":1}]}', "data", None),
        (b'{"success":false,"error":{"message":"x"},"data":{}}', "data", None),
        (b'{"data":[1]}', "data", None),
        (b'["data"]', "data", None),
        (b'{"data', "data", None),
        (b'{"data":{"choices":[]}}', None, None),
    ],
)
def test_an_answer_is_taken_out_of_its_wrapper(body: bytes, member: str | None, expected: bytes | None) -> None:
    assert straightened(body, Quirks(answer_in=member)) == (body if expected is None else expected)


def choice(index: int, content: str | None, *calls: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {"id": call, "type": "function", "function": {"name": call, "arguments": "{}"}} for call in calls
        ]
    return {"index": index, "message": message, "finish_reason": "tool_calls" if calls else "stop"}


def test_choices_of_one_answer_become_one() -> None:
    body = json.dumps({"id": "x", "choices": [choice(0, "Looking."), choice(1, None, "a"), choice(2, "Now.", "b")]}).encode()
    (only,) = json.loads(straightened(body, Quirks(one_choice=True)))["choices"]
    assert (only["index"], only["finish_reason"], only["message"]["content"]) == (0, "tool_calls", "Looking.\n\nNow.")
    assert [call["id"] for call in only["message"]["tool_calls"]] == ["a", "b"]
    assert straightened(body, Quirks()) == body


@pytest.mark.parametrize(
    "body", [b'{"choices":[{"message":{"content":"a message: \\"message\\""}}]}', b'"message" "message"', b"[1]"]
)
def test_one_choice_is_left_alone(body: bytes) -> None:
    assert straightened(body, Quirks(one_choice=True)) == body
