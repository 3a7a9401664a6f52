"""A small, polite benchmark of one model through a running OmniRoute: what a user waits for, and what OmniRoute adds to it.

Requests are streamed chat completions, as clients send them. Sending stops when the provider asks for less, and after errors in a
row: a benchmark must not cost its user an account.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec

from omniroute.core import json
from omniroute.core.ids import Clock

PROMPT = "Count from one to fifty in words."
ERRORS_IN_A_ROW = 3
_STOPPING_STATUSES = frozenset({401, 402, 403, 429})
_MESSAGE_LIMIT = 200


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` of the server without a path; ``timeout`` in seconds for the whole of one answer."""

    url: str
    model: str
    requests: int = 10
    concurrency: int = 1
    prompt: str = PROMPT
    max_tokens: int = 128
    timeout: float = 120.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Times in milliseconds from its sending; ``overhead_ms`` is OmniRoute's own share where the server tells it.

    ``error`` is set when there was no complete answer; ``status`` is 0 when there was none at all.
    """

    status: int
    total_ms: float
    first_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    overhead_ms: float | None = None
    provider: str | None = None
    error: str | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens over the time from the first one to the end."""
        if self.output_tokens is None or self.first_ms is None or self.total_ms <= self.first_ms:
            return None
        return self.output_tokens / (self.total_ms - self.first_ms) * 1000


class BenchReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``started_at`` is unix seconds. ``stopped`` says why not all requests were sent. The figures are over complete answers."""

    started_at: float
    version: str
    url: str
    model: str
    providers: tuple[str, ...]
    requests: int
    concurrency: int
    answered: int
    errors: dict[str, int] = {}
    stopped: str | None = None
    first_ms: dict[str, float] = {}
    total_ms: dict[str, float] = {}
    tokens_per_second: dict[str, float] = {}
    overhead_ms: dict[str, float] = {}
    input_tokens: int | None = None
    output_tokens: int | None = None


async def bench(plan: BenchPlan, client: httpx.AsyncClient, key: str | None, clock: Clock, version: str) -> BenchReport:
    """Send the plan's requests, at most ``concurrency`` at a time. Whatever goes wrong with one of them is in the report."""
    run = _Run(plan, client, key, clock)
    started = clock.now()
    await asyncio.gather(*(run.work() for _ in range(min(plan.concurrency, plan.requests))))
    return _report(plan, run.answers, run.stopped, started, version)


class _Run:
    """The requests of one plan: how many are left to send, what came back."""

    def __init__(self, plan: BenchPlan, client: httpx.AsyncClient, key: str | None, clock: Clock) -> None:
        self.answers: list[Answer] = []
        self.stopped: str | None = None
        self._plan = plan
        self._client = client
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._clock = clock
        self._left = plan.requests
        self._failed_in_a_row = 0

    async def work(self) -> None:
        """One sender: the next request when the last answer is complete."""
        while self._left > 0 and self.stopped is None:
            self._left -= 1
            answer = await self._ask()
            self.answers.append(answer)
            self._failed_in_a_row = self._failed_in_a_row + 1 if answer.error is not None else 0
            if answer.status in _STOPPING_STATUSES:
                self.stopped = f"status {answer.status}: {answer.error}"
            elif self._failed_in_a_row >= ERRORS_IN_A_ROW:
                self.stopped = f"{ERRORS_IN_A_ROW} errors in a row, the last: {answer.error}"

    async def _ask(self) -> Answer:
        plan = self._plan
        body = json.dumps(
            {
                "model": plan.model,
                "stream": True,
                "stream_options": {"include_usage": True},
                "max_tokens": plan.max_tokens,
                "messages": [{"role": "user", "content": plan.prompt}],
            }
        )
        headers = {**self._headers, "content-type": "application/json"}
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(plan.timeout):
                async with self._client.stream(
                    "POST", f"{plan.url}/v1/chat/completions", content=body, headers=headers
                ) as response:
                    if response.status_code != 200:
                        message = _message(await response.aread(), response.status_code)
                        return Answer(status=response.status_code, total_ms=self._since(began), error=message)
                    return await self._read(response, began)
        except TimeoutError:
            return Answer(status=0, total_ms=self._since(began), error=f"no complete answer within {plan.timeout:g} seconds")
        except httpx.HTTPError as error:
            return Answer(status=0, total_ms=self._since(began), error=str(error) or type(error).__name__)

    async def _read(self, response: httpx.Response, began: float) -> Answer:
        first: float | None = None
        usage: dict[str, Any] = {}
        ended = False
        error: str | None = None
        async for event in _events(response):
            if event is None:
                ended = True
                continue
            if event.get("error"):
                error = _message(json.dumps(event), 200)
            if first is None and _has_content(event):
                first = self._since(began)
            usage = event.get("usage") or usage
        return Answer(
            status=response.status_code,
            first_ms=first,
            total_ms=self._since(began),
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            overhead_ms=overhead(response.headers),
            provider=response.headers.get("x-omniroute-provider"),
            error=error if error is not None or ended else "the stream ended before the answer was complete",
        )

    def _since(self, began: float) -> float:
        return (self._clock.monotonic() - began) * 1000


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any] | None]:
    """The events of the stream; None for its end mark. What is not a JSON object is passed over."""
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            yield None
            continue
        try:
            value = json.loads(data)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield value


def _has_content(event: dict[str, Any]) -> bool:
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if any(delta.get(field) for field in ("content", "reasoning_content", "reasoning", "tool_calls", "refusal")):
            return True
    return False


def _message(body: bytes, status: int) -> str:
    try:
        value = json.loads(body)
    except json.JSONDecodeError:
        value = None
    error = value.get("error") if isinstance(value, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    return str(said)[:_MESSAGE_LIMIT] if said else f"status {status}"


def overhead(headers: httpx.Headers) -> float | None:
    """OmniRoute's own milliseconds, from ``x-omniroute-overhead-ms`` or the entry ``overhead`` of ``Server-Timing``."""
    own = headers.get("x-omniroute-overhead-ms")
    if own is None:
        for entry in headers.get("server-timing", "").split(","):
            name, _, rest = entry.strip().partition(";")
            if name == "overhead":
                own = next((word.partition("=")[2] for word in rest.split(";") if word.strip().startswith("dur=")), None)
    try:
        return None if own is None else float(own)
    except ValueError:
        return None


def _report(plan: BenchPlan, answers: Sequence[Answer], stopped: str | None, started: float, version: str) -> BenchReport:
    whole = [answer for answer in answers if answer.error is None]
    errors: dict[str, int] = {}
    for answer in answers:
        if answer.error is not None:
            errors[answer.error] = errors.get(answer.error, 0) + 1
    counted = [answer for answer in whole if answer.output_tokens is not None]
    return BenchReport(
        started_at=started,
        version=version,
        url=plan.url,
        model=plan.model,
        providers=tuple(sorted({answer.provider for answer in whole if answer.provider})),
        requests=len(answers),
        concurrency=plan.concurrency,
        answered=len(whole),
        errors=errors,
        stopped=stopped,
        first_ms=spread([answer.first_ms for answer in whole]),
        total_ms=spread([answer.total_ms for answer in whole]),
        tokens_per_second=spread([answer.tokens_per_second for answer in whole]),
        overhead_ms=spread([answer.overhead_ms for answer in whole]),
        input_tokens=sum(answer.input_tokens or 0 for answer in counted) if counted else None,
        output_tokens=sum(answer.output_tokens or 0 for answer in counted) if counted else None,
    )


def spread(values: Sequence[float | None]) -> dict[str, float]:
    """``min``, ``p50``, ``p99`` and ``max`` of what is there (nearest rank, two decimals); empty when nothing is."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return {}
    last = len(ordered) - 1
    picks = {"min": 0, "p50": round(last * 0.5), "p99": round(last * 0.99), "max": last}
    return {name: round(ordered[index], 2) for name, index in picks.items()}
