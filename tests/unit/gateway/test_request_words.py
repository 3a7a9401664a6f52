"""The words of a request: who spoke last, which conversation it is, whether there are images."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from omniroute._fast.envelope import scan
from omniroute.catalog.conduct import WORDS
from omniroute.gateway.request_words import spoken_by_user, word_of


def context(body: dict[str, Any], *, session: str | None = None, key: str | None = None, attempts: int = 1) -> Any:
    grant = SimpleNamespace(id=key) if key else None
    exchange = SimpleNamespace(request_id="req_1")
    return SimpleNamespace(
        envelope=scan(json.dumps(body).encode()),
        session_id=session,
        grant=grant,
        exchange=exchange,
        attempts=attempts,
        wall=1700.5,
    )


USER, SYSTEM = {"role": "user", "content": "Hi"}, {"role": "system", "content": "S"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}
USERS: list[dict[str, Any]] = [
    {"messages": [USER]},
    {"messages": [USER, SYSTEM]},
    {"messages": [CALL, {"role": "tool", "content": "r"}, USER]},
    {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}, {"role": "user", "content": [{"type": "text"}]}]},
    {"input": "Hi"},
    {"input": [USER]},
    {"input": [{"type": "function_call_output", "output": "r"}, {"type": "message", **USER}]},
    {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    {"contents": [{"parts": [{"text": "Hi"}]}]},
    {"messages": []},
    {"prompt": "Hi"},
    {"messages": {"odd": 1}},
    {"messages": [7]},
]
AGENTS: list[dict[str, Any]] = [
    {"messages": [USER, CALL, {"role": "tool", "content": "r"}]},
    {"messages": [USER, CALL, {"role": "tool", "content": "r"}, SYSTEM]},
    {"messages": [USER, {"role": "assistant", "content": "Ho"}]},
    {"messages": [USER, {"role": "user", "content": [{"type": "tool_result", "content": "r"}, {"type": "text", "text": "x"}]}]},
    {"input": [USER, {"type": "function_call_output", "output": "r"}]},
    {"input": [USER, {"type": "reasoning"}]},
    {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f"}}]}]},
    {"contents": [{"role": "user", "parts": [{"function_response": {"name": "f"}}]}]},
    {"contents": [{"role": "model", "parts": [{"text": "Ho"}]}]},
]


@pytest.mark.parametrize("body", USERS)
def test_a_person_spoke_last(body: dict[str, Any]) -> None:
    assert spoken_by_user(scan(json.dumps(body).encode()))
    assert word_of(context(body), "initiator") == "user"


@pytest.mark.parametrize("body", AGENTS)
def test_an_agent_goes_on(body: dict[str, Any]) -> None:
    assert word_of(context(body), "initiator") == "agent"


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ([{"type": "image_url", "image_url": {}}], True),
        ([{"type": "image", "source": {}}], True),
        ([{"type": "input_image"}], True),
        ([{"type": "text", "text": 'say "type":"image" please'}], False),
        ("image", False),
    ],
)
def test_images_are_seen(content: Any, seen: bool) -> None:
    found = word_of(context({"messages": [{"role": "user", "content": content}]}), "vision")
    assert found == ("true" if seen else None)


@pytest.mark.parametrize("body", [{"contents": [{"parts": [{"inlineData": {}}]}]}, {"messages": [{"images": ["aGk="]}]}])
def test_images_of_other_dialects_are_seen(body: dict[str, Any]) -> None:
    assert word_of(context(body), "vision") == "true"


def test_a_conversation_keeps_its_name_from_turn_to_turn() -> None:
    first = {"messages": [SYSTEM, USER]}
    later = {"messages": [SYSTEM, USER, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": "And?"}]}
    other = {"messages": [SYSTEM, {"role": "user", "content": "Ho"}]}
    name = word_of(context(first), "session")
    assert str(UUID(name or "")) == name
    assert word_of(context(later), "session") == name
    assert word_of(context(other), "session") != name
    assert word_of(context(first, key="k1"), "session") != name


@pytest.mark.parametrize("where", ["header", "cache key"])
def test_the_clients_own_name_of_the_conversation_counts(where: str) -> None:
    own = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
    body = {"messages": [USER]}
    asked = context(body, session=own) if where == "header" else context({**body, "prompt_cache_key": own}, session="another")
    assert word_of(asked, "session") == own
    worded = context(body, session="ses_12") if where == "header" else context({**body, "prompt_cache_key": "qwen-code:12"})
    name = word_of(worded, "session") or ""
    assert str(UUID(name)) == name


def test_every_word_of_the_vocabulary_is_known() -> None:
    for word in WORDS - {"device"}:  # the executor knows that one
        word_of(context({"messages": [USER]}), word)
    with pytest.raises(ValueError, match="no word"):
        word_of(context({}), "device")


def test_a_try_has_an_id_of_its_own() -> None:
    first = word_of(context({"messages": []}), "request_uuid") or ""
    assert str(UUID(first)) == first
    assert word_of(context({"messages": []}, attempts=2), "request_uuid") != first
    assert word_of(context({"messages": []}), "time_ms") == "1700500"
