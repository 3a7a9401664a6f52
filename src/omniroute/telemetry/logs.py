"""The process log: structlog for us, the same lines for every library, no secrets in either.

Levels are decided once, at :func:`configure_logs`: a method below the level does nothing but return.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO, cast

import structlog

from omniroute.core import json
from omniroute.core.redact import SECRET_HEADERS, redact_text

LogFormat = Literal["auto", "console", "json"]
_SECRET_WORDS = frozenset({"password", "secret", "token", "api_key", "apikey", "credential"})
_DEEPEST = 6
_BOOKKEEPING = frozenset({"_record", "_from_structlog"})  # removed again before rendering
# These speak of every call or every statement; below warning they would drown us, and aiosqlite would print its parameters.
_CHATTERBOXES = ("aiosqlite", "httpx", "httpcore", "asyncio")
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


def configure_logs(level: str = "info", format: LogFormat = "auto", *, stream: TextIO | None = None) -> None:
    """Set the process up to log to ``stream`` (stderr), once at the start. ``level``: debug, info, warning or error;
    ``auto`` is console on a terminal and JSON elsewhere."""
    out = cast(TextIO, _Unbreakable(stream if stream is not None else sys.stderr))
    number = logging.getLevelNamesMapping()[level.upper()]
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    renderer = _renderer(format, out)
    structlog.configure(
        processors=[*before, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), _drop_colours, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _SERVER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.disabled = False
        logger.setLevel(logging.NOTSET)  # whoever set it before us, the level is ours to decide
    for name in _CHATTERBOXES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


@contextmanager
def request_context(request_id: str, **more: Any) -> Iterator[None]:
    """Put ``request_id`` (and more) on every line logged inside, in this task and those it starts."""
    with structlog.contextvars.bound_contextvars(request_id=request_id, **more):
        yield


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that takes secrets out of every value: by the name of the field, and by the look of the text."""
    for name, value in event.items():
        if name in _BOOKKEEPING:
            continue
        event[name] = _redacted(name, value, 0)
    return event


def _redacted(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if _is_secret(name):
        return "[redacted]"
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {str(key): _redacted(str(key), item, depth + 1) for key, item in value.items()}
        return [_redacted(name, item, depth + 1) for item in value]
    # Made text here, not by the renderer, which comes after us.
    return redact_text(value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else repr(value))


def _is_secret(name: str) -> bool:
    word = name.lower()
    return word in SECRET_HEADERS or word in _SECRET_WORDS or word.endswith(("_secret", "_password", "_token", "_api_key"))


def _drop_colours(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Uvicorn says everything twice, the second time with escape codes."""
    event.pop("color_message", None)
    return event


def _renderer(format: LogFormat, out: TextIO) -> structlog.typing.Processor:
    terminal = out.isatty()
    if format == "json" or (format == "auto" and not terminal):
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.dev.ConsoleRenderer(colors=terminal and not os.environ.get("NO_COLOR"))


def _to_json(value: Any, **_: Any) -> str:
    return json.dumps_text(value)


class _Unbreakable:
    """A text stream whose reader may go away: the log ends then, the requests being logged do not."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # closed pipe, full disk, closed file: there is no place left to say so
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def isatty(self) -> bool:
        return self._stream.isatty()
