"""How an assistant turn is known again, and what is put back into it."""

from __future__ import annotations

import pytest

from omniroute.ir.request import ChatRequest, Message, Part, Text, Thinking, ToolCall
from omniroute.translation.format import registry
from omniroute.translation.replay_reasoning import Leavings, leavings, names_of, restore

LONG = "toolu_01A2b3C4d5E6f7G8h9I0j1"
SIGNED = Thinking(text="hm", signature="s", vendor="anthropic")


def call(call_id: str, arguments: str = "{}", **fields: str) -> ToolCall:
    return ToolCall(id=call_id, name=fields.get("name", "t"), arguments=arguments, kind=fields.get("kind", "function"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "returned"),
    [
        (call(LONG, '{"a": 1}'), call(LONG.replace("_", ""), '{"changed":true}')),
        (
            call("call_1", '{"b": 1.0, "a": [{"d":1,"c":"é"}]}'),
            call("call1", '{"a":[{"c":"\\u00e9","d":1}],"b":1}', name="other"),
        ),
        (call("functions.look:0", ""), call("functions.look:0", "{}")),
        (call("c1", '{"input": "x"}'), call("c1", "x", kind="custom")),
        (call("c1", "not json"), call("c1", "not json")),
    ],
)
def test_a_turn_is_known_by_its_call(kept: ToolCall, returned: ToolCall) -> None:
    assert set(names_of([kept])) & set(names_of([returned]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (call("functions.look:0", '{"a":1}'), call("functions.look:0", '{"a":2}')),
        (call(LONG), call(LONG + "x")),
        (Text(text="a"), Text(text="b")),
    ],
)
def test_other_turns_are_not_taken_for_it(one: Part, other: Part) -> None:
    assert not set(names_of([one])) & set(names_of([other]))


def test_ids_count_as_the_client_sees_them() -> None:
    rules = registry()["anthropic"].rules
    names = names_of([call("functions.look:0")], rules)
    assert len(names) == 2
    assert names_of([call("functions.look:0")])[0] in names


def test_text_names_a_turn_only_without_calls() -> None:
    assert names_of([Text(text=" a "), SIGNED]) == names_of([Text(text="a")])
    assert names_of([Text(text="a"), call(LONG)]) == names_of([call(LONG)])
    assert names_of([SIGNED]) == []


def test_only_what_is_of_use_is_left() -> None:
    plain = Thinking(text="plain", vendor="openai_chat")
    assert leavings([plain, Text(text="x")], signed=True) is None
    assert leavings([plain], signed=False) == Leavings(thoughts=(plain,))
    redacted = Thinking(redacted="r", vendor="anthropic")
    left = leavings([SIGNED, redacted, ToolCall(id="c_1", name="t", arguments="", signature="p")], signed=True)
    assert left == Leavings(thoughts=(SIGNED, redacted), proofs={"call:c1": "p"})


def request_of(*parts: Part) -> ChatRequest:
    return ChatRequest(origin="openai_chat", model="m", messages=(Message(role="assistant", parts=parts),))


def restored(*parts: Part, signed: bool = True, left: Leavings | None = None) -> tuple[Part, ...]:
    found = left or Leavings(thoughts=(SIGNED,))
    return restore(request_of(*parts), "anthropic", lambda name: found, signed=signed).messages[0].parts


def test_thinking_goes_to_the_front_and_what_cannot_be_used_goes() -> None:
    unsigned = Thinking(text="hm", vendor="openai_chat")
    assert restored(unsigned, Text(text="a"), call("c")) == (SIGNED, Text(text="a"), call("c"))


def test_usable_thinking_stays() -> None:
    own = Thinking(text="mine", signature="other", vendor="anthropic")
    assert restored(own, call("c")) == (own, call("c"))
    plain = Thinking(text="mine", vendor="openai_chat")
    assert restored(plain, call("c"), signed=False) == (plain, call("c"))
    foreign = Thinking(text="theirs", signature="f", vendor="gemini")
    assert restored(foreign, call("c"))[0] == SIGNED


def test_proofs_go_to_their_calls() -> None:
    left = Leavings(proofs={"call:c1": "p1", "call:c2": "p2"})
    parts = restored(call("c_1"), call("c2"), call("c3"), left=left)
    assert [part.signature for part in parts if isinstance(part, ToolCall)] == ["p1", "p2", None]
