"""``generationConfig`` of Gemini requests, in both directions."""

from __future__ import annotations

from typing import Any, cast

from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Reasoning, ResponseFormat
from omniroute.translation import read
from omniroute.translation.formats.gemini.fields import inner
from omniroute.translation.formats.gemini.openapi import to_json_schema
from omniroute.translation.formats.gemini.tools import encode_schema
from omniroute.translation.reasoning import effort_of

PATH = "generationConfig"
_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
_INTEGERS = {"topK": "top_k", "seed": "seed", "logprobs": "top_logprobs"}
_COUNTS = {"maxOutputTokens": "max_tokens", "candidateCount": "n"}
_ALL = {**_NUMBERS, **_INTEGERS, **_COUNTS, "responseLogprobs": "logprobs"}
_KNOWN = frozenset({*_ALL, "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig"})
_JSON = "application/json"
_LEVELS: dict[str, Effort] = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
# LOW is the least that every model with levels takes
_LEVEL_OF: dict[Effort, str] = {"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}
_BUDGET_OF: dict[Effort, int] = {"minimal": 512, "low": 1024, "medium": 8192}
_BUDGETS = (0, 24576)
_LEAST_BUDGET = 512


def decode_config(config: dict[str, Any]) -> dict[str, Any]:
    """Canonical fields of a ``generationConfig`` (its keys in camelCase); ``extra`` is what only Google knows of it."""
    fields: dict[str, Any] = {}
    for key, name in _NUMBERS.items():
        fields[name] = read.number(config, key, PATH)
    for key, name in _INTEGERS.items():
        fields[name] = read.integer(config, key, PATH)
    for key, name in _COUNTS.items():
        fields[name] = read.integer(config, key, PATH, low=1)
    fields["logprobs"] = read.flag(config, "responseLogprobs", PATH)
    fields["stop"] = read.texts(config.get("stopSequences"), f"{PATH}.stopSequences")
    fields["response_format"] = _decode_format(config)
    fields["reasoning"] = _decode_thinking(config)
    fields["extra"] = {key: value for key, value in config.items() if key not in _KNOWN}
    return fields


def _decode_format(config: dict[str, Any]) -> ResponseFormat | None:
    mime = read.text(config, "responseMimeType", PATH)
    if mime != _JSON:
        return None
    schema = read.obj(config, "responseJsonSchema", PATH)
    if schema is None:
        written = read.obj(config, "responseSchema", PATH)
        schema = to_json_schema(written) if written is not None else None
    return ResponseFormat(kind="json") if schema is None else ResponseFormat(kind="schema", schema=schema)


def _decode_thinking(config: dict[str, Any]) -> Reasoning | None:
    path = f"{PATH}.thinkingConfig"
    thinking = inner(config, "thinkingConfig", PATH)
    budget = read.integer(thinking, "thinkingBudget", path, low=-1)
    level = (read.text(thinking, "thinkingLevel", path) or "").upper()
    visible = read.flag(thinking, "includeThoughts", path)
    if budget is not None and budget <= 0:
        return Reasoning(mode="off") if budget == 0 else Reasoning(mode="adaptive", visible=visible)
    if budget is not None:
        return Reasoning(budget=budget, visible=visible)
    if level in _LEVELS:
        return Reasoning(effort=_LEVELS[level], visible=visible)
    return Reasoning(visible=True) if visible else None


def encode_config(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """The ``generationConfig`` of ``request``, {} when nothing needs saying."""
    config: dict[str, Any] = {}
    for key, name in _ALL.items():
        value = getattr(request, name)
        if value is not None:
            config[key] = value
    if profile.quirks.output_limit is False:
        config.pop("maxOutputTokens", None)
    if request.stop:
        config["stopSequences"] = list(request.stop)
    wanted = request.response_format
    if wanted is not None and wanted.kind != "text":
        config["responseMimeType"] = _JSON
        if wanted.kind == "schema" and wanted.schema:
            key, schema = encode_schema(wanted.schema, profile.quirks, "responseSchema", "responseJsonSchema")
            config[key] = schema
    if request.reasoning is not None:
        config["thinkingConfig"] = encode_thinking(request.reasoning, profile)
    return config


def encode_thinking(reasoning: Reasoning, profile: Profile) -> dict[str, Any]:
    """``thinkingConfig`` as the model takes it: a level where a quirk says so, else a budget in its range.

    A model that cannot leave thinking off gets the least it takes. Thoughts are asked for unless the client does not want them.
    """
    low, high = profile.quirks.thinking_budget or _BUDGETS
    levels = profile.quirks.thinking == "levels"
    if reasoning.mode == "off" or reasoning.effort == "none":
        return {"thinkingLevel": "LOW"} if levels else {"thinkingBudget": low}
    shown = {} if reasoning.visible is False else {"includeThoughts": True}
    if reasoning.effort is None and reasoning.budget is None:
        dynamic = reasoning.mode is not None and not levels
        return {**shown, "thinkingBudget": -1} if dynamic else shown
    if levels:
        return {**shown, "thinkingLevel": _LEVEL_OF.get(effort_of(reasoning), "HIGH")}
    budget = reasoning.budget if reasoning.budget is not None else _BUDGET_OF.get(cast(Effort, reasoning.effort), high)
    return {**shown, "thinkingBudget": min(max(budget, low or _LEAST_BUDGET), high)}
