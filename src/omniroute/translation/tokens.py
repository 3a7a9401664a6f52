"""How many tokens a request is for a model: its texts counted with a whole vocabulary, and what the model's family makes of that.

OpenAI's own vocabularies are there, so for its models the texts are exact. For every other family the o200k count is multiplied
by a measured factor. Synchronous and without IO: the vocabulary is handed in. Measured by ``benchmarks/token_families.py``;
docs/tokens.md has the bounds in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from omniroute._fast.bpe import Vocabulary
from omniroute.core import json
from omniroute.ir.request import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

Rules = Literal["o200k", "cl100k"]

_OTHER_MEDIA = 1300  # tokens of a document or recording, whose length is not looked at


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Models that share a tokenizer.

    match             patterns of upstream model ids in lower case; the first family that fits counts
    rules             the vocabulary counted with
    factor, foreign   tokens for one of that vocabulary: in ASCII text, and in text of other scripts. Between them by share
    error, foreign_error   how far a count may be off, as a fraction of the true one, in English, code, JSON and Markdown, and in
                      other languages: nine of ten texts of 4 kB lie within
    per_request, per_message, per_tool   what is wrapped around them; ``tools`` is added once where there are any
    image             tokens of a picture of a megapixel
    """

    name: str
    match: tuple[str, ...] = ()
    rules: Rules = "o200k"
    factor: float = 1.0
    foreign: float = 1.0
    error: float = 0.0
    foreign_error: float = 0.0
    per_request: int = 3
    per_message: int = 4
    per_tool: int = 8
    tools: int = 0
    image: int = 1300


# Claude's ids from before its present vocabulary: 2 and 3, and 4 up to 4.6 in the spellings of several hosts.
_CLAUDE_3 = (
    "*claude-2*", "*claude-3*", "*claude-instant*", "*claude-4-[a-z]*", "*claude-4[-.][0-6]*", "*claude-*-4",
    "*claude-*-4[-.][0-6]*", "*claude-*-4[:@]*",
)  # fmt: skip

FAMILIES: Sequence[Family] = (
    # Exact but for tools, which OpenAI's models see in another notation than the JSON counted here (some 15 % shorter).
    Family(
        name="o200k",
        match=(
            "*gpt-4o*",
            "*gpt-4.[1-9]*",
            "*gpt-[5-9]*",
            "*gpt-oss*",
            "*chatgpt*",
            "*codex*",
            "o[1-9]",
            "o[1-9]-*",
            "*/o[1-9]*",
        ),
        per_tool=0,
        image=765,
    ),
    Family(name="cl100k", match=("*gpt-4*", "*gpt-3.5*", "*gpt-35*"), rules="cl100k", per_tool=0, image=765),
    # Beside ctok 1.3.0, which gives the counts of Anthropic's own endpoint; ``tools`` and the frame of a message from its manual.
    Family(
        name="claude_3",
        match=_CLAUDE_3,
        factor=1.19,
        foreign=1.48,
        error=0.13,
        foreign_error=0.31,
        per_tool=0,
        tools=346,
    ),
    Family(
        name="claude_4_7",
        match=("*claude*",),
        factor=1.46,
        foreign=1.58,
        error=0.18,
        foreign_error=0.31,
        per_request=2,
        per_tool=0,
        tools=346,
    ),
    # Gemini 2.0 to 3 use the vocabulary that Gemma 3 publishes. A text alone counts without any frame.
    Family(
        name="gemma_3",
        match=("*gemini*", "*gemma*"),
        factor=1.15,
        foreign=0.95,
        error=0.09,
        foreign_error=0.26,
        per_request=0,
        per_message=0,
        image=258,
    ),
    Family(
        name="llama_3",
        match=("*llama-3*", "*llama3*", "*distill-llama*"),
        factor=1.0,
        foreign=1.1,
        error=0.03,
        foreign_error=0.20,
        per_request=5,
        per_message=5,
    ),
    Family(
        name="qwen_3",
        match=("*qwen*", "*qwq*"),
        factor=1.03,
        foreign=1.05,
        error=0.06,
        foreign_error=0.21,
        per_message=5,
    ),
    Family(
        name="deepseek_v3",
        match=("*deepseek*",),
        factor=1.05,
        foreign=1.0,
        error=0.06,
        foreign_error=0.20,
        per_request=2,
        per_message=2,
    ),
    Family(
        name="tekken",
        match=("*mistral*", "*mixtral*", "*codestral*", "*ministral*", "*magistral*", "*devstral*", "*pixtral*"),
        factor=1.07,
        foreign=1.12,
        error=0.06,
        foreign_error=0.16,
        per_request=1,
        per_message=3,
    ),
    # Vocabularies nobody has published: amid the six measured ones that are not Claude's.
    Family(name="other", factor=1.09, foreign=1.05, error=0.14, foreign_error=0.30),
)

# For models that no pattern knows, by the dialect they speak.
_BY_FORMAT: Mapping[str, str] = {"openai_responses": "o200k", "anthropic": "claude_4_7", "gemini": "gemma_3"}


def family_of(model: str, format_name: str) -> Family:
    """The family of the model with that upstream id, spoken to in that dialect."""
    name = model.lower()
    for family in FAMILIES:
        if any(fnmatchcase(name, pattern) for pattern in family.match):
            return family
    wanted = _BY_FORMAT.get(format_name, "other")
    return next(family for family in FAMILIES if family.name == wanted)


def count_request(request: ChatRequest, family: Family, vocabulary: Vocabulary) -> int:
    """Prompt tokens of the request, at least 1. ``vocabulary`` is the one ``family.rules`` names.

    Texts count as they are; tool definitions, arguments and response schemas as compact JSON; pictures and other media flat.
    Reasoning counts only behind the last thing the user said, as vendors drop it from earlier turns.
    """
    texts = list(_texts(request))
    tokens = scaled(texts, vocabulary.count(*(text.encode() for text in texts)), family)
    tokens += family.per_request + family.per_message * len(request.messages)
    if request.tools:
        tokens += family.tools + family.per_tool * len(request.tools)
    tokens += sum(_media(part, family) for message in request.messages for part in message.parts)
    return max(1, round(tokens))


def scaled(texts: Sequence[str], tokens: int, family: Family) -> float:
    """What ``tokens`` of the family's vocabulary for these texts are in the family's own."""
    characters = sum(map(len, texts))
    # Bytes beyond the first of each character: two of three in Chinese, nearly one of two in Russian, one of fifty in German.
    beyond = sum(len(text.encode()) - len(text) for text in texts if not text.isascii())
    foreign = min(1.0, 2 * beyond / (characters + beyond)) if characters else 0.0
    return tokens * (family.factor + (family.foreign - family.factor) * foreign)


def _texts(request: ChatRequest) -> Iterator[str]:
    for text in request.system:
        yield text.text
    asked = max((at for at, message in enumerate(request.messages) if _asks(message)), default=-1)
    for at, message in enumerate(request.messages):
        if message.name is not None:
            yield message.name
        for part in message.parts:
            if at > asked or not isinstance(part, Thinking):
                yield from _text(part)
    for tool in request.tools:
        yield json.dumps_text(_definition(tool))
    if request.response_format is not None and request.response_format.schema is not None:
        yield json.dumps_text(request.response_format.schema)


def _asks(message: Message) -> bool:
    return message.role == "user" and any(not isinstance(part, ToolResult) for part in message.parts)


def _text(part: Part) -> Iterator[str]:
    if isinstance(part, (Text, Refusal, Thinking)):
        yield part.text
    elif isinstance(part, ToolCall):
        yield part.name
        yield part.arguments
    elif isinstance(part, ToolResult):
        for inner in part.content:
            yield from _text(inner)
    elif isinstance(part, Media):
        if part.text is not None:
            yield part.text
    elif isinstance(part, Opaque):
        yield json.dumps_text(part.value)


def _media(part: Part, family: Family) -> int:
    if isinstance(part, ToolResult):
        return sum(_media(inner, family) for inner in part.content)
    if not isinstance(part, Media) or part.text is not None:
        return 0
    return family.image if part.kind == "image" else _OTHER_MEDIA


def _definition(tool: Tool) -> dict[str, Any]:
    if tool.value is not None:
        return tool.value
    given = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {key: value for key, value in given.items() if value is not None}
