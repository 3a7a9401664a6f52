"""Cost of the envelope scan: µs per body beside a full parse by orjson. Run: ``python benchmarks/bench_envelope.py``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

import orjson

from omniroute._fast.envelope import scan
from omniroute._fast.tokens import estimate_body

PROSE = 'The quick brown fox, said "hello",\nand then went on to discuss the matter at length in English prose. '
CODE = (
    'def area(r: float) -> float:\n    """The area."""\n    if r < 0:\n        raise ValueError("r")\n    return 3 * r ** 2\n\n'
)
CHINESE = "这是一个测试。用来测量扫描的速度。"


def chat(text: str, size: int, *, ascii_only: bool = True) -> bytes:
    """A chat body of about ``size`` bytes in messages of 2 kB."""
    message = {"role": "user", "content": text * max(1, 2000 // len(text.encode()))}
    count = max(1, size // 2000)
    return json.dumps({"model": "lab/m", "stream": True, "messages": [message] * count}, ensure_ascii=ascii_only).encode()


def tools(size: int) -> bytes:
    """A body that is all structure: tool schemas."""
    properties = {"path": {"type": "string", "description": "a file"}, "limit": {"type": "number", "minimum": 1.5}}
    tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": properties}}}
    return json.dumps({"model": "lab/m", "tools": [tool] * max(1, size // len(json.dumps(tool)))}).encode()


def best_us(function: Callable[[], object], rounds: int = 40) -> float:
    """The fastest of ``rounds`` calls, in µs: the figure least disturbed by the rest of the machine."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best * 1e6


def main() -> None:
    bodies = {
        "prose 1 kB": chat(PROSE, 1_000),
        "prose 50 kB": chat(PROSE, 50_000),
        "prose 400 kB": chat(PROSE, 400_000),
        "code 400 kB": chat(CODE, 400_000),
        "chinese 400 kB": chat(CHINESE, 400_000, ascii_only=False),
        "escaped chinese 400 kB": chat(CHINESE, 160_000),
        "tool schemas 400 kB": tools(400_000),
        "prose 1 MB": chat(PROSE, 1_000_000),
    }
    print(f"{'body':<24}{'bytes':>10}{'scan µs':>10}{'splice µs':>11}{'tokens µs':>11}{'orjson µs':>11}")
    for name, body in bodies.items():
        splice = partial(scan(body).splice, {"model": b'"another/model"'})
        calls = (partial(scan, body), splice, partial(estimate_body, body), partial(orjson.loads, body))
        figures = [best_us(call) for call in calls]
        print(f"{name:<24}{len(body):>10}{figures[0]:>10.1f}{figures[1]:>11.1f}{figures[2]:>11.1f}{figures[3]:>11.1f}")


if __name__ == "__main__":
    main()
