"""The process log: one line per event, no secrets, libraries included."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from omniroute.telemetry import configure_logs, request_context

KEY = "sk-or-0123456789abcdefghijABCDEFGHIJ"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Logging is the process's: give it back as it was."""
    names = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "aiosqlite", "httpx", "httpcore", "asyncio")
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    saved = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    structlog.reset_defaults()
    for logger, handlers, level, propagate in saved:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def configured(level: str = "info", format: Any = "json", stream: io.StringIO | None = None) -> io.StringIO:
    out = stream if stream is not None else io.StringIO()
    configure_logs(level, format, stream=out)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    out = configured()
    structlog.get_logger().info("server ready", port=20128, ratio=0.5, nothing=None, ok=True)
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "server ready", "level": "info", "port": 20128, "ratio": 0.5, "nothing": None, "ok": True}


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels_hold_for_us_and_for_libraries(level: str, heard: list[str]) -> None:
    out = configured(level)
    for logger in (structlog.get_logger(), logging.getLogger("some.library")):
        for method in ("debug", "info", "warning", "error"):
            getattr(logger, method)("said")
    assert [line["level"] for line in lines(out)] == heard * 2


def test_a_silent_level_does_not_even_look_at_what_it_is_given() -> None:
    configured("info")
    calls: list[str] = []

    class Costly:
        def __repr__(self) -> str:
            calls.append("repr")
            return "costly"

    logger = structlog.get_logger()
    logger.debug("said", value=Costly())
    assert calls == []
    logger.info("said", value=Costly())
    assert calls == ["repr"]


def test_a_request_id_is_on_every_line_inside_and_on_none_outside() -> None:
    out = configured()
    logger = structlog.get_logger()
    with request_context("req_1", model="a/b"):
        logger.info("ours")
        logging.getLogger("some.library").warning("theirs %s", 7)
    logger.info("after")
    first, second, third = lines(out)
    assert (first["request_id"], first["model"]) == ("req_1", "a/b")
    assert (second["request_id"], second["event"], second["logger"]) == ("req_1", "theirs 7", "some.library")
    assert "request_id" not in third


async def test_requests_at_once_keep_their_ids_apart() -> None:
    out = configured()

    async def serve(number: int) -> None:
        with request_context(f"req_{number}"):
            for _ in range(3):
                await asyncio.sleep(0)
                structlog.get_logger().info("step", number=number)

    await asyncio.gather(*(serve(number) for number in range(5)))
    assert len(lines(out)) == 15
    assert all(line["request_id"] == f"req_{line['number']}" for line in lines(out))


class Leaky:
    def __repr__(self) -> str:
        return f"Leaky({KEY})"


@pytest.mark.parametrize(
    "fields",
    [
        {"note": f"used {KEY} today"},
        {"url": f"https://x/v1?key={KEY}&a=b"},
        {"headers": {"Authorization": "Bearer abcdefghijklmnop", "deep": [{"x": KEY}]}},
        {"pairs": [("x-api-key", KEY)]},
        {"value": Leaky()},
        {"value": {"deep": Leaky()}},
        {"raw": KEY.encode()},
        {"words": frozenset({KEY})},
        {"nested": [[[[[[[[[KEY]]]]]]]]]},
    ],
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_what_looks_like_a_credential_is_taken_out(fields: dict[str, Any], format: str) -> None:
    out = configured(format=format)
    structlog.get_logger().warning("said", **fields)
    assert "said" in out.getvalue()
    assert "0123456789abcdef" not in out.getvalue()
    assert "abcdefghijklmnop" not in out.getvalue()
    assert "[redacted]" in out.getvalue()


@pytest.mark.parametrize(
    "name", ["password", "Authorization", "admin_token", "api_key", "jwt_secret", "cookie", "initial_password", "token"]
)
def test_what_is_called_a_secret_is_taken_out_however_it_looks(name: str) -> None:
    out = configured()
    structlog.get_logger().info("said", **{name: "plain words", "inner": {name: "plain words"}, f"x_{name}s_count": 3})
    (line,) = lines(out)
    assert (line[name], line["inner"][name], line[f"x_{name}s_count"]) == ("[redacted]", "[redacted]", 3)


def test_numbers_stay_numbers_whatever_their_name() -> None:
    out = configured()
    structlog.get_logger().info("said", output_tokens=5, token=7)
    assert (lines(out)[0]["output_tokens"], lines(out)[0]["token"]) == (5, 7)


def test_a_traceback_is_logged_without_the_secret_in_it() -> None:
    out = configured()
    for logger in (structlog.get_logger(), logging.getLogger("some.library")):
        try:
            raise ValueError(f"bad key {KEY}")
        except ValueError:
            logger.exception("failed")
    for line in lines(out):
        assert "ValueError: bad key [redacted]" in line["exception"]
        assert "0123456789abcdef" not in str(line)
    assert len(lines(out)) == 2


def test_a_librarys_message_is_redacted_too() -> None:
    out = configured()
    logging.getLogger("some.library").warning("GET %s", f"https://x/?key={KEY}", extra={"note": KEY})
    (line,) = lines(out)
    assert line["event"] == "GET https://x/?key=[redacted]"
    assert line["note"] == "[redacted]"


def test_the_database_driver_never_prints_its_parameters() -> None:
    out = configured("debug")
    logging.getLogger("aiosqlite").debug("executing %s", "INSERT …, 'sealed'")
    logging.getLogger("httpx").info("HTTP Request: POST https://…")
    assert out.getvalue() == ""


def test_the_servers_loggers_speak_through_us() -> None:
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(io.StringIO()))
    logging.getLogger("uvicorn.access").propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    out = configured()
    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[36mStarted\x1b[0m"})
    logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1", "GET /")
    assert [(line["logger"], line["event"]) for line in lines(out)] == [
        ("uvicorn.error", "Started"),
        ("uvicorn.access", '127.0.0.1 - "GET /"'),
    ]
    assert "\\u001b" not in out.getvalue()


def test_configuring_again_replaces() -> None:
    first = configured("info")
    second = configured("error")
    logger = structlog.get_logger()
    logger.info("no")
    logger.error("yes")
    logging.getLogger("some.library").error("yes")
    assert first.getvalue() == ""
    assert [line["event"] for line in lines(second)] == ["yes", "yes"]


@pytest.mark.parametrize(
    ("format", "terminal", "no_color", "json", "colour"),
    [
        ("auto", False, "", True, False),
        ("auto", True, "", False, True),
        ("auto", True, "1", False, False),
        ("console", False, "", False, False),
        ("json", True, "", True, False),
    ],
)
def test_the_format_follows_the_setting_and_the_terminal(
    monkeypatch: pytest.MonkeyPatch, format: str, terminal: bool, no_color: str, json: bool, colour: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    out = configured(format=format, stream=Terminal() if terminal else io.StringIO())
    structlog.get_logger().info("said", number=1)
    text = out.getvalue()
    assert text.count("\n") == 1
    assert text.startswith("{") is json
    assert ("\x1b[" in text) is colour
    assert "said" in text


@pytest.mark.parametrize(
    "error", [BrokenPipeError("gone"), OSError(28, "No space left"), ValueError("I/O operation on closed file")]
)
def test_a_log_nobody_can_write_breaks_nothing(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    configured(stream=Broken())
    structlog.get_logger().error("said")
    logging.getLogger("some.library").error("said")
    assert capfd.readouterr() == ("", "")


@pytest.mark.e2e
def test_the_log_goes_to_stderr_and_data_to_stdout() -> None:
    program = (
        "import structlog; from omniroute.telemetry import configure_logs; configure_logs('info', 'auto');"
        "structlog.get_logger().info('said'); print('data')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "data\n"
    assert orjson.loads(done.stderr)["event"] == "said"
