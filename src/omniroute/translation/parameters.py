"""Sampling, limits and the other top-level fields, fitted to a target: clamped, cut, hashed or left out."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, ResponseFormat, Text
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules
from omniroute.translation.schema import lost_keywords

FALLBACK_MAX_TOKENS = 4096
_OPTIONAL = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "metadata",
    "verbosity",
    "prompt_cache_key",
    "store",
)
_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
_JSON_ONLY = "Answer with one valid JSON object only: no prose before or after it, no code fence."


def fit_parameters(request: ChatRequest, profile: Profile, rules: Rules, ops: Ops) -> ChatRequest:
    """The request with every plain field as the target takes it. BadRequest when several choices were asked for in vain."""
    changes: dict[str, Any] = {}
    for field in _OPTIONAL:
        refused = field not in rules.fields or (profile.quirks.sampling is False and field in _SAMPLING)
        if refused and getattr(request, field) is not None:
            note(ops, "field-unsupported", "dropped", field)
            changes[field] = None
    _fit_n(request, rules, changes, ops)
    if request.temperature is not None and "temperature" not in changes:
        _fit_temperature(request.temperature, profile, rules, changes, ops)
    changes["max_tokens"] = _fit_max_tokens(request.max_tokens, profile, rules, ops)
    changes["stop"] = _fit_stop(request.stop, rules, ops)
    changes["user"] = _fit_user(request.user, rules, ops)
    if request.service_tier is not None:
        changes["service_tier"] = rules.service_tiers.get(request.service_tier)
        if changes["service_tier"] != request.service_tier:
            note(ops, "service-tier", "rewritten", "service_tier", detail=str(changes["service_tier"]))
    return replace(request, **changes)


def _fit_n(request: ChatRequest, rules: Rules, changes: dict[str, Any], ops: Ops) -> None:
    if request.n is None or "n" in rules.fields:
        return
    if request.n > 1:
        raise BadRequest("n > 1 is not supported by the provider of this model; ask for one choice at a time.", param="n")
    changes["n"] = None
    note(ops, "field-unsupported", "dropped", "n")


def _fit_temperature(value: float, profile: Profile, rules: Rules, changes: dict[str, Any], ops: Ops) -> None:
    low, high = profile.quirks.temperature_range or rules.temperature
    clamped = min(max(value, low), high)
    if clamped != value:
        changes["temperature"] = clamped
        note(ops, "temperature-range", "clamped", "temperature", detail=str(clamped))


def _fit_max_tokens(value: int | None, profile: Profile, rules: Rules, ops: Ops) -> int | None:
    limit = profile.limits.max_output
    if not rules.output_limit:
        if value is not None:
            note(ops, "field-unsupported", "dropped", "max_tokens")
        return None
    if value is None:
        if not rules.max_tokens:
            return None
        value = profile.quirks.default_max_tokens or limit or FALLBACK_MAX_TOKENS
        note(ops, "max-tokens-default", "synthesised", "max_tokens", detail=str(value))
    if value < rules.least_max_tokens:
        note(ops, "max-tokens-least", "clamped", "max_tokens", detail=str(rules.least_max_tokens))
        value = rules.least_max_tokens
    if limit is not None and value > limit:
        note(ops, "max-tokens-limit", "clamped", "max_tokens", detail=str(limit))
        return limit
    return value


def _fit_stop(stop: tuple[str, ...], rules: Rules, ops: Ops) -> tuple[str, ...]:
    kept = tuple(text for text in stop if text and (rules.blank_stop or text.strip()))[: rules.stop_limit]
    if len(kept) != len(stop):
        note(ops, "stop-limit", "dropped", "stop", detail=str(len(stop) - len(kept)))
    return kept


def _fit_user(user: str | None, rules: Rules, ops: Ops) -> str | None:
    if user is None or len(user) <= rules.user_limit:
        return user
    if rules.user_limit == 0:
        note(ops, "field-unsupported", "dropped", "user")
        return None
    note(ops, "user-length", "rewritten", "user", detail="hashed")
    return sha256(user.encode()).hexdigest()


def fit_response_format(request: ChatRequest, profile: Profile, rules: Rules, ops: Ops) -> ChatRequest:
    """Structured output as the target can be asked for it; what it has no field for becomes an instruction."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return replace(request, response_format=None) if wanted else request
    if wanted.kind == "schema" and rules.json_schema and profile.quirks.json_schema is not False:
        if ops is not None and profile.quirks.schema == "openapi":
            lost = lost_keywords(wanted.schema, rules.unknown_keywords)
            if lost:
                note(ops, "response-schema", "rewritten", "response_format", detail=f"without {', '.join(lost)}")
        return request
    if wanted.kind == "json" and rules.json_object and _says_json(request):
        return request
    note(ops, "response-format", "rewritten", "response_format", detail="instruction")
    instruction = _JSON_ONLY
    if wanted.schema is not None:
        instruction += f"\nIt must be valid under this JSON Schema:\n{json.dumps_text(wanted.schema)}"
    left = ResponseFormat(kind="json") if rules.json_object else None
    return replace(request, system=(*request.system, Text(text=instruction)), response_format=left)


def _says_json(request: ChatRequest) -> bool:
    """Whether some text mentions JSON, as targets with a JSON mode insist."""
    texts = (part.text for message in request.messages for part in message.parts if isinstance(part, Text))
    return any("JSON" in text.text for text in request.system) or any("JSON" in text for text in texts)
