"""Writes src/omniroute/_fast/unicode_classes.py: the character classes that the token counter cuts text by.

    python3.14 tools/unicode_classes.py

The vocabularies' own encoder uses Unicode 16.0, so the table does too: run this with an interpreter whose ``unicodedata`` is of
that version (Python 3.14), or with the package ``unicodedata2==16.0.0`` beside an older one. Any other version is refused.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from types import ModuleType

VERSION = "16.0.0"
PLACE = Path(__file__).resolve().parents[1] / "src" / "omniroute" / "_fast" / "unicode_classes.py"
WIDTH = 124

_CLASSES = {"Lu": "u", "Lt": "u", "Ll": "l", "Lm": "o", "Lo": "o"}
_MAJOR_CLASSES = {"M": "m", "N": "n", "Z": "s"}
_SPACES = frozenset("\t\v\f\x85")

_HEAD = '''"""What kind of character each code point is. Written by tools/unicode_classes.py; do not edit.

``RUNS`` lists the code points from 0 in runs: a length (1 where it is left out) and a class. u: capital or title-case letter,
l: small letter, o: letter without case, m: mark, n: number, s: white space, r: carriage return or line feed, x: anything else,
as everything behind the last run.
"""

from typing import Final

UNICODE: Final = "{version}"
RUNS: Final = (
{lines}
)
'''


def class_of(character: str, category: str) -> str:
    """The letter of its class; ``category`` is the general category of the Unicode database."""
    if character in "\r\n":
        return "r"
    if character in _SPACES:
        return "s"
    return _CLASSES.get(category) or _MAJOR_CLASSES.get(category[0]) or "x"


def runs(database: ModuleType) -> str:
    """The runs of all code points, the last run of ``x`` left out."""
    classes = (class_of(character, database.category(character)) for character in map(chr, range(sys.maxunicode + 1)))
    text = "".join(f"{n if n > 1 else ''}{letter}" for letter, n in ((k, sum(1 for _ in g)) for k, g in groupby(classes)))
    return text.rstrip("x").rstrip("0123456789")


def module(database: ModuleType) -> str:
    """The text of the generated module."""
    table = runs(database)
    lines = "\n".join(f'    "{table[at : at + WIDTH]}"' for at in range(0, len(table), WIDTH))
    return _HEAD.format(version=database.unidata_version, lines=lines)


def _database() -> ModuleType:
    import unicodedata

    if unicodedata.unidata_version != VERSION:
        try:
            import unicodedata2 as unicodedata  # type: ignore[import-not-found,no-redef]
        except ImportError:
            pass
    if unicodedata.unidata_version != VERSION:
        raise SystemExit(f"needs the Unicode database {VERSION}; this interpreter has {unicodedata.unidata_version}")
    return unicodedata


if __name__ == "__main__":
    PLACE.write_text(module(_database()))
