"""The route table as data: what is public is said here, route by route; everything else needs a credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from omniroute.admin.request import AdminRequest, Answer

Handler = Callable[[AdminRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``path`` starts with ``/api`` (or is the metrics page); ``{name}`` stands for one segment.

    ``public``: no credential is asked for. The rest describes the operation to others and changes nothing: ``query`` is a struct
    whose fields are the parameters of the query, ``body`` and ``answer`` are types of the JSON that comes and goes (``answer``
    None with ``media`` of another kind: text), ``statuses`` are those of success.
    """

    method: str
    path: str
    handler: Handler
    public: bool = False
    query: type[msgspec.Struct] | None = None
    body: Any = None
    answer: Any = None
    statuses: tuple[int, ...] = (200,)
    media: str = "application/json"

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to. ``route`` is None when no route has this method; ``allowed`` is empty when no route has this path."""

    route: Route | None
    params: dict[str, str]
    allowed: tuple[str, ...]


def normalise(raw_path: bytes) -> tuple[str, ...]:
    """The segments of a path as everyone must read it: empty segments dropped, each percent-decoded once.

    Case is folded when segments are compared with a route's own words, never in parameters.
    """
    text = raw_path.split(b"?", 1)[0].decode("latin-1")
    return tuple(unquote(part) for part in text.split("/") if part)


class RouteTable:
    """Look-up by normalised segments. Literal words win over parameters; two equal routes are refused with ValueError."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(sorted(routes, key=_literal_first))
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for route in self.routes:
            shape = (route.method, tuple("{}" if _is_param(word) else word for word in route.segments))
            if shape in seen:
                raise ValueError(f"route {route.method} {route.path} is declared twice")
            seen.add(shape)

    def find(self, method: str, segments: Sequence[str]) -> Match:
        """The route for ``method`` and ``segments``; HEAD is answered by GET."""
        wanted = "GET" if method == "HEAD" else method
        allowed: list[str] = []
        for route in self.routes:
            params = _bind(route.segments, segments)
            if params is None:
                continue
            if route.method == wanted:
                return Match(route, params, ())
            allowed.append(route.method)
        return Match(None, {}, tuple(dict.fromkeys(allowed)))


def _is_param(word: str) -> bool:
    return word.startswith("{") and word.endswith("}")


def _literal_first(route: Route) -> tuple[tuple[bool, ...], str]:
    return tuple(_is_param(word) for word in route.segments), route.path


def _bind(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params: dict[str, str] = {}
    for word, segment in zip(pattern, segments, strict=True):
        if _is_param(word):
            params[word[1:-1]] = segment
        elif word != segment.lower():
            return None
    return params
