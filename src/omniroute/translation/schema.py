"""Tool schemas: what a target insists on at the top of a parameter schema. Nested schemas are passed as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

_COMBINERS = ("allOf", "anyOf", "oneOf")
_MERGED = frozenset({"type", "properties", "required", "title", "description", "$schema", "$defs", "definitions"})
# keyword → how schemas hang below it
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


def empty_schema() -> dict[str, Any]:
    """The schema of a tool without parameters."""
    return {"type": "object", "properties": {}}


def free_input_schema() -> dict[str, Any]:
    """The schema a free-form tool gets where only functions exist."""
    return {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def object_schema(schema: dict[str, Any] | None, *, flat: bool) -> dict[str, Any]:
    """``schema`` as an object schema with properties and without ``$schema``.

    ``flat``: combiners at the top are merged into one object: properties of all branches, required where every alternative
    requires it. Branches that are no object schemas add nothing.
    """
    if not schema:
        return empty_schema()
    result = {key: value for key, value in schema.items() if key != "$schema"}
    if flat and any(key in result for key in _COMBINERS):
        result = _flatten(result, schema)
    result["type"] = "object"
    if not isinstance(result.get("properties"), dict):
        result["properties"] = {}
    return result


def has_combiner(schema: dict[str, Any] | None) -> bool:
    """Whether the top of the schema is anyOf, oneOf or allOf."""
    return bool(schema) and any(key in (schema or {}) for key in _COMBINERS)


def flattening_loses(schema: dict[str, Any] | None) -> bool:
    """Whether one flat object says less than ``schema``: alternatives lose what sets them apart, and of branches that hold
    together anything but properties, each told once, and requirements is lost."""
    if not schema:
        return False
    if any(len(_branches(schema, key)) > 1 for key in ("anyOf", "oneOf")):
        return True
    seen = dict(_properties(schema))
    for key in _COMBINERS:
        for branch in (_resolve(branch, schema) for branch in _branches(schema, key)):
            told = _properties(branch)
            if branch.keys() - _MERGED or any(seen.get(name, value) != value for name, value in told.items()):
                return True
            seen |= told
    return False


def lost_keywords(schema: dict[str, Any] | None, unknown: Collection[str]) -> list[str]:
    """The constraints of ``schema`` and all schemas in it that a target without the keywords ``unknown`` will not see, sorted.

    The schema of further properties counts as such a keyword where ``additionalProperties`` is named."""
    found: set[str] = set()
    for node in _schemas(schema):
        found |= {key for key in unknown if key in node and key != "additionalProperties"}
        if "additionalProperties" in unknown and isinstance(node.get("additionalProperties"), dict):
            found |= {"additionalProperties"} if node["additionalProperties"] else set()
    return sorted(found)


def without_keywords(schema: dict[str, Any], unknown: Collection[str]) -> dict[str, Any]:
    """A copy in which no schema has the keywords ``unknown``; properties of such a name stay."""
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in unknown:
            continue
        if key in _NAMED and isinstance(value, dict):
            result[key] = {name: _bare(inner, unknown) for name, inner in value.items()}
        elif (key in _LISTED or key == "items") and isinstance(value, list):
            result[key] = [_bare(inner, unknown) for inner in value]
        else:
            result[key] = _bare(value, unknown) if key in _SINGLE else value
    return result


def _bare(schema: Any, unknown: Collection[str]) -> Any:
    return without_keywords(schema, unknown) if isinstance(schema, dict) else schema


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """``schema`` and every schema in it: what stands in a schema's place, not what is merely named like a keyword."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        yield node
        for key, value in node.items():
            if key in _NAMED and isinstance(value, dict):
                waiting += value.values()
            elif (key in _LISTED or key == "items") and isinstance(value, list):
                waiting += value
            elif key in _SINGLE:
                waiting.append(value)


def _flatten(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in node.items() if key not in _COMBINERS}
    properties: dict[str, Any] = dict(_properties(node))
    required: list[Any] = _required(node)
    for key in _COMBINERS:
        branches = [_resolve(branch, root) for branch in _branches(node, key)]
        for branch in branches:
            for name, value in _properties(branch).items():
                properties.setdefault(name, value)
        demands = [_required(branch) for branch in branches]
        if key == "allOf":
            required += [name for names in demands for name in names]
        elif demands:
            required += [name for name in demands[0] if all(name in names for names in demands[1:])]
    result["properties"] = properties
    result.pop("required", None)
    kept = [name for name in dict.fromkeys(name for name in required if isinstance(name, str)) if name in properties]
    if kept:
        result["required"] = kept
    return result


def _branches(node: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = node.get(key)
    return [branch for branch in value if isinstance(branch, dict)] if isinstance(value, list) else []


def _resolve(branch: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = branch.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return branch
    node: Any = root
    for segment in reference[2:].split("/"):
        node = node.get(segment) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else branch


def _properties(node: dict[str, Any]) -> dict[str, Any]:
    value = node.get("properties")
    return value if isinstance(value, dict) else {}


def _required(node: dict[str, Any]) -> list[Any]:
    value = node.get("required")
    return list(value) if isinstance(value, list) else []
