"""The description of the admin API as an OpenAPI 3.1 document, made of the routes and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Error

VERSION = "3.1.1"
JSON = "application/json"
_REF = "#/components/schemas/{name}"
_PARAM = re.compile(r"\{(\w+)\}")
_CODE = re.compile(r"``([^`]*)``|:\w+:`([^`]*)`")
_ABOUT = (
    "What the dashboard and the command line use. Log in for a session cookie, or send the data directory's admin token as a "
    "bearer. Every refusal has one shape, every list another; a list's `next_cursor` is the `cursor` of its next page."
)


def describe(routes: Sequence[Route], version: str, *, closed: bool = False) -> dict[str, Any]:
    """The document. ``closed``: objects whose members are all known allow no others; tests ask for that, clients must not."""
    types = _Types(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda route: route.path):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, types)
    return {
        "openapi": VERSION,
        "info": {"title": "OmniRoute admin API", "version": version, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"session": []}, {"token": []}],
        "tags": [{"name": tag} for tag in sorted({tag_of(route) for route in routes})],
        "paths": paths,
        "components": {
            "schemas": types.schemas(closed=closed),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "omniroute_session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def tag_of(route: Route) -> str:
    """The resource that a route belongs to: the module of its handler."""
    return route.handler.__module__.rpartition(".")[2].replace("_", " ")


def about(route: Route) -> str:
    """What the handler says of itself."""
    return _prose(route.handler.__doc__)


def _operation(route: Route, types: _Types) -> dict[str, Any]:
    told = about(route)
    summary, _, rest = told.partition(". ")
    made: dict[str, Any] = {
        "operationId": _identifier(route),
        "summary": summary.rstrip("."),
        "tags": [tag_of(route)],
        "responses": {
            **{str(status): _success(route, types) for status in route.statuses},
            "default": {"description": "A refusal.", "content": {JSON: {"schema": types.schema(Error)}}},
        },
    }
    if rest:
        made["description"] = rest
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _PARAM.findall(route.path)
    ]
    if route.query is not None:
        parameters += _query(route.query, types)
        if note := _prose(route.query.__doc__) if _own_doc(route.query) else "":
            made["description"] = f"{made.get('description', '')} {note}".strip()
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": types.schema(route.body)}}}
    if route.public:
        made["security"] = []
    return made


def _success(route: Route, types: _Types) -> dict[str, Any]:
    schema = {"type": "string"} if route.answer is None else types.schema(route.answer)
    return {"description": "Done.", "content": {route.media: {"schema": schema}}}


def _query(shape: type[msgspec.Struct], types: _Types) -> list[dict[str, Any]]:
    found = []
    for field in _members(shape):
        schema = types.inline(field.type)
        if field.default is not msgspec.NODEFAULT and field.default is not None:
            schema = {**schema, "default": field.default}
        found.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    return found


def _identifier(route: Route) -> str:
    """Unique, and as stable as method and path are: ``get_keys_id``."""
    words = [word.strip("{}") for word in route.segments if word != "api"]
    return re.sub(r"\W+", "_", "_".join([route.method.lower(), *words]))


class _Types:
    """The schemas of everything the routes mention."""

    def __init__(self, routes: Iterable[Route]) -> None:
        answered = [route.answer for route in routes if route.answer is not None] + [Error]
        taken = [route.body for route in routes if route.body is not None]
        listed = list(dict.fromkeys([*answered, *taken]))
        self._complete = set(_structs(answered))
        self._taken = set(_structs(taken))
        self._structs = list(dict.fromkeys([*_structs(answered), *_structs(taken)]))
        refs, self._components = msgspec.json.schema_components([*self._structs, *listed], ref_template=_REF)
        count = len(self._structs)
        self._names = {
            ref["$ref"].rpartition("/")[2]: _name(struct) for ref, struct in zip(refs[:count], self._structs, strict=True)
        }
        if len(set(self._names.values())) != len(self._names):
            twice = sorted(name for name in self._names.values() if list(self._names.values()).count(name) > 1)
            raise ValueError(f"two types of the admin API are called alike: {', '.join(twice)}")
        self._schemas = dict(zip(listed, (self._renamed(ref) for ref in refs[count:]), strict=True))

    def schema(self, of: Any) -> dict[str, Any]:
        """A reference to, or the schema of, a type that a route mentions."""
        found: dict[str, Any] = self._schemas[of]
        return found

    def inline(self, of: inspect.Type) -> dict[str, Any]:
        """The schema of a query parameter; null is told by leaving it out."""
        if isinstance(of, inspect.UnionType):
            (of,) = (one for one in of.types if not isinstance(one, inspect.NoneType))
        if isinstance(of, inspect.LiteralType):
            return {"enum": list(of.values)}
        plain = {
            inspect.StrType: "string",
            inspect.IntType: "integer",
            inspect.FloatType: "number",
            inspect.BoolType: "boolean",
        }
        return {"type": plain[type(of)]}

    def schemas(self, *, closed: bool) -> dict[str, Any]:
        found = {}
        for struct, (raw, name) in zip(self._structs, self._names.items(), strict=True):
            schema: dict[str, Any] = self._renamed(self._components[raw])
            schema.pop("title", None)
            schema.pop("description", None)
            if text := _prose(struct.__doc__) if _own_doc(struct) else "":
                schema = {"description": text, **schema}
            if struct in self._complete and struct not in self._taken:
                self._complete_members(struct, schema)
                if not closed:
                    schema.pop("additionalProperties", None)
            found[name] = schema
        return dict(sorted(found.items()))

    def _complete_members(self, struct: Any, schema: dict[str, Any]) -> None:
        """What is answered has every member, whatever is its default; only what can be unset is sometimes left out."""
        if getattr(struct, "__origin__", struct).__struct_config__.omit_defaults:
            return
        required = [field.encode_name for field in _members(struct) if field.required or _defaults(field)]
        if required:
            schema["required"] = required
        for name in required:
            schema["properties"][name].pop("default", None)

    def _renamed(self, node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: self._ref(value) if key == "$ref" else self._renamed(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [self._renamed(one) for one in node]
        return node

    def _ref(self, ref: str) -> str:
        raw = ref.rpartition("/")[2]
        return _REF.format(name=self._names[raw])


def _structs(roots: Iterable[Any]) -> list[Any]:
    """Every struct that can be reached from these types, each once."""
    found: dict[Any, None] = {}
    waiting = [inspect.type_info(root) for root in roots]
    while waiting:
        told = waiting.pop()
        if isinstance(told, inspect.StructType):
            if told.cls in found:
                continue
            found[told.cls] = None
            waiting += [field.type for field in told.fields]
        elif isinstance(told, inspect.UnionType):
            waiting += told.types
        elif isinstance(told, inspect.DictType):
            waiting += [told.key_type, told.value_type]
        elif isinstance(told, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)):
            waiting.append(told.item_type)
    return list(found)


def _members(struct: Any) -> tuple[inspect.Field, ...]:
    told = inspect.type_info(struct)
    if not isinstance(told, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return told.fields


def _defaults(field: inspect.Field) -> bool:
    return field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT


def _name(struct: Any) -> str:
    """A type by its own word; bodies of a resource by the resource's too: ``KeysCreateBody``; lists: ``KeyList``."""
    arguments = getattr(struct, "__args__", ())
    if arguments:
        return "".join(_name(one) for one in arguments) + "List"
    name: str = struct.__name__
    if name.endswith(("Body", "Query", "Request")) and ".resources." in struct.__module__:
        resource = struct.__module__.rpartition(".")[2]
        return "".join(word.capitalize() for word in resource.split("_")) + name
    return name


def _own_doc(struct: Any) -> bool:
    origin = getattr(struct, "__origin__", struct)
    return "__doc__" in vars(origin) and bool(origin.__doc__)


def _prose(doc: str | None) -> str:
    """A docstring as one paragraph of Markdown."""
    text = " ".join((doc or "").split())
    return _CODE.sub(lambda found: f"`{found.group(1) or found.group(2)}`", text)
