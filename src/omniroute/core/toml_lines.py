"""Where each key of a TOML text stands, so that a message can name the line. tomllib gives values only.

The text has been parsed before, so it is known to be valid: the scanner follows statements and skips values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from types import MappingProxyType

KeyPath = tuple[str, ...]


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Path of each table and key → its line, counted from 1. Members of an array of tables are numbered (``("nodes", "0")``)."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}

    def scan(self) -> Mapping[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_blank():
            line = self._text.count("\n", 0, self._at) + 1
            if self._text[self._at] == "[":
                table = self._header()
                self._note(table, line)
            else:
                key = self._key("=")
                self._note(table + key, line)
                self._skip_value()
        return MappingProxyType(self._lines)

    def _note(self, path: KeyPath, line: int) -> None:
        """A dotted path names its parents too, on the line where they are first seen."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _skip_blank(self) -> bool:
        """Go to the next statement; False at the end of the text."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                self._skip_line()
            elif char in " \t\r\n":
                self._at += 1
            else:
                return True
        return False

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _header(self) -> KeyPath:
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        path = self._resolve(self._key("]"))
        if array:
            self._at += 1
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path += (str(index),)
        return path

    def _resolve(self, path: KeyPath) -> KeyPath:
        """``[a.b]`` after ``[[a]]`` speaks of the last member of ``a``."""
        out: KeyPath = ()
        for position, word in enumerate(path):
            out += (word,)
            if position < len(path) - 1 and out in self._counts:
                out += (str(self._counts[out] - 1),)
        return out

    def _key(self, end: str) -> KeyPath:
        start = self._at
        while self._text[self._at] != end:
            if self._text[self._at] in "\"'":
                self._skip_string()
            else:
                self._at += 1
        written = self._text[start : self._at]
        self._at += 1
        return _words(written)

    def _skip_value(self) -> None:
        """To the end of the statement: brackets may span lines, strings may hold anything."""
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in "\"'":
                self._skip_string()
                continue
            if char == "#":
                self._skip_line()
                continue
            if char == "\n" and depth == 0:
                return
            depth += (char in "[{") - (char in "]}")
            self._at += 1

    def _skip_string(self) -> None:
        quote = self._text[self._at]
        mark = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(mark)
        while not self._text.startswith(mark, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(mark)
        while len(mark) == 3 and self._at < len(self._text) and self._text[self._at] == quote:
            self._at += 1  # a multi-line string may end in quotes of its own


def _words(written: str) -> KeyPath:
    """The parts of a dotted key, quotes undone, by the parser itself."""
    words: list[str] = []
    table: object = tomllib.loads(f"{written.strip()} = 0")
    while isinstance(table, dict):
        word, table = next(iter(table.items()))
        words.append(word)
    return tuple(words)
