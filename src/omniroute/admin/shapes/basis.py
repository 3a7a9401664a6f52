"""What answers of every resource have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Shape(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of what is answered: every member is always there, and no other."""


class Listing(Shape, Generic[T]):
    """A list. ``next_cursor`` is the ``cursor`` of the next page; null: this was the last."""

    data: list[T]
    next_cursor: str | None


class Problem(Shape):
    """``code`` is for programs, ``message`` a sentence for people; ``param``: what of the request it is about; ``request_id``
    finds it in the log."""

    code: str
    message: str
    request_id: str
    param: str | msgspec.UnsetType = msgspec.UNSET


class Error(Shape):
    """The one shape of every refusal."""

    error: Problem


class Deleted(Shape):
    """It is gone."""

    id: str
    deleted: bool
