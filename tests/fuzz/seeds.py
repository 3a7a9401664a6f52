"""Writes what a fuzzing run begins with: the seeds of every target, and a dictionary of the words in them."""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from pathlib import Path

from fuzz.cases import CASES

_WORD = re.compile(rb'"[A-Za-z_.]{2,40}"(?::)?')
_SYNTAX = [b'{"', b'":', b'"}', b"[{", b"}]", b"\\u", b"\\ud83d\\ude00", b"\\ud800", b"data: ", b"event: ", b"\n\n", b"\r\n\r\n",
           b"[DONE]", b"null", b"true", b"false", b"-1", b"1e999", b"[]", b"{}", b'""', b"\xef\xbb\xbf", b"\xe2\x80\xa8",
           b"HTTP/1.1 ", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"]  # fmt: skip


def write(home: str) -> None:
    """``home``/seeds/TARGET/… and ``home``/words.dict; the targets' names go to standard output, one a line."""
    words: set[bytes] = set(_SYNTAX)
    for name, case in CASES.items():
        folder = Path(home) / "seeds" / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed in case.seeds():
            (folder / sha256(seed).hexdigest()[:20]).write_bytes(seed)
            words.update(_WORD.findall(seed))
        sys.stdout.write(f"{name}\n")
    escaped = ("".join(chr(c) if 32 < c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in word) for word in sorted(words))
    (Path(home) / "words.dict").write_text("".join(f'"{word}"\n' for word in escaped))
