"""What the operator does to every request: system prompts of settings and key, and how much models think."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.core.settings import Settings
from omniroute.gateway.steps.effort import effort_changes, splice_effort, with_effort
from omniroute.gateway.steps.system_prompt import note_system_prompts, put_system_prompts
from omniroute.ir.caps import Capabilities, Limits, Profile, Quirks
from omniroute.ir.request import ChatRequest, Message, Reasoning, Text, Tool
from omniroute.routing.snapshot import KeyGrant
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import read_request

FORMATS = registry()
ABLE = Profile(model="up", capabilities=Capabilities(reasoning=True))


def context(
    body: dict[str, Any], *, format: str = "openai_chat", tokens: int = 10, key: dict[str, Any] | None = None, **settings: Any
) -> Any:
    made = SimpleNamespace(
        snapshot=SimpleNamespace(settings=Settings.load(file=settings)), envelope=scan(json.dumps(body).encode()),
        format=FORMATS[format], input_estimate=lambda: tokens,
        grant=None if key is None else KeyGrant(id="k", name="k", digest=b"", **key),
    )  # fmt: skip
    made.request = lambda: read_request(made.envelope, made.format, model="m", stream=False)
    return made


CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def contents(made: Any) -> list[str]:
    return [message["content"] for message in json.loads(made.envelope.body)["messages"]]


# -- system prompts ----------------------------------------------------------------------------------------------------


def test_without_prompts_the_body_is_the_very_same() -> None:
    made = context(CHAT, key={})
    before = made.envelope
    put_system_prompts(made)
    assert made.envelope is before


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ({"system_prompt": "global"}, None, ["global", "hi"]),
        ({"system_prompt": "  "}, None, ["hi"]),
        ({}, {"system_prompt": "key"}, ["key", "hi"]),
        ({"system_prompt": "global"}, {"system_prompt": "key"}, ["key", "global", "hi"]),
        ({"system_prompt": "global"}, {"system_prompt": "key", "system_prompt_position": "append"}, ["global", "key", "hi"]),
        ({"system_prompt": "global"}, {"system_prompt": "key", "system_prompt_position": "replace"}, ["key", "hi"]),
    ],
)
def test_that_of_the_key_comes_around_that_of_the_settings(settings: dict[str, Any], key: Any, expected: list[str]) -> None:
    made = context(CHAT, key=key, **settings)
    put_system_prompts(made)
    assert contents(made) == expected
    ops: list[Op] = []
    note_system_prompts(made, ops)
    note_system_prompts(made, None)
    assert [op.rule for op in ops] == ["system-prompt"] * ("global" in settings.values()) + ["system-prompt"] * (key is not None)


# -- thinking ----------------------------------------------------------------------------------------------------------


def chat(reasoning: Reasoning | None = None, *, messages: int = 1, tools: int = 0) -> ChatRequest:
    return ChatRequest(
        origin="openai_chat", model="m", messages=(Message(role="user", parts=(Text(text="hi"),)),) * messages,
        tools=(Tool(name="t"),) * tools, reasoning=reasoning,
    )  # fmt: skip


ASKED = Reasoning(effort="high", visible=True)


@pytest.mark.parametrize(
    ("settings", "asked", "expected"),
    [
        ({"reasoning_mode": "auto"}, None, None),
        ({"reasoning_mode": "auto"}, Reasoning(effort="high"), None),
        ({"reasoning_mode": "auto"}, ASKED, Reasoning(visible=True)),
        ({"reasoning_mode": "custom"}, None, Reasoning(effort="medium")),
        ({"reasoning_mode": "custom", "reasoning_effort": "max"}, ASKED, Reasoning(effort="max", visible=True)),
        ({"reasoning_mode": "custom", "reasoning_effort": "none"}, ASKED, Reasoning(mode="off")),
        ({"reasoning_mode": "custom", "reasoning_budget": 5000}, ASKED, Reasoning(mode="enabled", budget=5000, visible=True)),
        ({"reasoning_mode": "custom", "reasoning_budget": 100}, None, Reasoning(mode="enabled", budget=100)),
        ({"reasoning_mode": "custom"}, Reasoning(mode="off"), Reasoning(effort="medium")),
        ({"reasoning_mode": "adaptive"}, Reasoning(mode="off"), Reasoning(mode="off")),
        ({"reasoning_mode": "adaptive", "reasoning_effort": "high"}, None, Reasoning(effort="low")),
    ],
)
def test_the_modes(settings: dict[str, Any], asked: Reasoning | None, expected: Reasoning | None) -> None:
    made = context(CHAT, **settings)
    assert effort_changes(made)
    ops: list[Op] = []
    result = with_effort(made, chat(asked), ABLE, ops)
    assert result.reasoning == expected
    assert [op.rule for op in ops] == ([] if asked == expected else ["reasoning-mode"])


def test_off_is_one_check() -> None:
    assert not effort_changes(context(CHAT))


@pytest.mark.parametrize(
    ("messages", "tools", "tokens", "budget", "effort"),
    [(1, 0, 10, 2000, "low"), (9, 0, 10, 4000, "low"), (9, 1, 10, 6000, "medium"), (9, 1, 8001, 8000, "high")],
)
def test_heavier_requests_may_think_more(messages: int, tools: int, tokens: int, budget: int, effort: str) -> None:
    request = chat(messages=messages, tools=tools)
    by_budget = context(CHAT, tokens=tokens, reasoning_mode="adaptive", reasoning_budget=8000)
    by_effort = context(CHAT, tokens=tokens, reasoning_mode="adaptive", reasoning_effort="high")
    assert with_effort(by_budget, request, ABLE, None).reasoning == Reasoning(mode="enabled", budget=budget)
    assert with_effort(by_effort, request, ABLE, None).reasoning == Reasoning(effort=effort)  # type: ignore[arg-type]


@pytest.mark.parametrize("able", [None, False])
def test_a_model_not_known_to_think_is_left_alone_unless_asked(able: bool | None) -> None:
    made, profile = context(CHAT, reasoning_mode="custom"), Profile(model="up", capabilities=Capabilities(reasoning=able))
    request = chat()
    assert with_effort(made, request, profile, None) is request
    assert with_effort(made, chat(ASKED), profile, None).reasoning == Reasoning(effort="medium", visible=True)


MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("name", "body", "quirks", "sent"),
    [
        ("openai_chat", {"model": "m", "messages": MESSAGES}, {}, {"reasoning_effort": "medium"}),
        ("openai_responses", {"model": "m", "input": "hi"}, {}, {"reasoning": {"effort": "medium", "summary": "auto"}}),
        (
            "anthropic", {"model": "m", "max_tokens": 100, "temperature": 0.5, "messages": MESSAGES}, {},
            {"max_tokens": 4196, "thinking": {"type": "enabled", "budget_tokens": 4096}, "temperature": None},
        ),
        (
            "anthropic", {"model": "m", "max_tokens": 100, "messages": MESSAGES}, {"thinking": "adaptive"},
            {"max_tokens": 100, "thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
        ),
        (
            "gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generation_config": {"temperature": 1, "odd": 2}}, {},
            {"generationConfig": {"temperature": 1, "odd": 2, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 4096}}, "generation_config": None},
        ),
        ("ollama", {"model": "m", "messages": MESSAGES}, {}, {"think": True}),
        ("ollama", {"model": "m", "messages": MESSAGES}, {"thinking": "levels"}, {"think": "medium"}),
    ],
)  # fmt: skip
def test_each_vendors_own_knobs_in_a_body_that_passes(name: str, body: Any, quirks: Any, sent: dict[str, Any]) -> None:
    profile = Profile(
        model="up", capabilities=Capabilities(reasoning=True), limits=Limits(max_output=64000), quirks=Quirks(**quirks)
    )
    made = context(body, format=name, reasoning_mode="custom", reasoning_budget=4096)
    found = json.loads(splice_effort(made, made.envelope.body, FORMATS[name], profile, None))
    assert {key: found.get(key) for key in sent} == sent
    rest = found.keys() - sent.keys()
    assert {key: found[key] for key in rest} == {key: body[key] for key in rest}


def test_thinking_is_taken_out_again_where_the_model_shall_decide() -> None:
    body = {"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000}, "messages": MESSAGES}
    made = context(body, format="anthropic", reasoning_mode="auto")
    found = json.loads(splice_effort(made, made.envelope.body, FORMATS["anthropic"], ABLE, None))
    assert found == {"model": "m", "max_tokens": 9000, "messages": MESSAGES}


def test_a_body_that_cannot_be_read_or_needs_nothing_keeps_its_bytes() -> None:
    unreadable = context({"model": "m", "messages": 7}, reasoning_mode="custom")
    assert splice_effort(unreadable, unreadable.envelope.body, FORMATS["openai_chat"], ABLE, None) is unreadable.envelope.body
    plain = context(CHAT, reasoning_mode="auto")
    assert splice_effort(plain, plain.envelope.body, FORMATS["openai_chat"], ABLE, None) is plain.envelope.body
