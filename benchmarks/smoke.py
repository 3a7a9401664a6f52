"""A few seconds of load through every pair of dialects, with the answers checked: does the path hold, not how fast is it.

Exits 1 when an answer is missing, wrong or an error. Prints the same table as load.py; its numbers are not a measurement.
"""

from __future__ import annotations

import json

import uvloop

from load import SCENARIOS, Result, Scenario, header, row, run
from rig import running_rig

_REQUESTS = 120
_CONNECTIONS = 8


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return body
    joined = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        joined += rest[:length]
        body = rest[length + 2 :]
    return bytes(joined)


def _text(scenario: Scenario, body: bytes) -> str:
    """The text of an answer in the dialect the client asked for."""
    if not scenario.stream:
        answer = json.loads(body)
        return str(answer["choices"][0]["message"]["content"] if scenario.dialect == "openai" else answer["content"][0]["text"])
    events = [json.loads(line[5:]) for line in body.decode().splitlines() if line.startswith("data:") and "[DONE]" not in line]
    if scenario.dialect == "openai":
        return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def _terminated(scenario: Scenario, body: bytes) -> bool:
    return not scenario.stream or (b"data: [DONE]" if scenario.dialect == "openai" else b"message_stop") in body


def _problem(scenario: Scenario, result: Result) -> str | None:
    if result.requests != _REQUESTS or result.errors:
        return f"{result.requests} of {_REQUESTS} answers, {result.errors} errors; first answer: {result.sample[:400]!r}"
    body = _body(result.sample)
    expected = dict(pair.split("=") for pair in scenario.script.split(","))
    length = len(_text(scenario, body))
    if length != int(expected["chunks"]) * int(expected["size"]):
        return f"the text has {length} bytes, not chunks x size of {scenario.script}"
    return None if _terminated(scenario, body) else "the stream has no terminator"


async def _main() -> int:
    failed = 0
    print(header())
    with running_rig() as rig:
        for scenario in SCENARIOS:
            result = await run(scenario, rig, connections=_CONNECTIONS, requests=_REQUESTS, seconds=20)
            problem = _problem(scenario, result)
            print(row(scenario.name, result) + (f"\n    {problem}" if problem else ""), flush=True)
            failed += problem is not None
    print(f"{len(SCENARIOS) - failed} scenarios held, {failed} did not")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(uvloop.run(_main()))
