"""AdminClient: the admin API for commands, over HTTP to a running server or in process when none runs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import click
import httpx
import structlog

from omniroute.cli.failure import AUTH, FAILURE, USAGE, Failure, not_running
from omniroute.core import json
from omniroute.core.loopback import is_loopback
from omniroute.core.redact import redact_text
from omniroute.operations import runtime
from omniroute.storage.secrets import ADMIN_TOKEN_FILE, read_admin_token

OfflineApp = Callable[[Path, Path | None], AbstractAsyncContextManager[Any]]
TOKEN_VARIABLE = "OMNIROUTE_ADMIN_TOKEN"
_PROBE_TIMEOUT = 3.0
_CALL_TIMEOUT = 300.0


class AdminClient:
    """Use as a context manager. With ``url`` only that server will do; without, the one that owns the data directory is used,
    and if none runs and ``offline_app`` is given, the application itself is opened in this process.
    """

    def __init__(
        self, data_dir: Path, *, config: Path | None = None, url: str | None = None, offline_app: OfflineApp | None = None
    ) -> None:
        self.data_dir = data_dir
        self.online = False
        self.url = url.rstrip("/") if url else None
        self._config = config
        self._offline_app = offline_app
        self._closing = ExitStack()
        self._send: Callable[[httpx.Request], httpx.Response]
        self._token = ""

    def __enter__(self) -> Self:
        with self._closing:
            self._connect()
            self._closing = self._closing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer of GET; raises :class:`Failure` for any refusal."""
        return self.call("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.call("POST", path, body={} if body is None else body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self.call("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def every(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **params)
            items += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def call(self, method: str, path: str, *, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None) -> Any:
        """One call. None for an empty answer."""
        request = httpx.Request(
            method,
            f"{self.url}{path}",
            params=params or None,
            headers={"authorization": f"Bearer {self._token}", "accept": "application/json", "content-type": "application/json"},
            content=b"" if body is None else json.dumps(body),
            extensions={"timeout": httpx.Timeout(_CALL_TIMEOUT, connect=_PROBE_TIMEOUT).as_dict()},
        )
        try:
            response = self._send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise not_running(f"at {self.url}") from None
        except httpx.HTTPError as error:
            raise Failure(f"the server at {self.url} did not answer properly: {error or type(error).__name__}") from None
        return _decode(response, self.url or "")

    def _connect(self) -> None:
        if self.url is not None:
            self._go_online(self.url, own=is_loopback(urlsplit(self.url).hostname or ""))
            return
        server = runtime.running(self.data_dir)
        if server is not None and runtime.answers(server.url):
            self._go_online(server.url.rstrip("/"), own=True)
        elif self._offline_app is not None:
            self._go_offline(self._offline_app)
        else:
            raise not_running(f"for the data directory {self.data_dir}")

    def _go_online(self, url: str, *, own: bool) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Failure(f"--url must be an http or https address, not {url!r}", USAGE)
        token = self._read_token(from_file=own)
        if token is None:
            where = f", or run this where {self.data_dir / ADMIN_TOKEN_FILE} can be read" if own else ""
            raise Failure(f"no admin token: set {TOKEN_VARIABLE}{where}", AUTH)
        client = httpx.Client(trust_env=not is_loopback(urlsplit(url).hostname or ""))
        self._closing.callback(client.close)
        self.online, self.url, self._token, self._send = True, url, token, client.send

    def _go_offline(self, offline_app: OfflineApp) -> None:
        self._closing.enter_context(_logs_on_stderr())
        runner = self._closing.enter_context(asyncio.Runner())
        opened = offline_app(self.data_dir, self._config)
        app = runner.run(_enter(opened))
        self._closing.callback(lambda: runner.run(_leave(opened)))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app, client=("127.0.0.1", 0)), trust_env=False)
        self._closing.callback(lambda: runner.run(client.aclose()))
        token = self._read_token(from_file=True)
        if token is None:
            raise Failure(f"no admin token in {self.data_dir / ADMIN_TOKEN_FILE}", AUTH)
        self.url, self._token = "http://localhost", token
        self._send = lambda request: runner.run(_send(client, request))

    def _read_token(self, *, from_file: bool) -> str | None:
        """The token of the environment, else the data directory's. The file's token is for our own machine only."""
        given = os.environ.get(TOKEN_VARIABLE, "").strip()
        if given or not from_file:
            return given or None
        return read_admin_token(self.data_dir)


def segment(text: str) -> str:
    """``text`` as one path segment."""
    return quote(text, safe="")


@contextmanager
def _logs_on_stderr() -> Iterator[None]:
    """While the application works in this process, its warnings are messages: stdout is for data."""
    if structlog.is_configured():
        yield
        return
    structlog.configure(processors=[_say], wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.reset_defaults()


def _say(_logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    about = ", ".join(f"{name} {value!r}" for name, value in event.items() if name != "event")
    click.echo(redact_text(f"{method.capitalize()}: {event['event']}{f' ({about})' if about else ''}"), err=True)
    raise structlog.DropEvent


async def _enter(opened: AbstractAsyncContextManager[Any]) -> Any:
    return await opened.__aenter__()


async def _leave(opened: AbstractAsyncContextManager[Any]) -> None:
    await opened.__aexit__(None, None, None)


async def _send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    return await client.send(request)


def _decode(response: httpx.Response, url: str) -> Any:
    try:
        body = json.loads(response.content) if response.content else None
    except json.JSONDecodeError:
        raise Failure(f"{url} does not answer like an OmniRoute server (status {response.status_code}, no JSON)") from None
    if response.is_success:
        return body
    error = body.get("error", {}) if isinstance(body, dict) else {}
    message = (
        error.get("message", f"the server answered with status {response.status_code}") if isinstance(error, dict) else str(error)
    )
    code = error.get("code") if isinstance(error, dict) else None
    raise Failure(message, AUTH if response.status_code in (401, 403) else FAILURE, code=code)
