"""Takes finished recordings, takes the secrets out of them, stores them: beside the traffic, in a bounded line."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import structlog

from omniroute.core.errors import StorageError
from omniroute.core.redact import SECRET_HEADERS, redact_text
from omniroute.gateway.capture import Message, Recording
from omniroute.storage.captures import CaptureRepository

_MOST_WAITING = 200
_SECRET_SIGNS = ("key", "token", "secret", "auth", "cookie", "password", "credential", "signature")
_OPEN_NAMES = frozenset({"max-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"})
log = structlog.get_logger("omniroute.capture")


class CaptureWriter:
    """:meth:`take` never waits: recordings that come while ``_MOST_WAITING`` others do are counted as ``dropped``."""

    def __init__(self, repository: CaptureRepository) -> None:
        self._repository = repository
        self._waiting: deque[Recording] = deque()
        self._news = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        """Needs a running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="capture-writer")

    def take(self, recording: Recording) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(recording)
        self._news.set()

    async def flush(self) -> None:
        """Returns when all that was taken before is stored, or cannot be."""
        async with self._writing:
            while self._waiting:
                await self._store(self._waiting[0])
                self._waiting.popleft()  # not before: what is cut short is stored by whoever closes

    async def _store(self, recording: Recording) -> None:
        try:
            payload = await asyncio.to_thread(payload_of, recording)
            await self._repository.add(recording.request_id, recording.at, recording.key_id, payload)
        except StorageError as error:
            self.dropped += 1
            log.warning("captured request not stored", request=recording.request_id, reason=error.message)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            await self.flush()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self.flush()


def payload_of(recording: Recording) -> dict[str, Any]:
    """The recording as JSON members, without secrets."""
    return {
        "request_id": recording.request_id,
        "at": recording.at,
        "key_id": recording.key_id,
        "client_request": _told(recording.request),
        "tries": [
            {
                "attempt": asked.number,
                "upstream_request": _told(asked.request),
                "upstream_answer": None if asked.answer is None else {**_told(asked.answer), "error": _clean(asked.answer.error)},
            }
            for asked in recording.tries
        ],
        "client_answer": None if recording.answer is None else _told(recording.answer),
    }


def _told(message: Message) -> dict[str, Any]:
    body = message.body
    return {
        **{name: redact_text(value) if isinstance(value, str) else value for name, value in message.first.items()},
        "headers": [[name, _header(name, value)] for name, value in message.headers],
        "body": redact_text(body.content().decode("utf-8", "replace")),
        "bytes": body.size,
        "truncated": body.truncated,
    }


def _header(name: str, value: str) -> str:
    """Whoever invents a header for a credential gives it a telling name."""
    name = name.lower()
    if name in SECRET_HEADERS or (name not in _OPEN_NAMES and any(sign in name for sign in _SECRET_SIGNS)):
        return "[redacted]"
    return redact_text(value)


def _clean(text: str | None) -> str | None:
    return None if text is None else redact_text(text)
