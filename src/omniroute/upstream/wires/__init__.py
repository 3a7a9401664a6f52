"""How bytes travel, by name: one module per wire, each with a ``WIRE``. Most providers use ``http``."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.upstream.call import Transport

__all__ = ["Wire", "registry"]


class Wire(Protocol):
    """``name`` is what a provider's data says; ``make`` gives a transport for all providers of that wire."""

    name: str

    def make(self, clock: Clock) -> Transport: ...


@cache
def registry() -> Registry[Wire]:
    """All wires, imported once on first use."""
    from omniroute.upstream import wires

    return Registry.of_package("wire", wires, "WIRE")
