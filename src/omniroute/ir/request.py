"""A chat request, canonical: every client format decodes to it, every provider format is encoded from it.

What only one format can say travels as an :class:`Opaque` part (in place) or in ``extra`` (top level), tagged with the
format it came from; an encoder of another format leaves it out and reports that.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "developer", "user", "assistant"]
MediaKind = Literal["image", "document", "audio", "video"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Part(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all parts. ``cache`` is the raw cache mark of the source (``{"type": "ephemeral", …}``) or None."""

    cache: dict[str, Any] | None = None


class Text(Part, frozen=True, kw_only=True):
    """Visible text. ``citations`` are raw objects of the source format."""

    text: str
    citations: tuple[dict[str, Any], ...] = ()


class Refusal(Part, frozen=True, kw_only=True):
    """Text by which the model declined."""

    text: str


class Media(Part, frozen=True, kw_only=True):
    """An image, document, audio or video: exactly one of ``data`` (base64 text), ``url``, ``file_id`` or ``text``."""

    kind: MediaKind
    mime: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str | None = None
    detail: str | None = None


class ToolCall(Part, frozen=True, kw_only=True):
    """The model calls a tool. ``arguments`` is the JSON text exactly as the model wrote it ("" means none);
    for ``custom`` it is the free-form input. ``signature`` is a vendor's reasoning proof bound to this call."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    signature: str | None = None


class ToolResult(Part, frozen=True, kw_only=True):
    """What a tool gave back, in the user turn that follows its call. ``call_id`` "" means match by ``name``."""

    call_id: str
    content: tuple[Part, ...] = ()
    is_error: bool = False
    name: str | None = None


class Thinking(Part, frozen=True, kw_only=True):
    """Private reasoning. ``signature`` and ``redacted`` are opaque to all but ``vendor`` (a format name)."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    vendor: str = ""


class Opaque(Part, frozen=True, kw_only=True):
    """A part that only ``format`` understands, as its raw JSON value; ``kind`` is its type word there."""

    format: str
    kind: str
    value: Any


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Tool results are parts of a user message; system messages inside the conversation keep their place."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """The group a tool belongs to: the group's ``name`` and ``description``, and the tool's name inside of it."""

    name: str
    tool: str
    description: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the model may call. ``function`` has ``schema`` (JSON Schema, or None for no parameters); ``custom`` takes
    free text; ``hosted`` is run by the vendor and kept raw in ``value`` (``format`` says whose it is).

    ``name`` is unique in a request; a tool of a ``namespace`` has a name made of both."""

    name: str
    kind: Literal["function", "custom", "hosted"] = "function"
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache: dict[str, Any] | None = None
    format: str = ""
    value: dict[str, Any] | None = None
    namespace: Namespace | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """``named`` needs ``name``; ``allowed`` limits auto or required to some tools; ``parallel`` None = not stated."""

    mode: Literal["auto", "none", "required", "named"] | None = None
    name: str | None = None
    allowed: tuple[str, ...] = ()
    parallel: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """``json`` = any JSON object, ``schema`` = JSON of that schema."""

    kind: Literal["text", "json", "schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think: an ``effort`` word, a token ``budget``, or ``mode``; ``visible`` None = not stated."""

    mode: Literal["off", "enabled", "adaptive"] | None = None
    effort: Effort | None = None
    budget: int | None = None
    visible: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole request. ``origin`` is the format it was decoded from, ``extra`` its unknown top-level fields."""

    origin: str
    model: str
    messages: tuple[Message, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    prompt_cache_key: str | None = None
    store: bool | None = None
    stream: bool = False
    include_usage: bool = False
    extra: dict[str, Any] = {}
