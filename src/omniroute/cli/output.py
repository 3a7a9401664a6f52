"""What people and programs read: data on stdout, messages on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from omniroute.core import json


def emit_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps_pretty(value).decode(), nl=False)


def table(rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> str:
    """Aligned columns, two spaces apart; numbers to the right, nothing for None."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max([len(title), *(len(row[i]) for row in cells)]) for i, title in enumerate(headings)]
    numeric = [bool(rows) and all(isinstance(row[i], (int, float, type(None))) and not isinstance(row[i], bool) for row in rows)
               for i in range(len(headings))]  # fmt: skip
    lines = [_line([title.upper() for title in headings], widths, numeric)]
    lines += [_line(row, widths, numeric) for row in cells]
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    parts = [text.rjust(w) if right else text.ljust(w) for text, w, right in zip(row, widths, numeric, strict=True)]
    return "  ".join(parts).rstrip()


def cell(value: Any) -> str:
    """One value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def moment(seconds: float | None) -> str:
    """Unix seconds in the local zone, to the minute; ``never`` for None."""
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def message(text: str, *, quiet: bool = False) -> None:
    """A sentence on stderr, unless the user asked for quiet."""
    if not quiet:
        click.echo(text, err=True)
