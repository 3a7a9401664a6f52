"""A transport that no network is behind: whoever inherits it says what becomes of a call, and answers are read whole."""

from __future__ import annotations

import json
from typing import Any

from omniroute.upstream.call import Headers, Pulled


class Whole(Pulled):
    """``body``: bytes, or anything else as JSON."""

    def __init__(self, status: int, body: Any, headers: Headers | None = None) -> None:
        self.status = status
        self.headers: Headers = headers or []
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)

    def chunks(self) -> Any:
        raise AssertionError("answers of this size are read whole")

    async def read(self, limit: int) -> bytes:
        return self._body

    async def close(self) -> None:
        """Nothing is open."""


class Nowhere:
    """The rest of a transport."""

    async def close(self) -> None:
        """Nothing is open."""

    def describe(self) -> dict[str, object]:
        return {}
