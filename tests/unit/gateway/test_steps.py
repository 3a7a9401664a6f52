"""The steps of preparation, one by one: the window's bound, the files of a request, and whose reasoning is kept."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from omniroute.core.errors import BadRequest, NetworkFault
from omniroute.core.ids import FakeClock
from omniroute.gateway.memory import Memory
from omniroute.gateway.steps.choices import choices_to_make
from omniroute.gateway.steps.media import MOST_AT_ONCE, MOST_FILES, inline_media
from omniroute.gateway.steps.reasoning import Reasoning
from omniroute.gateway.steps.window import check_window
from omniroute.ir.caps import Capabilities, Limits, Profile, Quirks
from omniroute.ir.request import ChatRequest, Media, Message, Text, Thinking, ToolCall, ToolResult
from omniroute.ir.response import ChatResponse
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.replay_reasoning import names_of
from omniroute.upstream.fetch import Fetched

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
FORMATS = registry()


def target(**profile: Any) -> Any:
    return SimpleNamespace(profile=Profile(model="m", **profile), provider=SimpleNamespace(id="p", resilience=True), name="p/m")


def context(tokens: int = 0, size: int = 10**6, client: str = "openai_chat", key: str | None = None) -> Any:
    grant = None if key is None else SimpleNamespace(id=key)
    snapshot = SimpleNamespace(settings=SimpleNamespace())
    return SimpleNamespace(
        envelope=SimpleNamespace(body=b"x" * size), input_estimate=lambda: tokens, model="p/m", files={}, snapshot=snapshot,
        format=FORMATS[client], grant=grant,
    )  # fmt: skip


# -- window ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "limits", "refused"),
    [
        (1176, Limits(context=1000), False),  # 1176 × 0.85 < 1000
        (1177, Limits(context=1000), True),
        (1177, Limits(context=900, max_input=1001), False),
        (10**7, Limits(max_output=5), False),
    ],
)
def test_only_what_is_surely_too_long_is_refused(tokens: int, limits: Limits, refused: bool) -> None:
    if not refused:
        check_window(context(tokens), target(limits=limits))
        return
    with pytest.raises(BadRequest, match=r"prompt is too long: 1177 tokens > 1000 maximum") as caught:
        check_window(context(tokens), target(limits=limits))
    assert caught.value.error_code == "context_length_exceeded"


def test_small_bodies_are_not_even_estimated() -> None:
    small = context(size=2000)
    small.input_estimate = lambda: pytest.fail("estimated")
    check_window(small, target(limits=Limits(context=1000)))


# -- files -------------------------------------------------------------------------------------------------------------


class Files:
    """A fetcher that knows some pictures, and how many were wanted at once."""

    def __init__(self, content: bytes = PNG, declared: str = "") -> None:
        self.asked: list[str] = []
        self.now = self.most = 0
        self.content = content
        self.declared = declared

    async def fetch(self, url: str, settings: object) -> Fetched:
        self.asked.append(url)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if "private" in url:
            raise NetworkFault("refused to connect to 10.1.2.3", kind="blocked_address", error_code="blocked_address")
        return Fetched(self.declared, self.content)


def asking(*urls: str, kind: Any = "image") -> ChatRequest:
    parts = tuple(Media(kind=kind, url=url) for url in urls)
    return ChatRequest(origin="openai_chat", model="m", messages=(Message(role="user", parts=parts),))


async def inlined(request: ChatRequest, files: Any, upstream: str = "ollama", **profile: Any) -> tuple[list[Any], list[Op]]:
    ops: list[Op] = []
    made = await inline_media(context(), request, FORMATS[upstream], Profile(model="m", **profile), files, ops)
    return [part for message in made.messages for part in message.parts], ops


async def test_each_url_is_fetched_once_and_not_all_at_once() -> None:
    files = Files()
    urls = [f"https://a.com/{number}" for number in range(15)]
    parts, ops = await inlined(asking(*urls, *urls), files)
    assert sorted(files.asked) == sorted(urls)
    assert files.most == MOST_AT_ONCE
    assert {(part.mime, part.url) for part in parts} == {("image/png", None)}
    assert {(op.rule, op.action) for op in ops} == {("media-fetch", "rewritten")}


async def test_there_is_a_most_of_them() -> None:
    files = Files()
    parts, ops = await inlined(asking(*(f"https://a.com/{number}" for number in range(MOST_FILES + 3))), files)
    assert len(files.asked) == MOST_FILES
    assert sum(part.url is not None for part in parts) == 3
    assert [op.action for op in ops].count("dropped") == 3


async def test_other_tries_of_the_request_fetch_nothing_again() -> None:
    files, ctx = Files(), context()
    request = asking("https://a.com/1", "https://private/2")
    for _ in range(2):
        await inline_media(ctx, request, FORMATS["ollama"], Profile(model="m"), files, None)  # type: ignore[arg-type]
    assert len(files.asked) == 2


async def test_addresses_are_not_told() -> None:
    _, ops = await inlined(asking("https://private/2"), Files())
    assert ops[0].action == "dropped"
    assert "10.1.2.3" not in ops[0].detail


@pytest.mark.parametrize(
    ("content", "declared", "kind", "mime"),
    [
        (PNG, "text/html", "image", "image/png"),
        (b"RIFF....", "image/avif; q=1", "image", "image/avif"),
        (b"<html>", "text/html", "image", None),
        (b"%PDF-1.7", "", "image", None),
        (b"", "image/png", "image", None),
        (b"plain", "text/plain; charset=utf-8", "document", "text/plain"),
        (b"%PDF-1.7", "application/x-download", "document", "application/pdf"),
        (PNG, "application/pdf", "document", None),
    ],
)
async def test_content_decides_what_a_file_is(content: bytes, declared: str, kind: str, mime: str | None) -> None:
    parts, _ = await inlined(
        asking("https://a.com/x", kind=kind), Files(content, declared), "ollama" if kind == "image" else "openai_chat"
    )
    assert (parts[0].mime or None, parts[0].url is None) == (mime, mime is not None)


async def test_what_the_target_takes_by_url_or_not_at_all_is_left() -> None:
    files = Files()
    assert (await inlined(asking("https://a.com/x"), files, "openai_chat"))[0][0].url
    assert (await inlined(asking("https://a.com/x"), files, capabilities=Capabilities(vision=False)))[0][0].url
    assert (await inlined(asking("https://a.com/x", kind="video"), files))[0][0].url
    assert not files.asked


async def test_files_in_tool_results_are_fetched_too() -> None:
    result = ToolResult(call_id="c", content=(Text(text="see"), Media(kind="image", url="https://a.com/x")))
    request = ChatRequest(origin="openai_chat", model="m", messages=(Message(role="user", parts=(result,)),))
    parts, _ = await inlined(request, Files())
    assert parts[0].content[1].mime == "image/png"


# -- choices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream", "drop", "n", "calls"),
    [
        ("openai_chat", (), 5, 1),
        ("openai_chat", ("n",), 5, 5),
        ("anthropic", (), 1, 1),
        ("anthropic", (), 8, 8),
        ("gemini", (), 3, 1),
    ],
)
def test_calls_for_choices(upstream: str, drop: tuple[str, ...], n: int, calls: int) -> None:
    request = ChatRequest(origin="openai_chat", model="m", messages=(), n=n)
    assert choices_to_make(request, FORMATS[upstream], Profile(model="m", quirks=Quirks(drop=drop))) == calls


# -- reasoning ---------------------------------------------------------------------------------------------------------

ANSWER = ChatResponse(
    origin="anthropic",
    id="m",
    model="m",
    parts=(Thinking(text="hm", signature="s", vendor="anthropic"), ToolCall(id="toolu_1", name="t", arguments="{}")),
    stop="tool",
)


@pytest.mark.parametrize(
    ("client", "upstream", "quirks", "kept"),
    [
        ("openai_chat", "anthropic", Quirks(), True),
        ("ollama", "anthropic", Quirks(), True),
        ("openai_responses", "anthropic", Quirks(), False),  # carries proofs of anybody
        ("anthropic", "anthropic", Quirks(), False),
        ("anthropic", "gemini", Quirks(), True),  # proofs of calls have no place there
        ("openai_chat", "openai_chat", Quirks(), False),
        ("openai_chat", "openai_chat", Quirks(replay_reasoning=True), True),
        ("anthropic", "openai_chat", Quirks(replay_reasoning=True), True),
        ("anthropic", "anthropic", Quirks(replay_reasoning=True), False),
    ],
)
def test_who_is_watched(client: str, upstream: str, quirks: Quirks, kept: bool) -> None:
    watch = Reasoning(Memory(FakeClock())).watch(context(client=client), target(quirks=quirks), FORMATS[upstream])
    assert (watch is not None) is kept


def test_recall_is_for_the_same_caller_and_provider() -> None:
    reasoning = Reasoning(Memory(FakeClock()))
    mine, here = context(key="me"), target()
    assert reasoning.recall(mine, here, FORMATS["anthropic"]) is None, "nothing is kept: nothing to look for"
    watch = reasoning.watch(mine, here, FORMATS["anthropic"])
    assert watch is not None
    watch.keep(ANSWER, "req_1")
    recall = reasoning.recall(mine, here, FORMATS["anthropic"])
    assert recall is not None
    name = names_of(ANSWER.parts)[0]
    found = recall(name)
    assert found is not None
    assert found.thoughts == (ANSWER.parts[0],)
    assert reasoning.recall(context(key="you"), here, FORMATS["anthropic"]) is None
    there = target()
    there.provider.id = "elsewhere"
    other = reasoning.recall(mine, there, FORMATS["anthropic"])
    assert other is not None
    assert other(name) is None
