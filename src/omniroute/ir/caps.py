"""What a model can do, what it costs and how its endpoint differs from its format's norm."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """None = not known; unknown is treated as yes, since refusing on a guess loses requests."""

    tools: bool | None = None
    vision: bool | None = None
    reasoning: bool | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens. ``context`` is the whole window unless ``max_input`` is given."""

    context: int | None = None
    max_input: int | None = None
    max_output: int | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens. ``cached`` and ``cache_write`` fall back to ``input`` when None.

    ``basis``: ``list`` = this endpoint's own price, ``equivalent`` = API list price of the same model while the plan itself
    costs nothing extra, ``unknown``.
    """

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    basis: Literal["list", "equivalent", "unknown"] = "unknown"


_LISTS = ("drop", "reserved_names", "message_drop")
_MAPS = ("envelope", "rename", "force", "accepted", "tool_types")


class PriceTier(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens of a request whose input is longer than ``above`` tokens: all of them cost that."""

    above: int
    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None


PriceSource = Literal["override", "custom", "catalogue", "genai-prices", "none"]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs: ``price`` for short inputs, ``tiers`` for longer ones, by length. ``version`` names these very figures,
    None where nothing is known."""

    price: Price = Price()
    tiers: tuple[PriceTier, ...] = ()
    source: PriceSource = "none"
    version: str | None = None

    def at(self, input_tokens: int) -> Price:
        """The price of a request with so long an input."""
        found = self.price
        for tier in self.tiers:
            if input_tokens <= tier.above:
                break
            found = Price(
                input=tier.input, output=tier.output, cached=tier.cached, cache_write=tier.cache_write, basis=self.price.basis
            )
        return found


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint differs from the norm of its format: a closed vocabulary, merged provider → model.

    drop                  top-level request fields to leave out
    rename                top-level request fields to rename, old → new
    force                 top-level request fields to set to this value
    max_tokens_field      name of the output limit in Chat bodies (``max_tokens`` or ``max_completion_tokens``)
    default_max_tokens    output limit to send where the format requires one and the client gave none
    temperature_range     clamp to [low, high]
    sampling              False: temperature, top_p, top_k, penalties are refused, leave them out
    system_role           role word for system text in Chat bodies
    tool_id               shape of tool call ids: ``any``, ``anthropic`` ([a-zA-Z0-9_-]), ``nine`` (9 letters or digits),
                          ``none`` (Gemini-format: calls and results carry none)
    tool_choice           ``full``, ``auto`` (only auto/none understood), ``any_for_required`` (required is spelled any),
                          ``validated`` (Gemini-format: every mode but none is spelled VALIDATED)
    stream_usage          ``flag``: stream_options.include_usage must be sent; ``always``/``never``: must not be sent
    json_schema           False: response_format json_schema is not understood, fall back to json_object + instruction
    reasoning_field       where Chat answers carry reasoning text
    replay_reasoning      assistant history must carry its reasoning_content back
    thinking              Anthropic-format: which thinking type the model takes; Ollama- and Gemini-format: ``levels`` = effort
                          words too (Gemini: instead of a budget)
    thinking_budget       Gemini-format: [least, most] tokens of thinking; least 0 = it can be switched off
    schema                Gemini-format: ``openapi`` = schemas only in Google's own subset, ``json_schema`` = any
    empty_schema          Gemini-format: ``placeholder`` = a function without parameters is given one that need not be filled
    output_limit          Gemini-format: False = the output limit is refused, leave it out
    envelope              Code Assist: member beside the body (or ``request.member`` in it) → text, in which ``{uuid}`` is new in
                          each request, ``{session}`` and ``{session_number}`` are the same throughout a conversation, ``{model}``
    strict_tools          True: ``strict`` on tools is understood
    think_tags            thinking stands between ``<think>`` tags at the start of the text
    web_search            the model can (or cannot) be told to search the web; None = as its format's rules say
    code_execution        likewise: to run code of its own in its vendor's sandbox
    preamble              system text that must stand first, as a block of its own
    instructions          system text to send where the client gave none
    accepted              top-level request fields → the values taken; any other value is left out
    tool_types            types of hosted tools to rename, old → new
    reserved_names        tool names (``*`` at the end: anything) the endpoint keeps for its own client; others' get new ones
    empty_tools           False: an empty list of tools is refused, leave it out
    sparse_end            Responses-format: the last event of a stream may lack the output
    stored_items          Responses-format: False = nothing is stored, so ids of items and references to items mean nothing
    cache_marks           most cache marks in a body that is passed on
    answer_in             member of a finished answer's object that may hold it
    one_choice            Chat-format: several choices of a finished answer are parts of one
    message_drop          Chat-format: fields of messages to leave out
    """

    drop: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    force: dict[str, Any] = {}
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    default_max_tokens: int | None = None
    temperature_range: tuple[float, float] | None = None
    sampling: bool | None = None
    system_role: Literal["system", "developer"] | None = None
    tool_id: Literal["any", "anthropic", "nine", "none"] | None = None
    tool_choice: Literal["full", "auto", "any_for_required", "validated"] | None = None
    stream_usage: Literal["flag", "always", "never"] | None = None
    json_schema: bool | None = None
    reasoning_field: str | None = None
    replay_reasoning: bool | None = None
    thinking: Literal["enabled", "adaptive", "levels", "none"] | None = None
    thinking_budget: tuple[int, int] | None = None
    schema: Literal["json_schema", "openapi"] | None = None
    empty_schema: Literal["placeholder"] | None = None
    output_limit: bool | None = None
    envelope: dict[str, str] = {}
    strict_tools: bool | None = None
    think_tags: bool | None = None
    web_search: bool | None = None
    code_execution: bool | None = None
    preamble: str | None = None
    instructions: str | None = None
    accepted: dict[str, tuple[str, ...]] = {}
    tool_types: dict[str, str] = {}
    reserved_names: tuple[str, ...] = ()
    empty_tools: bool | None = None
    sparse_end: bool | None = None
    stored_items: bool | None = None
    cache_marks: int | None = None
    answer_in: str | None = None
    one_choice: bool | None = None
    message_drop: tuple[str, ...] = ()

    def over(self, base: Quirks) -> Quirks:
        """These quirks on top of ``base``: what is stated here wins, lists and maps are joined."""
        merged = {f: getattr(base, f) if getattr(self, f) is None else getattr(self, f) for f in self.__struct_fields__}
        for joined in _LISTS:
            merged[joined] = tuple(dict.fromkeys(getattr(base, joined) + getattr(self, joined)))
        for joined in _MAPS:
            merged[joined] = {**getattr(base, joined), **getattr(self, joined)}
        return Quirks(**merged)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """All that translation needs to know of a target: its model id upstream, limits, capabilities and quirks."""

    model: str
    limits: Limits = Limits()
    capabilities: Capabilities = Capabilities()
    quirks: Quirks = Quirks()
