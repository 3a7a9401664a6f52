"""Writes what is made of the admin API's description: the tables of docs/admin-api.md and the dashboard's types.

``make docs`` runs it; a test tells when one of them is older than the routes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniroute import __version__
from omniroute.admin.openapi import describe
from omniroute.admin.resources import ROUTES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "admin-api.md"
TYPES = ROOT / "dashboard" / "src" / "api" / "schema.ts"
_BEGIN, _END = "<!-- routes: begin -->", "<!-- routes: end -->"
_NAME = re.compile(r"[A-Za-z_]\w*")
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def written() -> dict[Path, str]:
    """What each file must hold."""
    document = describe(ROUTES, __version__)
    return {PAGE: _with_table(PAGE.read_text(), document), TYPES: typescript(document)}


def typescript(document: dict[str, Any]) -> str:
    """An interface for each schema but lists, which are all of one shape; what GET takes and answers, by path."""
    parts = [
        "// Made of the admin API's description by `make docs`. Not to be edited.\n",
        "/** Every list. `next_cursor` asks for the next page; null: this was the last. */\n"
        "export interface Listing<T> {\n  data: T[];\n  next_cursor: string | null;\n}\n",
    ]
    for name, schema in document["components"]["schemas"].items():
        if not _is_list(schema):
            parts.append("".join(_interface(name, schema)))
    parts += ["".join(_answers(document)), "".join(_queries(document))]
    return "\n".join(parts)


def _readable(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths without parameters, with what GET does there."""
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path:
            yield path, operations["get"]


def _answers(document: dict[str, Any]) -> Iterator[str]:
    yield "/** What GET answers. */\nexport interface Answers {\n"
    for path, told in _readable(document):
        content = told["responses"]["200"]["content"]
        if "application/json" in content:
            yield f"  {json.dumps(path)}: {_listed(content['application/json']['schema'], document)};\n"
    yield "}\n"


def _queries(document: dict[str, Any]) -> Iterator[str]:
    yield "/** What GET takes in the query. */\nexport interface Queries {\n"
    for path, told in _readable(document):
        named = [one for one in told.get("parameters", ()) if one["in"] == "query"]
        if named:
            members = "; ".join(f"{one['name']}{'' if one['required'] else '?'}: {_type(one['schema'])}" for one in named)
            yield f"  {json.dumps(path)}: {{ {members} }};\n"
    yield "}\n"


def _listed(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """``Listing<Key>`` for ``KeyList``."""
    name = schema.get("$ref", "").rpartition("/")[2]
    told = document["components"]["schemas"].get(name)
    if told is not None and _is_list(told):
        return f"Listing<{_type(told['properties']['data']['items'])}>"
    return _type(schema)


def _interface(name: str, schema: dict[str, Any]) -> Iterator[str]:
    if "description" in schema:
        yield f"/** {schema['description']} */\n"
    yield f"export interface {name} {{\n"
    required = set(schema.get("required", ()))
    for member, told in schema.get("properties", {}).items():
        key = member if _NAME.fullmatch(member) else json.dumps(member)
        yield f"  {key}{'' if member in required else '?'}: {_type(told)};\n"
    yield "}\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema["items"]) if "items" in schema else "unknown"
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"Record<string, {_type(more) if isinstance(more, dict) else 'unknown'}>"
    return _PLAIN[kind] if isinstance(kind, str) else "unknown"


def _is_list(schema: dict[str, Any]) -> bool:
    return set(schema.get("properties", ())) == {"data", "next_cursor"}


def _with_table(page: str, document: dict[str, Any]) -> str:
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table(document)}{_END}{after}"


def table(document: dict[str, Any]) -> str:
    """The routes by resource: what to call, what goes and comes, what it is for."""
    lines = []
    for tag in (one["name"] for one in document["tags"]):
        lines += [f"\n### {tag}\n", "| call | takes | answers | |", "| --- | --- | --- | --- |"]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag in operation["tags"]:
                    lines.append(_row(method, path, operation))
    return "\n".join(lines) + "\n\n"


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    query = [f"`?{one['name']}`" for one in operation.get("parameters", ()) if one["in"] == "query"]
    body = operation.get("requestBody")
    takes = [_called(body["content"]["application/json"]["schema"])] if body else []
    if len(query) > 6:
        query = [*query[:5], "…"]
    (media, content), *_ = next(iter(operation["responses"].values()))["content"].items()
    answers = _called(content["schema"]) if media == "application/json" else f"`{media}`"
    public = " Public." if operation.get("security") == [] else ""
    return f"| `{method.upper()} {path}` | {' '.join([*takes, *query])} | {answers} | {operation['summary']}.{public} |".replace(
        "|  |", "| |"
    )


def _called(schema: dict[str, Any]) -> str:
    return f"`{_type(schema)}`" if "$ref" in schema else "an object"


def main() -> None:
    for file, text in written().items():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            sys.stdout.write(f"{file.relative_to(ROOT)} is written anew\n")


if __name__ == "__main__":
    main()
