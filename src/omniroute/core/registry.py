"""Registry[T]: the modules of a package, found once, by the name each one declares."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Read-only look-up by name. Built from a list, or from every module of a package that exports ``attribute``.

    Two entries of one name are refused with ValueError: an extension must never shadow another silently.
    """

    def __init__(self, what: str, entries: Iterator[tuple[str, T]] | list[tuple[str, T]]) -> None:
        self.what = what
        self._entries: dict[str, T] = {}
        for name, entry in entries:
            if name in self._entries:
                raise ValueError(f"{what} {name!r} is declared twice")
            self._entries[name] = entry

    @classmethod
    def of_package(cls, what: str, package: ModuleType, attribute: str) -> Registry[T]:
        """Import each public module of ``package`` and collect its ``attribute`` (an object with a ``name``)."""
        found: list[tuple[str, T]] = []
        for info in pkgutil.iter_modules(package.__path__):
            if info.name.startswith("_"):
                continue
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            entry = getattr(module, attribute)
            found.append((entry.name, entry))
        return cls(what, found)

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise KeyError(f"no {self.what} named {name!r}; known: {', '.join(sorted(self._entries))}") from None

    def get(self, name: str) -> T | None:
        return self._entries.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        return list(self._entries)
