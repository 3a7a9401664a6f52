"""What providers tell of an account's quotas when they are asked: one module per kind of answer, each with a ``READER``.

Pure: a JSON value in, readings out. Which provider is asked where, and how, is data (``quota.usage_endpoint``); who asks, and
when, is the server's business.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, Protocol

from omniroute.core.registry import Registry
from omniroute.upstream.quota_headers import QuotaReading

__all__ = ["Reader", "Usage", "registry"]


class Usage(NamedTuple):
    """``windows`` with the source ``endpoint``; ``plan``: what the provider calls what the account pays for, None = not said."""

    windows: tuple[QuotaReading, ...] = ()
    plan: str | None = None


class Reader(Protocol):
    """Understands the usage answers of one kind of service."""

    name: str

    def read(self, value: Any, now: float) -> Usage:
        """What ``value``, the JSON of an answer that came at ``now``, says. Never raises: what makes no sense is left out."""
        ...


@cache
def registry() -> Registry[Reader]:
    """All readers, imported once on first use."""
    from omniroute.upstream import usage

    return Registry.of_package("usage reader", usage, "READER")
