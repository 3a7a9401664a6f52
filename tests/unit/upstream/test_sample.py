"""Instances made for JSON Schemas. The checker below is written on its own, from the specification."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.upstream.wires._sample import sample

TYPES = {"string": str, "boolean": bool, "null": type(None), "object": dict, "array": list}


def fits(value: Any, schema: Any) -> bool:
    """Whether ``value`` satisfies the keywords used in these tests."""
    if schema is True or schema == {}:
        return True
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_kind = {
        k: number if k == "number" else number and float(value).is_integer() if k == "integer" else isinstance(value, TYPES[k])
        for k in kinds
    }
    checks = [
        not kinds or any(is_kind.values()),
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        all(fits(value, part) for part in schema.get("allOf", [])),
        "anyOf" not in schema or any(fits(value, part) for part in schema["anyOf"]),
    ]
    if number:
        checks += [
            value >= schema.get("minimum", -math.inf),
            value <= schema.get("maximum", math.inf),
            value > schema.get("exclusiveMinimum", -math.inf),
            value < schema.get("exclusiveMaximum", math.inf),
            "multipleOf" not in schema or math.isclose(value / schema["multipleOf"], round(value / schema["multipleOf"])),
        ]
    if isinstance(value, str):
        checks.append(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf))
    if isinstance(value, list):
        checks.append(schema.get("minItems", 0) <= len(value))
        checks.append(not schema.get("uniqueItems") or len({json.dumps(v) for v in value}) == len(value))
        checks += [fits(item, schema.get("items", {})) for item in value]
    if isinstance(value, dict):
        checks.append(len(value) >= schema.get("minProperties", 0))
        checks += [name in value for name in schema.get("required", [])]
        checks += [fits(item, schema.get("properties", {}).get(name, {})) for name, item in value.items()]
    return all(checks)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example"),
        ({}, "example"),
        (True, None),
        ({"type": ["null", "integer"]}, 1),
        ({"type": ["null"]}, None),
        ({"type": "object"}, {}),
        ({"type": "array"}, []),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"enum": ["x", "y"]}, "x"),
        ({"properties": {"a": {}}, "required": ["a"]}, {"a": "example"}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"type": "object", "required": ["gone"]}, {"gone": "example"}),
        ({"type": "object", "minProperties": 2, "properties": {"a": {"type": "null"}}}, {"a": None, "key0": "example"}),
        ({"type": "array", "minItems": 2, "items": {"type": "boolean"}}, [True, True]),
        ({"type": "array", "minItems": 2, "prefixItems": [{"const": 1}, {"const": 2}]}, [1, 2]),
        ({"type": "array", "minItems": 2, "items": [{"const": 1}, {"const": 2}]}, [1, 2]),
        ({"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["a", "b", "c"]}}, ["a", "b"]),
        ({"type": "string", "minLength": 9}, "examplexx"),
        ({"type": "string", "maxLength": 3}, "exa"),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "minimum": 5, "exclusiveMinimum": True}, 6),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "a"),
        (
            {
                "allOf": [
                    {"properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": 2},
        ),
        (
            {"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "required": ["q"], "properties": {"q": {"const": 7}}}}},
            {"q": 7},
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"$ref": "https://elsewhere.test/schema"}, "example"),
        ({"$ref": "#/nowhere"}, "example"),
    ],
)
def test_values(schema: Any, value: Any) -> None:
    assert sample(schema) == value


def test_a_schema_that_contains_itself_ends() -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in sample(endless)
    optional = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert sample(optional) == {}
    assert sample({"$ref": "#"}) is not None
    assert sample({"allOf": [{"$ref": "#"}]}) is not None


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        "x",
        [],
        {"type": 7},
        {"type": "mystery"},
        {"properties": 3, "required": 4},
        {"enum": []},
        {"anyOf": [1]},
        {"items": 3, "minItems": "x"},
    ],
)
def test_nonsense_gives_some_json(schema: Any) -> None:
    json.dumps(sample(schema))


NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={"minimum": st.integers(-50, 50), "exclusiveMinimum": st.integers(-50, 50), "multipleOf": st.integers(1, 9)},
)
TEXTS = st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": st.integers(0, 30)})
ENUMS = st.fixed_dictionaries(
    {"enum": st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), min_size=1, max_size=4)}
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=4)
    made = properties.flatmap(
        lambda p: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(p),
                "required": st.lists(st.sampled_from(sorted(p)), unique=True) if p else st.just([]),
            }
        )
    )
    arrays = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": st.integers(0, 3)})
    return st.one_of(made, arrays, st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}))


@given(st.recursive(st.one_of(NUMBERS, TEXTS, ENUMS, st.just({"type": "boolean"})), objects, max_leaves=8))
def test_a_sample_fits_its_schema(schema: Any) -> None:
    assert fits(sample(schema), schema)
