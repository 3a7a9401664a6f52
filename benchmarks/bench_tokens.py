"""Speed, load time and memory of token counting. Run alone: ``nice -n -5 python benchmarks/bench_tokens.py [NAME=FILE …]``.

MB of UTF-8 for each second of processor time, the best of five: texts of the standard library and made-up ones, then what is
hardest to merge, 1 MB each.
``estimate`` is the count without a vocabulary. Files named on the command line are measured beside them.
"""

from __future__ import annotations

import base64
import gc
import json
import random
import resource
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from omniroute._fast.bpe import Vocabulary
from omniroute._fast.tokens import estimate
from omniroute.gateway.vocabularies import read

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
ROUNDS, SIZE = 5, 1_000_000


def code() -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(LIBRARY.glob("[a-h]*.py")))


def english() -> str:
    """The language reference as Python carries it for ``help()``."""
    from pydoc_data.topics import topics

    return "\n".join(topics.values())


def records(rng: random.Random) -> str:
    words = english().split()[:5000]
    return json.dumps(
        [
            {
                "id": rng.randrange(10**9),
                "name": " ".join(rng.choices(words, k=3)),
                "enabled": rng.random() < 0.5,
                "score": round(rng.random(), 4),
                "updated_at": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T08:15:00Z",
                "nested": {"tags": rng.choices(words, k=4), "owner": None},
            }
            for _ in range(4000)
        ]
    )


def chinese(rng: random.Random, ranks: bytes) -> str:
    """Words that are tokens, in sentences: as many tokens a character as real text has, but nothing that repeats."""
    words = []
    for line in ranks.splitlines():
        word = base64.b64decode(line.split()[0]).decode("utf-8", "ignore")
        if word and all("\u4e00" <= character <= "\u9fff" for character in word):
            words.append(word)
    sentences = ("".join(rng.choices(words, k=rng.randint(4, 14))) for _ in range(30_000))
    return "".join(sentence + rng.choice(",。;") for sentence in sentences)


def hardest(rng: random.Random) -> Iterator[tuple[str, str]]:
    for unit in ("a", "ab", " ", "\n", "\t", "-", "=", "/", "的", "é", "😀"):
        yield f"only {unit!r}", unit * (SIZE // len(unit.encode()))
    yield "one word", "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=SIZE))
    yield "base64", base64.b64encode(rng.randbytes(SIZE * 3 // 4)).decode()
    yield "punctuation", "".join(rng.choices("!@#$%^&*()-=+[]{}|;:,.<>?", k=SIZE))
    yield "any Chinese", "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(SIZE // 3))


def rate(count: Callable[[bytes], int], text: bytes) -> float:
    best = min(_seconds(count, text) for _ in range(ROUNDS))
    return len(text) / best / 1e6


def _seconds(count: Callable[[bytes], int], text: bytes) -> float:
    started = time.thread_time()  # other work on the machine counts only by what it does to the caches
    count(text)
    return time.thread_time() - started


def resident() -> float:
    """MB in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    gc.collect()
    before = resident()
    started = time.thread_time()
    vocabulary = Vocabulary(read("o200k"), "o200k")
    loaded = time.thread_time() - started
    gc.collect()
    print(f"o200k: read, checked and built in {loaded:.2f} s, {resident() - before:.0f} MB")

    rng = random.Random(1)
    ranks = read("o200k")
    texts = {"English": english(), "code": code(), "JSON": records(rng), "Chinese": chinese(rng, ranks)}
    texts["English and code"] = english() + code()
    for argument in sys.argv[1:]:
        name, _, file = argument.partition("=")
        texts[name] = Path(file).read_text()
    texts.update(hardest(rng))
    print(f"{'text':18} {'MB':>6} {'tokens':>9} {'MB/s':>8} {'estimate':>9}")
    for name, text in texts.items():
        data = text.encode()
        tokens = vocabulary.count(data)
        print(f"{name:18} {len(data) / 1e6:6.2f} {tokens:9,} {rate(vocabulary.count, data):8.1f} {rate(estimate, data):9.1f}")


if __name__ == "__main__":
    main()
