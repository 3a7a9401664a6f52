"""An instance for a JSON Schema: the smallest value that satisfies it, as far as a schema can be satisfied by looking at it.

Understood: const, enum, type (also lists), required, properties, items, prefixItems, minItems, uniqueItems, minProperties,
minimum, maximum, exclusive bounds, multipleOf, minLength, maxLength, format, anyOf, oneOf, allOf, local $ref. ``pattern`` and the
other assertions are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omniroute.core import json

_DEPTH = 12
_FORMATS: Mapping[str, str] = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_OBJECT_WORDS = ("properties", "required", "minProperties", "additionalProperties", "patternProperties")
_ARRAY_WORDS = ("items", "prefixItems", "minItems", "uniqueItems", "contains")
_NUMBER_WORDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def sample(schema: Any) -> Any:
    """A value that fits ``schema``. A schema that no value of finite depth fits gives null where it never ends."""
    return _value(schema, schema, 0, 0)


def _value(schema: Any, root: Any, depth: int, nth: int) -> Any:
    """``nth`` makes siblings in an array differ."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    schema = _flattened(schema, root, depth)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][nth % len(schema["enum"])]
    kind = _type(schema)
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, depth)
    if kind in ("integer", "number"):
        return _number(schema, kind == "integer", nth)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return _text(schema, nth)


def _flattened(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    """``schema`` with its reference followed, every allOf and the first satisfiable anyOf and oneOf branch joined in."""
    for _ in range(_DEPTH):
        if isinstance(schema.get("$ref"), str):
            rest = {k: v for k, v in schema.items() if k != "$ref"}
            target = _resolve(schema["$ref"], root)
            schema = _joined(target if isinstance(target, dict) else {}, rest)
            continue
        every = schema.get("allOf")
        parts = every if isinstance(every, list) else []
        branches = [b for word in ("anyOf", "oneOf") for b in [_branch(schema.get(word))] if b is not None]
        if not parts and not branches:
            return schema
        schema = {k: v for k, v in schema.items() if k not in ("allOf", "anyOf", "oneOf")}
        for part in [*parts, *branches]:
            if isinstance(part, dict):
                schema = _joined(schema, _flattened(part, root, depth + 1) if depth < _DEPTH else {})
    return schema


def _branch(options: Any) -> dict[str, Any] | None:
    """The first option that is not just null."""
    if not isinstance(options, list):
        return None
    usable = [o for o in options if isinstance(o, dict)]
    return next((o for o in usable if o.get("type") != "null"), usable[0] if usable else None)


def _joined(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both schemas at once, as far as they can be laid side by side."""
    joined = {**base, **more}
    if isinstance(base.get("properties"), dict) and isinstance(more.get("properties"), dict):
        joined["properties"] = {**base["properties"], **more["properties"]}
    if isinstance(base.get("required"), list) and isinstance(more.get("required"), list):
        joined["required"] = [*base["required"], *more["required"]]
    for word, pick in (("minimum", max), ("minLength", max), ("minItems", max), ("maximum", min), ("maxLength", min)):
        if isinstance(base.get(word), (int, float)) and isinstance(more.get(word), (int, float)):
            joined[word] = pick(base[word], more[word])
    return joined


def _resolve(reference: str, root: Any) -> Any:
    """What a local JSON pointer leads to; None for any other reference."""
    if not reference.startswith("#"):
        return None
    return json.pointed(root, reference)


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if isinstance(kind, str):
        return kind
    for words, name in ((_OBJECT_WORDS, "object"), (_ARRAY_WORDS, "array"), (_NUMBER_WORDS, "number")):
        if any(word in schema for word in words):
            return name
    return "string"


def _object(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    least = _count(schema.get("minProperties"))
    names += [name for name in properties if name not in names][: max(0, least - len(names))]
    names += [f"key{i}" for i in range(max(0, least - len(names)))]
    more = schema.get("additionalProperties")
    return {name: _value(properties.get(name, more if isinstance(more, dict) else {}), root, depth + 1, 0) for name in names}


def _array(schema: dict[str, Any], root: Any, depth: int) -> list[Any]:
    prefix = schema.get("prefixItems")
    prefix = prefix if isinstance(prefix, list) else []
    items = schema.get("items")
    if isinstance(items, list):  # the tuple form of older drafts
        prefix, items = items, schema.get("additionalItems")
    unique = schema.get("uniqueItems") is True
    return [
        _value(prefix[i] if i < len(prefix) else items if isinstance(items, dict) else {}, root, depth + 1, i if unique else 0)
        for i in range(min(_count(schema.get("minItems")), 100))
    ]


def _number(schema: dict[str, Any], whole: bool, nth: int) -> int | float:
    low, high = _bound(schema.get("minimum")), _bound(schema.get("maximum"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = _bound(schema.get("multipleOf")) or (1.0 if whole else None)
    strict_low = above is True  # draft 4: a flag beside the bound
    strict_high = below is True
    if _bound(above) is not None and (low is None or _bound(above) >= low):  # type: ignore[operator]  # checked just before
        low, strict_low = _bound(above), True
    if _bound(below) is not None and (high is None or _bound(below) <= high):  # type: ignore[operator]  # checked just before
        high, strict_high = _bound(below), True
    value = _within(low, high, strict_low, strict_high, step)
    value += nth * (step or 1.0)
    return int(value) if whole or (value.is_integer() and step == 1.0) else value


def _within(low: float | None, high: float | None, strict_low: bool, strict_high: bool, step: float | None) -> float:
    if low is None and high is None:
        return step or 1.0
    if step is None:
        if low is not None and high is not None:
            return (low + high) / 2 if strict_low or strict_high else low
        return low + 1.0 if low is not None else (high or 0.0) - 1.0
    if low is not None:
        value = math.ceil(low / step) * step
        return value + step if strict_low and value <= low else value
    value = math.floor((high or 0.0) / step) * step
    return value - step if strict_high and value >= (high or 0.0) else value


def _text(schema: dict[str, Any], nth: int) -> str:
    form = _FORMATS.get(schema.get("format", "")) if isinstance(schema.get("format"), str) else None
    text = form or "example"
    if nth:
        text = f"{text}{nth}"
    least = min(_count(schema.get("minLength")), 10_000)
    text = text.ljust(least, "x")
    most = schema.get("maxLength")
    return text[: max(most, 0)] if isinstance(most, int) and not isinstance(most, bool) else text


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _bound(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
