"""What a wire format can say and what it refuses, as data: ``normalise`` reads this instead of testing a format's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from omniroute.ir.request import MediaKind


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """How a format writes one kind of tool that its vendor runs.

    tool              the tool without options; a tool of this format is one when its ``type`` (or only key) begins with ``kind``
    field             top-level field that holds the options where it is no tool
    options           ``allowed_domains``, ``blocked_domains``, ``location``, ``context_size``, ``max_uses`` → where it stands in
                      the tool or field, as a path of keys; missing ones cannot be said
    place             key under which a location has its city, country, region and timezone, "" if directly
    default           whether models have it that say nothing of it (the quirk of the same name)
    beside_functions  it may be given together with functions
    """

    tool: Mapping[str, Any] = {}
    kind: str = ""
    field: str = ""
    options: Mapping[str, tuple[str, ...]] = {}
    place: str = ""
    default: bool = True
    beside_functions: bool = True


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The norm of one format; a profile's quirks are applied on top.

    hoists_system      leading system text has a place of its own beside the messages
    late_system        system text inside the conversation: ``keep`` its role, or wrap it as a ``reminder`` in a user turn
    merges_turns       roles must alternate: neighbours of one role become one turn
    starts_with_user   the first turn must be the user's
    trims_prefill      a final assistant turn must not end in white space
    blank_text         text of nothing but white space is accepted
    media              accepted kinds → accepted MIME types; an empty set means any type
    media_urls         kinds that may be given by URL
    result_media       kinds a tool result may hold; others follow in a user turn
    refused_images     True: an image of another type is the client's mistake (400), not a text note
    id_chars           regular expression class of legal tool call id characters, None = anything
    id_limit           longest tool call id
    name_limit         longest tool name ([a-zA-Z0-9_-] in every format)
    name_letter_first  a tool name must begin with a letter or underscore
    custom_tools       free-form tools exist
    strict_tools       ``strict`` on tools is understood unless a quirk says otherwise
    flat_schema        a tool schema must not have anyOf, oneOf or allOf at its top
    unknown_keywords   JSON Schema constraints that are lost where the quirk ``schema`` asks for the vendor's own subset
    allowed_tools      tool choice may name a subset; otherwise the tool list is reduced
    parallel_choice    it can be told not to call several tools at once
    tool_choice        the model can be told whether to call; otherwise only the tool list says so
    fields             optional fields of ChatRequest the format can carry
    max_tokens         an output limit is required
    output_limit       an output limit can be given
    least_max_tokens   smallest output limit accepted
    temperature        accepted range
    stop_limit         most stop sequences, None = no limit
    blank_stop         stop sequences of white space are accepted
    user_limit         longest end-user id; longer ones are hashed; 0 = there is no place for one
    cache_marks        most cache marks per request, 0 = the format has none
    reasoning          how thinking is asked for; ``budget``: as the client said it, the encoder knows what each model takes
    reasoning_off      "do not think" is said, not left out
    signed_thinking    thinking in the history is taken back only with a proof of its own vendor
    signed_calls       proofs are bound to tool calls as well
    carries_proofs     clients of this format send proofs of thinking back, whosever they are
    json_object        "any JSON object" can be asked for
    json_schema        JSON of a schema can be asked for
    service_tiers      tier words of other formats → the word here; missing ones are left out
    hosted             the tools its vendor runs that others have as well: ``web_search``, ``code_execution``
    private_system     system text beginning with one of these is meant for this format's vendor only
    """

    hoists_system: bool = False
    late_system: Literal["keep", "reminder"] = "keep"
    merges_turns: bool = False
    starts_with_user: bool = False
    trims_prefill: bool = False
    blank_text: bool = True
    media: Mapping[MediaKind, frozenset[str]] = {}
    media_urls: frozenset[MediaKind] = frozenset()
    result_media: frozenset[MediaKind] = frozenset()
    refused_images: bool = False
    id_chars: str | None = None
    id_limit: int = 64
    name_limit: int = 64
    name_letter_first: bool = False
    custom_tools: bool = False
    strict_tools: bool = False
    flat_schema: bool = False
    unknown_keywords: frozenset[str] = frozenset()
    allowed_tools: bool = False
    parallel_choice: bool = True
    tool_choice: bool = True
    fields: frozenset[str] = frozenset()
    max_tokens: bool = False
    output_limit: bool = True
    least_max_tokens: int = 1
    temperature: tuple[float, float] = (0.0, 2.0)
    stop_limit: int | None = None
    blank_stop: bool = True
    user_limit: int = 128
    cache_marks: int = 0
    reasoning: Literal["effort", "thinking", "budget", "none"] = "none"
    reasoning_off: bool = False
    signed_thinking: bool = False
    signed_calls: bool = False
    carries_proofs: bool = False
    json_object: bool = True
    json_schema: bool = True
    service_tiers: Mapping[str, str] = {}
    hosted: Mapping[Literal["web_search", "code_execution"], Hosted] = {}
    private_system: tuple[str, ...] = ()
