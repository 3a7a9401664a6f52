"""Find the one item a person means by id or by name."""

from __future__ import annotations

from typing import Any

from omniroute.cli.failure import Failure


def one_of(items: list[dict[str, Any]], word: str, what: str) -> dict[str, Any]:
    """The item whose id is ``word``, else the only one named so. Raises Failure when there is none, or more than one."""
    for item in items:
        if item["id"] == word:
            return item
    named = [item for item in items if item.get("name") == word]
    if len(named) == 1:
        return named[0]
    if named:
        raise Failure(f"{len(named)} {what}s are named {word!r}; say which by id: {', '.join(item['id'] for item in named)}")
    raise Failure(f"there is no {what} {word!r}")
