"""What translation did to a request, told only to those who ask: the raw material of an explanation.

A collector is a plain list of :class:`Op`, or None when nobody asked; then noting costs one check.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["kept", "renamed", "dropped", "clamped", "synthesised", "moved", "rewritten"]


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``rule`` names why, ``pointer`` is a JSON pointer into the canonical request, ``detail`` is free text."""

    rule: str
    pointer: str
    action: Action
    detail: str = ""


Ops = list[Op] | None


def note(ops: Ops, rule: str, action: Action, *where: str | int, detail: str = "") -> None:
    """Add a record for the place ``where`` (pointer segments) to ``ops``; nothing happens when it is None."""
    if ops is not None:
        pointer = "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in where)
        ops.append(Op(rule=rule, pointer=pointer, action=action, detail=detail))
