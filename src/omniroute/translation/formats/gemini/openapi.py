"""JSON Schema ↔ the OpenAPI subset that Gemini calls Schema.

Only schema positions are converted: a property may be named ``format`` or ``$ref`` and stays that. Recursion is cut where it
closes, since the subset has no references.
"""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.translation.formats.gemini.fields import camel

_COPIED = (
    "title", "description", "pattern", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "minProperties",
    "maxProperties",
)  # fmt: skip
_FORMATS = {"string": ("date-time", "enum"), "number": ("float", "double"), "integer": ("int32", "int64")}
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_NOT_SHARED = ("anyOf", "oneOf", "type", "description", "title", "enum")
_DEEPEST = 40
_MOST = 10_000
_EMPTY: dict[str, Any] = {"type": "OBJECT"}


def to_openapi(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` in Google's words: references inlined, null as ``nullable``, keywords it does not know left out."""
    return _Writer(schema).node(schema, ())


class _Writer:
    """Inlining multiplies: no more than ``_MOST`` nodes are written, the rest is left open."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = _MOST

    def node(self, node: Any, seen: tuple[str, ...]) -> dict[str, Any]:
        """One schema; ``seen`` are the references being inlined around it."""
        self._left -= 1
        if not isinstance(node, dict) or len(seen) > _DEEPEST or self._left < 0:
            return dict(_EMPTY)
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._referred(node, reference, seen)
        if isinstance(node.get("allOf"), list):
            node = self._joined(node, seen)
        branches, nullable = self._branches(node)
        if len(branches) > 1:
            return self._choice(node, branches, nullable, seen)
        if branches:
            node = {**{key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}, **branches[0]}
            if "$ref" in node or "anyOf" in node or "oneOf" in node or "allOf" in node:
                result = self.node(node, (*seen, ""))
                return {**result, "nullable": True} if nullable else result
        return self._plain(node, nullable, seen)

    def _referred(self, node: dict[str, Any], reference: str, seen: tuple[str, ...]) -> dict[str, Any]:
        described = {"description": node["description"]} if isinstance(node.get("description"), str) else {}
        if reference in seen:
            return {**_EMPTY, "description": f"as {reference.rpartition('/')[2]} above", **described}
        target = json.pointed(self._root, reference)
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return self.node({**target, **rest} if isinstance(target, dict) else {**_EMPTY, **rest}, (*seen, reference))

    def _joined(self, node: dict[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
        """All branches of allOf as one: properties and requirements added up, the first word on anything else wins."""
        joined = {key: value for key, value in node.items() if key != "allOf"}
        properties = dict(_object(joined.get("properties")))
        required = list(_list(joined.get("required")))
        for branch in node["allOf"]:
            branch = self._resolved(branch, seen)
            for name, value in _object(branch.get("properties")).items():
                properties.setdefault(name, value)
            required += _list(branch.get("required"))
            for key, value in branch.items():
                joined.setdefault(key, value)
        if properties:
            joined["properties"] = properties
        if required:
            joined["required"] = required
        return joined

    def _resolved(self, branch: Any, seen: tuple[str, ...]) -> dict[str, Any]:
        """A branch with its reference followed, as long as that leads anywhere new."""
        for _ in range(_DEEPEST):
            reference = branch.get("$ref") if isinstance(branch, dict) else None
            if not isinstance(reference, str) or reference in seen:
                break
            target: Any = self._root
            for segment in reference.removeprefix("#").split("/")[1:]:
                target = target.get(segment) if isinstance(target, dict) else None
            branch = target
        return self._joined(branch, seen) if isinstance(branch, dict) and _nested(branch) else _object(branch)

    def _branches(self, node: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """(alternatives, whether null is one of them): of anyOf or oneOf, or of a list of types."""
        listed = node.get("anyOf") or node.get("oneOf")
        kinds = node.get("type")
        if isinstance(listed, list):
            branches = [branch for branch in listed if isinstance(branch, dict)]
            kept = [branch for branch in branches if branch.get("type") != "null" and branch.get("const", 0) is not None]
            return kept, len(kept) < len(branches)
        if isinstance(kinds, list):
            named = [kind for kind in kinds if isinstance(kind, str)]
            return [{"type": kind} for kind in named if kind != "null"], "null" in named
        return [], False

    def _choice(
        self, node: dict[str, Any], branches: list[dict[str, Any]], nullable: bool, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        """Nothing but a description may stand beside anyOf: what does moves into the branches."""
        shared = {key: value for key, value in node.items() if key not in _NOT_SHARED}
        result: dict[str, Any] = {"anyOf": [self.node({**shared, **branch}, (*seen, "")) for branch in branches]}
        if isinstance(node.get("description"), str):
            result["description"] = node["description"]
        if nullable:
            result["nullable"] = True
        return result

    def _plain(self, node: dict[str, Any], nullable: bool, seen: tuple[str, ...]) -> dict[str, Any]:
        values = [node["const"]] if "const" in node else _list(node.get("enum"))
        nullable = nullable or node.get("nullable") is True or (bool(values) and None in values)
        values = [value for value in values if value is not None]
        kind = "string" if values else _kind(node)
        result: dict[str, Any] = {"type": kind.upper()}
        result |= {key: node[key] for key in _COPIED if isinstance(node.get(key), str | int | float)}
        if values:
            result["enum"] = [value if isinstance(value, str) else json.dumps_text(value) for value in values]
            result["format"] = "enum"
        elif node.get("format") in _FORMATS.get(kind, ()):
            result["format"] = node["format"]
        if nullable:
            result["nullable"] = True
        _bounds(node, kind, result)
        if kind == "object":
            self._properties(node, result, seen)
        elif kind == "array":
            result["items"] = self._items(node, seen)
        return result

    def _properties(self, node: dict[str, Any], result: dict[str, Any], seen: tuple[str, ...]) -> None:
        properties = {name: value for name, value in _object(node.get("properties")).items() if value is not False}
        if properties:
            result["properties"] = {name: self.node(value, (*seen, "")) for name, value in properties.items()}
        required = dict.fromkeys(name for name in _list(node.get("required")) if isinstance(name, str))
        kept = [name for name in required if name in properties]
        if kept:
            result["required"] = kept

    def _items(self, node: dict[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
        items = node.get("items")
        listed = items if isinstance(items, list) else node.get("prefixItems")
        if isinstance(listed, list) and listed:
            kinds = [self.node(item, (*seen, "")) for item in listed]
            return kinds[0] if all(kind == kinds[0] for kind in kinds) else {"anyOf": kinds}
        return self.node(items, (*seen, "")) if isinstance(items, dict) and items else {"type": "STRING"}


def _nested(node: dict[str, Any]) -> bool:
    return isinstance(node.get("allOf"), list)


def _kind(node: dict[str, Any]) -> str:
    """The type, or the one its keywords speak of."""
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((word for word in kind if isinstance(word, str) and word != "null"), None)
    if isinstance(kind, str) and kind.lower() in ("string", "number", "integer", "boolean", "array", "object"):
        return kind.lower()
    if "items" in node or "prefixItems" in node:
        return "array"
    if any(key in node for key in ("pattern", "minLength", "maxLength", "format")):
        return "string"
    return "number" if "minimum" in node or "maximum" in node else "object"


def _bounds(node: dict[str, Any], kind: str, result: dict[str, Any]) -> None:
    """Exclusive bounds as inclusive ones, one further for integers."""
    step = 1 if kind == "integer" else 0
    low, high = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if isinstance(low, int | float) and not isinstance(low, bool):
        result.setdefault("minimum", low + step)
    if isinstance(high, int | float) and not isinstance(high, bool):
        result.setdefault("maximum", high - step)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def to_json_schema(schema: Any) -> dict[str, Any]:
    """Google's Schema as JSON Schema: types in lower case, ``nullable`` as a null type, counts as numbers."""
    return _read(schema, 0)


def _read(node: Any, depth: int) -> dict[str, Any]:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return {}
    result: dict[str, Any] = {}
    for key, value in camel(node).items():
        if key == "type":
            if isinstance(value, str) and value != "TYPE_UNSPECIFIED":
                result["type"] = value.lower()
            elif isinstance(value, list):
                result["type"] = [word.lower() for word in value if isinstance(word, str)]
        elif key == "properties":
            result["properties"] = {name: _read(inner, depth + 1) for name, inner in _object(value).items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _read(value, depth + 1)
        elif key == "anyOf":
            result["anyOf"] = [_read(inner, depth + 1) for inner in _list(value)]
        elif key in ("$defs", "defs"):
            result["$defs"] = {name: _read(inner, depth + 1) for name, inner in _object(value).items()}
        elif key == "ref":
            result["$ref"] = value
        elif key in _COUNTS and isinstance(value, str) and value.isdigit():
            result[key] = int(value)
        elif not _googles(key, value):
            result[key] = value
    return _nullable(result) if node.get("nullable") is True else result


def _googles(key: str, value: Any) -> bool:
    """A keyword of the subset that JSON Schema does not have."""
    return key in ("nullable", "propertyOrdering", "example") or (key == "format" and value == "enum")


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        values = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [kind, "null"], **values}
    if isinstance(schema.get("anyOf"), list):
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema
