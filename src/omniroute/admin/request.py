"""What a resource handler sees of a request, and what it hands back. Nothing here knows the web server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from omniroute.core import json
from omniroute.core.errors import BadRequest, UnsupportedMedia

if TYPE_CHECKING:
    from omniroute.admin.services import AdminServices

T = TypeVar("T")

MAX_BODY = 1024 * 1024
_PATH = re.compile(r"at `\$\.?([^`]+)`")
_WHOLE = re.compile(r"[0-9]{1,19}")  # more digits fit no column, and int() refuses thousands of them
_FIELD = re.compile(r"field `([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRequest:
    """One authorised (or public) request.

    ``actor``: ``admin`` (logged in), ``cli`` (admin token) or ``anonymous``; ``address`` is the peer's; ``local``: surely from
    this machine; ``secure``: cookies are to be marked so; ``session``: the valid session value, if the caller came in by one.
    """

    services: AdminServices
    method: str
    params: dict[str, str]
    query: dict[str, str]
    body: bytes
    content_type: str
    accept: str
    actor: str
    host: str
    address: str
    local: bool
    secure: bool
    request_id: str
    session: str | None = None

    async def changed(self, action: str, target: str, detail: dict[str, Any] | None = None) -> None:
        """Write the audit row of a change that was just stored, and put the change in force."""
        await self.services.audit.append(self.actor, action, target, {"address": self.address, **(detail or {})})
        await self.services.reload()

    def decode(self, shape: type[T]) -> T:
        """The JSON body as ``shape``. Raises UnsupportedMedia for another content type, BadRequest naming the parameter."""
        if self.content_type != "application/json":
            raise UnsupportedMedia("send a JSON body with content-type: application/json")
        try:
            return msgspec.json.decode(self.body, type=shape)
        except msgspec.ValidationError as error:
            text = str(error)
            found = _PATH.search(text) or _FIELD.search(text)
            raise BadRequest(f"the request body is not right: {text}", param=found.group(1) if found else None) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"the request body is not valid JSON: {error}") from None

    def object(self) -> dict[str, Any]:
        """The JSON body as an object of any members."""
        return self.decode(dict[str, Any])

    def flag(self, name: str) -> bool:
        """A yes/no of the query; absent is no."""
        raw = self.query.get(name, "false").lower()
        if raw not in ("true", "false", "1", "0"):
            raise BadRequest(f"{name} must be true or false", param=name)
        return raw in ("true", "1")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """A whole number of the query; BadRequest out of range."""
        raw = self.query.get(name)
        if raw is None:
            return default
        if not _WHOLE.fullmatch(raw) or not minimum <= int(raw) <= maximum:
            raise BadRequest(f"{name} must be a whole number from {minimum} to {maximum}", param=name)
        return int(raw)

    def number(self, name: str) -> float | None:
        """A number of the query (unix seconds, say), or None when absent."""
        raw = self.query.get(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            raise BadRequest(f"{name} must be a number", param=name) from None
        if value != value or value in (float("inf"), float("-inf")):
            raise BadRequest(f"{name} must be a finite number", param=name)
        return value


class Stream(Protocol):
    """An answer that comes in parts. ``close`` makes ``parts`` end, and is called in any case."""

    def parts(self) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is written as JSON, bytes as they are; None means an empty answer. ``cookies`` are whole Set-Cookie values.
    ``stream`` takes the body's place."""

    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = field(default=())
    media: str = "application/json"
    stream: Stream | None = None

    def encode(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body)


def listing(items: list[dict[str, Any]], next_cursor: str | None = None) -> Answer:
    """The one shape of every list: ``{"data": [...], "next_cursor": null}``."""
    return Answer({"data": items, "next_cursor": next_cursor})
