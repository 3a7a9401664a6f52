"""ScriptedUpstream: Starlette and sse-starlette on a real socket, run inside the test's own event loop.

It speaks OpenAI chat and Responses (``/v1/chat/completions``, ``/v1/responses``, ``/v1/models``), Anthropic (``/v1/messages``,
``/v1/messages/count_tokens``), Gemini (``/v1beta/models/…``, ``/v1internal:…``), Ollama (``/api/chat``, ``/api/tags``) and
CodeWhisperer (``/generateAssistantResponse``), answers what the queued scripts say, keeps every request as it came, and notices the moment a
client goes away.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from upstream.code_assist import CodeAssist, Service, chat_of, complaints
from upstream.dialects import Anthropic, Dialect, Event, OpenAIChat, compact, sse
from upstream.gemini_dialect import Gemini, crlf_event
from upstream.kiro_dialect import STREAM_TYPE, Kiro
from upstream.ollama_dialect import Ollama, line
from upstream.responses_dialect import Responses
from upstream.script import Fault, Script, Text

_HALF_MARK = "\ufffe"
_CUTS = frozenset({Fault.CUT_MID_EVENT, Fault.CUT_BETWEEN_EVENTS, Fault.RESET_MID_STREAM, Fault.STALL_MID_STREAM,
                   Fault.STALL_AFTER_HEADERS, Fault.END_EARLY, Fault.SHORT_BODY})  # fmt: skip


@dataclass(eq=False)
class Received:
    """One request as it arrived. ``disconnected`` is set when the client left before the answer was complete;
    ``disconnected_at`` is that moment on the loop's clock. ``finished`` is set when the answer was sent as scripted."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    transport: asyncio.Transport
    connection: int
    body: bytes = b""
    script: Script | None = None
    started_at: float = 0.0
    disconnected_at: float | None = None
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def model(self) -> str | None:
        head, found, rest = self.path.partition("/models/")
        if found and head == "/v1beta":
            return unquote(rest).rpartition(":")[0]
        try:
            value = self.json().get("model")
        except (ValueError, AttributeError):
            return None
        return value if isinstance(value, str) else None

    def connection_lost(self) -> None:
        self.gone.set()
        if not self.finished.is_set():
            self.disconnected_at = asyncio.get_running_loop().time()
            self.disconnected.set()

    async def hang_up(self, *, reset: bool) -> None:
        """End the connection from our side, then wait until it is gone."""
        self.finished.set()
        if reset:
            await asyncio.sleep(0.01)  # let what was written leave, a reset may overtake it
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()
        await self.gone.wait()


@dataclass(frozen=True)
class _Queued:
    script: Script
    model: str | None
    path: str | None

    def fits(self, request: Received) -> bool:
        return (self.model is None or self.model == request.model) and (self.path is None or self.path == request.path)


class ScriptedUpstream:
    """Start it with :meth:`run`. ``queue`` says what the next requests get; without a script they get ``default``.

    ``key``: a credential that must be presented (``Authorization: Bearer``, ``x-api-key``); None takes anyone.
    ``models``: what ``/v1/models`` lists. ``input_tokens``: the answer of count_tokens, None = 404. ``tells_counts``: CodeWhisperer
    streams say what they cost. ``code_assist``: the account at Code Assist (``/v1internal:…``), whose questions it keeps itself.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.default: Script | Callable[[Received], Script] = Script()
        self.key: str | None = None
        self.models: list[str] = ["scripted-1", "scripted-2"]
        self.input_tokens: int | None = 42
        self.tells_counts = True
        self.code_assist = Service()
        self.port = 0
        self._queue: list[_Queued] = []
        self._arrived = asyncio.Condition()
        self._connections = itertools.count(1)
        self._state = ServerState()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_base_url(self) -> str:
        """Base of an ``openai_chat`` node: + ``/chat/completions``."""
        return f"{self.url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """Base of an ``anthropic`` node: + ``/v1/messages``."""
        return self.url

    @property
    def gemini_base_url(self) -> str:
        """Base of a ``gemini`` node: + ``/models/{model}:generateContent``."""
        return f"{self.url}/v1beta"

    @property
    def ollama_base_url(self) -> str:
        """Base of an ``ollama`` node: + ``/api/chat``."""
        return self.url

    @property
    def last(self) -> Received:
        return self.requests[-1]

    @property
    def open_connections(self) -> int:
        return len(self._state.connections)

    def queue(self, *scripts: Script, model: str | None = None, path: str | None = None) -> None:
        """Answers for the next requests, in order; with ``model`` or ``path`` only for requests that ask for it."""
        self._queue += [_Queued(script, model, path) for script in scripts]

    def reset(self) -> None:
        """Forget what was received and what was left to be told: for tests that share one upstream."""
        self.requests.clear()
        self._queue.clear()

    async def received(self, count: int) -> Received:
        """Wait until ``count`` requests have arrived in all; gives back that one."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    @asynccontextmanager
    async def run(self) -> AsyncIterator[ScriptedUpstream]:
        AppStatus.disable_automatic_graceful_drain()  # a server under test in this process may be told to exit; we go on
        config = Config(
            self._app(), ws="none", lifespan="off", timeout_keep_alive=60, log_config=None, access_log=False, server_header=False
        )
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Protocol(config=config, server_state=self._state, app_state={"upstream": self}), "127.0.0.1", 0, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            tasks = list(self._state.tasks)
            for connection in list(self._state.connections):
                connection.transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
                Route("/v1/models", self._list_models, methods=["GET"]),
                Route("/v1beta/models/{name:path}", self._gemini, methods=["POST"]),
                Route("/v1beta/models", self._gemini_models, methods=["GET"]),
                Route("/api/chat", self._ollama, methods=["POST"]),
                Route("/api/tags", self._tags, methods=["GET"]),
                Route("/v1internal:{verb}", self._code_assist, methods=["POST"]),
                Route("/generateAssistantResponse", self._code_whisperer, methods=["POST"]),
            ]
        )

    async def _chat(self, request: Request) -> Response:
        return await self._answer(request, OpenAIChat())

    async def _responses(self, request: Request) -> Response:
        return await self._answer(request, Responses())

    async def _messages(self, request: Request) -> Response:
        return await self._answer(request, Anthropic())

    async def _gemini(self, request: Request) -> Response:
        model, _, verb = request.path_params["name"].rpartition(":")
        if verb == "countTokens":
            await self._note(request)
            if self.input_tokens is None:
                return JSONResponse(Gemini().error(Script(status=404, message="not here")), 404)
            return JSONResponse({"totalTokens": self.input_tokens})
        return await self._answer(request, Gemini(), said={"model": model, "stream": verb == "streamGenerateContent"})

    async def _gemini_models(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse({"models": [{"name": f"models/{name}"} for name in self.models]})

    async def _ollama(self, request: Request) -> Response:
        return await self._answer(request, Ollama())

    async def _code_assist(self, request: Request) -> Response:
        verb, service = request.path_params["verb"], self.code_assist
        received: Received = request.scope["received"]
        received.body = await request.body()
        if verb not in ("generateContent", "streamGenerateContent"):
            status, answer = service.answer(verb, received.json())
            return JSONResponse(answer, status)
        wrong = complaints(received.json(), service.project or service.granted or "")
        script = Script(status=400, message="; ".join(wrong)) if wrong else None
        return await self._answer(request, CodeAssist(), script, said=chat_of(received.body, verb))

    async def _code_whisperer(self, request: Request) -> Response:
        return await self._answer(request, Kiro(told=self.tells_counts), said={"stream": True})

    async def _tags(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse({"models": [{"name": name, "model": name} for name in self.models]})

    async def _count_tokens(self, request: Request) -> Response:
        if self.input_tokens is None or any(queued.path == request.url.path for queued in self._queue):
            script = Script(status=404, message="not here") if self.input_tokens is None else None
            return await self._answer(request, Anthropic(), script)
        await self._note(request)
        return JSONResponse({"input_tokens": self.input_tokens})

    async def _list_models(self, request: Request) -> Response:
        await self._note(request)
        if request.headers.get("anthropic-version"):
            data = [
                {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in self.models
            ]
            return JSONResponse({"data": data, "has_more": False, "first_id": None, "last_id": None})
        data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "script"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def _note(self, request: Request) -> Received:
        received: Received = request.scope["received"]
        received.body = await request.body()
        async with self._arrived:
            self.requests.append(received)
            self._arrived.notify_all()
        return received

    def _script_for(self, received: Received) -> Script:
        if (
            self.key is not None
            and received.header("authorization") != f"Bearer {self.key}"
            and received.header("x-api-key") != self.key
            and received.header("x-goog-api-key") != self.key
        ):
            return Script(status=401, message="Incorrect API key provided", code="invalid_api_key")
        for index, queued in enumerate(self._queue):
            if queued.fits(received):
                del self._queue[index]
                return queued.script
        return self.default if isinstance(self.default, Script) else self.default(received)

    async def _answer(
        self, request: Request, dialect: Dialect | Kiro, script: Script | None = None, *, said: Mapping[str, Any] | None = None
    ) -> Response:
        """``said``: what the URL says instead of the body."""
        received = await self._note(request)
        script = script or self._script_for(received)
        received.script = script
        try:
            body = {**received.json(), **(said or {})}
        except ValueError:
            script, body = Script(status=400, message="the body is not JSON"), {}
        if script.latency:
            await asyncio.sleep(script.latency)
        if script.fault in (Fault.STALL_BEFORE_HEADERS, Fault.RESET_BEFORE_HEADERS, Fault.CLOSE_BEFORE_HEADERS):
            return _NoAnswer(received, script.fault)
        return _Reply(received, script, dialect, body).response()


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol that also hands the connection to the request and tells it when the client went away."""

    received: Received | None = None
    number = 0

    def on_headers_complete(self) -> None:
        if not self.number:
            self.number = next(self.app_state["upstream"]._connections)
        url, _, query = self.url.decode("latin-1").partition("?")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        method = self.parser.get_method().decode()
        self.received = Received(method, url, query, headers, self.transport, self.number, started_at=self.loop.time())
        self.scope["received"] = self.received  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        if self.received is not None:
            self.received.finished.set()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.received is not None:
            self.received.connection_lost()
        super().connection_lost(exc)


class _NoAnswer(Response):
    """Never answers: waits, closes or resets."""

    def __init__(self, received: Received, fault: Fault) -> None:
        super().__init__()
        self.received = received
        self.fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fault is Fault.STALL_BEFORE_HEADERS:
            await self.received.gone.wait()
        else:
            await self.received.hang_up(reset=self.fault is Fault.RESET_BEFORE_HEADERS)


class _Reply:
    """One answer in one dialect, as a Starlette response."""

    def __init__(self, received: Received, script: Script, dialect: Dialect | Kiro, body: Mapping[str, Any]) -> None:
        self.received = received
        self.script = script
        self.dialect = dialect
        self.body = body

    def response(self) -> Response:
        script = self.script
        if script.body is not None:
            return self._bytes(script.body if isinstance(script.body, bytes | str) else compact(script.body), "application/json")
        lines = isinstance(self.dialect, Ollama)
        whole = not self.body.get("stream", lines)
        if script.status >= 400 or script.fault is Fault.JSON_ERROR_200 or (whole and script.fault is Fault.ERROR_IN_STREAM):
            return self._bytes(compact(self.dialect.error(script)), "application/json")
        if script.fault is Fault.HTML_PAGE:
            return self._bytes(
                "<!doctype html><html><title>Sign in</title><body><p>Please sign in.</p></body></html>", "text/html"
            )
        if script.fault is Fault.EMPTY_BODY:
            return self._bytes(b"", "application/json" if whole else "text/event-stream")
        if script.fault is Fault.HALF_UTF8:
            blocks = [Text(b.text + _HALF_MARK, [*b.parts(), _HALF_MARK]) if isinstance(b, Text) else b for b in script.blocks()]
            script = Script(**{**script.__dict__, "answer": blocks})
        if isinstance(self.dialect, Kiro):
            return self._streaming(self._lined(self.dialect.stream(script, self.body)), STREAM_TYPE)
        if whole:
            return self._finished(compact(self.dialect.finished(script, self.body)).encode())
        events = self.dialect.stream(script, self.body)
        if lines:
            return self._streaming(self._lined([line(event) for event in events]), "application/x-ndjson")
        if isinstance(self.dialect, Gemini):
            return self._streaming(self._lined([crlf_event(event) for event in events]), "text/event-stream")
        if script.fault is None:
            kind = script.content_type or "text/event-stream"
            return EventSourceResponse(self._paced(events), script.status, dict(script.headers), kind, sep="\n", ping=0)
        return self._streaming(self._faulty([sse(event) for event in events]), "text/event-stream; charset=utf-8")

    async def _paced(self, events: list[Event]) -> AsyncIterator[ServerSentEvent]:
        for name, data in events:
            yield ServerSentEvent(data=data, event=name, sep="\n")
            await asyncio.sleep(self.script.cadence)

    async def _lined(self, parts: list[bytes]) -> AsyncIterator[bytes]:
        if self.script.fault is not None:
            async for part in self._faulty(parts):
                yield part
            return
        for part in parts:
            yield part
            await asyncio.sleep(self.script.cadence)

    def _bytes(self, body: bytes | str, kind: str) -> Response:
        content = body.encode() if isinstance(body, str) else body
        return Response(content, self.script.status, dict(self.script.headers), self.script.content_type or kind)

    def _streaming(self, source: AsyncIterator[bytes], kind: str, **headers: str) -> Response:
        if self.script.fault is Fault.WRONG_CONTENT_TYPE:
            kind = "text/plain"
        return StreamingResponse(source, self.script.status, {**self.script.headers, **headers}, self.script.content_type or kind)

    def _finished(self, body: bytes) -> Response:
        body = body.replace(_HALF_MARK.encode(), b"\xc3")
        if self.script.fault is None:
            return self._bytes(body, "application/json")
        half = len(body) // 2
        parts = [body[:half], body[half:]] if self.script.fault in _CUTS else [body]
        length = {} if self.script.fault is Fault.END_EARLY else {"content-length": str(len(body))}
        return self._streaming(self._faulty(parts, limit=1), "application/json", **length)

    async def _faulty(self, parts: list[bytes], limit: int | None = None) -> AsyncIterator[bytes]:
        fault, cadence = self.script.fault, self.script.cadence
        after = 0 if fault is Fault.STALL_AFTER_HEADERS else min(self.script.fault_after, limit or len(parts))
        if fault in (Fault.SLOW_DRIP, Fault.SPLIT_UTF8, Fault.HALF_UTF8, Fault.WRONG_CONTENT_TYPE):
            async for part in self._reshaped(b"".join(parts)):
                yield part
                await asyncio.sleep(cadence)
            return
        for part in parts[:after]:
            yield part
            await asyncio.sleep(cadence)
        match fault:
            case Fault.CUT_MID_EVENT:
                rest = parts[after] if after < len(parts) else b"data: {"
                yield rest[: len(rest) // 2] or b"d"
                await self.received.hang_up(reset=False)
            case Fault.RESET_MID_STREAM:
                await self.received.hang_up(reset=True)
            case Fault.CUT_BETWEEN_EVENTS | Fault.SHORT_BODY:
                await self.received.hang_up(reset=False)
            case Fault.STALL_AFTER_HEADERS | Fault.STALL_MID_STREAM:
                await self.received.gone.wait()
            case Fault.ERROR_IN_STREAM:
                if isinstance(self.dialect, Kiro):
                    yield self.dialect.error_event(self.script)
                    return
                event = self.dialect.error_event(self.script)
                yield line(event) if isinstance(self.dialect, Ollama) else sse(event)
            case _:
                return

    async def _reshaped(self, body: bytes) -> AsyncIterator[bytes]:
        body = body.replace(_HALF_MARK.encode(), b"\xc3")
        match self.script.fault:
            case Fault.SLOW_DRIP:
                for i in range(len(body)):
                    yield body[i : i + 1]
            case Fault.SPLIT_UTF8:
                start = 0
                for i, byte in enumerate(body):
                    if byte >= 0xC0:  # the lead byte of a character longer than one: cut right behind it
                        yield body[start : i + 1]
                        start = i + 1
                yield body[start:]
            case _:
                for line in body.splitlines(keepends=True) if b"\n\n" in body else [body]:
                    yield line
