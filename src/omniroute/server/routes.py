"""The front: model and health routes are matched here, by one dictionary look-up; everything else goes to the site.

Clients differ in what they take for the base URL, so each model route answers with and without ``/v1``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

import structlog
from structlog.contextvars import bind_contextvars

from omniroute.core import json
from omniroute.core.errors import Forbidden, MethodNotAllowed, NotFound, OmniRouteError, UpgradeRefused
from omniroute.gateway import ollama_models
from omniroute.gateway.ports import ClientGone
from omniroute.gateway.service import Gateway
from omniroute.server.exchange import AsgiExchange, Incoming, Receive, Scope, Send, ensure_request_id
from omniroute.server.known_heads import KnownHeads

log = structlog.get_logger("omniroute.server")

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[[Incoming], Awaitable[None]]


class Route(NamedTuple):
    """``method`` ``*``: any."""

    method: str
    dialect: str
    handler: Handler


_MODEL_PREFIXES = ("/v1/models/", "/models/")
_PROVIDERS = "/v1/providers/"
_RESPONSES = "/v1/responses/"
# Google's JavaScript SDK asks under /v1, everybody else under /v1beta; some put our /v1 before that.
_GEMINI_BASES = ("/v1beta", "/v1", "/v1/v1beta", "")
_GEMINI_VERBS = ("generateContent", "streamGenerateContent", "countTokens")
_CHATS = {
    "openai_chat": ("/v1/chat/completions", "/chat/completions"),
    "anthropic": ("/v1/messages", "/messages"),
    "openai_responses": ("/v1/responses", "/responses"),
    "openai_completions": ("/v1/completions", "/completions"),
    "ollama": ("/api/chat", "/v1/api/chat"),
    "ollama_generate": ("/api/generate", "/v1/api/generate"),
}
_FACES = {"ollama_generate": "ollama"}  # whose errors others share
# what may follow a provider's name: the dialect it is
_PROVIDER_PATHS = {
    "chat/completions": "openai_chat",
    "completions": "openai_completions",
    "messages": "anthropic",
    "responses": "openai_responses",
    "api/chat": "ollama",
}


_ALLOWED_HEADERS = "authorization, content-type, x-api-key, x-omniroute-key, anthropic-version, anthropic-beta"
# What a page may read of an answer to it.
_READABLE = (
    "x-request-id, retry-after, server-timing, x-omniroute-provider, x-omniroute-model, x-omniroute-account, x-omniroute-combo, "
    "x-omniroute-decision, x-omniroute-attempts, x-omniroute-overhead-ms, x-omniroute-ops, x-omniroute-local"
)
# Probes of a supervisor may come from anywhere; they learn nothing.
_ALWAYS_ANSWERED = frozenset({"/healthz", "/livez", "/readyz"})


class Front:
    """The ASGI application. ``ready`` tells whether requests can be served now; ``site`` answers what is not listed here."""

    def __init__(self, gateway: Gateway, site: Asgi, ready: Callable[[], str | None], cors_origins: Sequence[str]) -> None:
        self._gateway = gateway
        self._site = site
        self._ready = ready
        self._cors = frozenset(cors_origins)
        self._routes: dict[str, Route] = {}
        chats: dict[str, str] = {}
        for dialect, paths in _CHATS.items():
            self._add("POST", _FACES.get(dialect, dialect), self._chat_in(dialect), *paths)
            chats |= dict.fromkeys(paths, dialect)
        # Of an own protocol: what serves requests whose heads are known.
        self.heads = KnownHeads(gateway.lanes, chats)
        self._add("POST", "anthropic", self._count, "/v1/messages/count_tokens", "/messages/count_tokens")
        self._add("POST", "openai_responses", self._compact, "/v1/responses/compact", "/responses/compact")
        self._add("POST", "openai_responses", self._count_input, "/v1/responses/input_tokens", "/responses/input_tokens")
        self._add("GET", "ollama", self._tags, "/api/tags", "/v1/api/tags")
        self._add("POST", "ollama", self._card, "/api/show", "/v1/api/show")
        self._add("GET", "ollama", self._version, "/api/version", "/v1/api/version")
        self._add("GET", "openai_chat", self._models, "/v1/models", "/models")
        self._add("GET", "gemini", self._gemini_models(None), "/v1beta/models", "/v1/v1beta/models")
        self._add("GET", "openai_chat", self._health, "/healthz", "/livez")
        self._add("GET", "openai_chat", self._readiness, "/readyz")
        # Claude Code looks whether anybody is there before its first request.
        self._add("HEAD", "anthropic", self._hello, "/api/hello")

    def _add(self, method: str, dialect: str, handler: Handler, *paths: str) -> None:
        for path in paths:
            self._routes[path] = Route(method, dialect, handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"cannot serve {scope['type']} connections")
        exchange = AsgiExchange(scope, receive, send)
        route = self.find(exchange.path)
        if route is not None:
            await self.serve(exchange, route)
            return
        refused = self._refused(exchange)
        if refused is not None:
            await self._gateway.refuse(exchange, _dialect_of(exchange.path), refused)
            return
        bind_contextvars(request_id=ensure_request_id(scope))
        await self._site(scope, receive, send)

    def find(self, path: str) -> Route | None:
        """What answers that path here: method, dialect and handler; None when the site does."""
        return self._routes.get(path) or self._routes.get(path.rstrip("/")) or self._by_prefix(path)

    async def serve(self, exchange: Incoming, route: Route) -> None:
        """One request of a route that :meth:`find` found. Returns when it is answered or its client has left."""
        bind_contextvars(request_id=exchange.request_id)
        method, _, handler = route
        try:
            refused = self._refused(exchange)
            if refused is not None:
                await self._gateway.refuse(exchange, _dialect_of(exchange.path), refused)
                return
            if self._cors:
                exchange.extra = self._cors_headers(exchange)
            if method == exchange.method:
                await handler(exchange)
            else:
                await self._serve_other(exchange, route)
        except ClientGone:
            log.debug("client left")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not exchange.gone or task is None:
                raise
            # Our own watch cancelled the work because the client left; the task itself ends normally.
            task.uncancel()
        finally:
            exchange.release()

    def _refused(self, exchange: Incoming) -> Forbidden | None:
        """Why nobody at that address is answered, if so."""
        rules = self._gateway.address_rules()
        if rules is None or exchange.path in _ALWAYS_ANSWERED:
            return None
        try:
            rules.check(exchange.client, [v.decode("latin-1") for name, v in exchange.headers if name == b"x-forwarded-for"])
        except Forbidden as refused:
            return refused
        return None

    async def _serve_other(self, exchange: Incoming, route: Route) -> None:
        """A request by another method than the route's own."""
        method, dialect, handler = route
        asked = exchange.method
        if asked == "OPTIONS" and self._cors:
            await exchange.respond(204, [("access-control-max-age", "600")], b"")
        elif method == "*" or (asked == "HEAD" and method == "GET"):
            await handler(exchange)
        else:
            error: OmniRouteError = MethodNotAllowed(f"{exchange.path} takes {method}, not {asked}.")
            if exchange.header("upgrade") is not None:
                error = UpgradeRefused(f"{exchange.path} speaks plain HTTP, not {exchange.header('upgrade')}.")
            await self._gateway.refuse(exchange, dialect, error)

    def _by_prefix(self, path: str) -> Route | None:
        gemini = self._gemini_route(path)
        if gemini is not None:
            return gemini
        if path.startswith(_MODEL_PREFIXES):
            return Route("GET", "openai_chat", self._model)
        if path.startswith(_PROVIDERS):
            provider, _, rest = path.removeprefix(_PROVIDERS).partition("/")
            gemini = self._gemini_route("/" + rest, unquote(provider))
            if gemini is not None:
                return gemini
            dialect = _PROVIDER_PATHS.get(rest.rstrip("/"))
            if dialect is not None and dialect in self._gateway.formats:
                return Route("POST", dialect, self._chat_in(dialect, unquote(provider)))
        if path.startswith(_RESPONSES):
            return self._stored_route(path.removeprefix(_RESPONSES).rstrip("/"))
        if path.startswith("/v1/"):
            return Route("*", "anthropic" if path.startswith("/v1/messages") else "openai_chat", self._unknown)
        return None

    def _stored_route(self, rest: str) -> Route:
        """``{id}`` (GET, DELETE) and ``{id}/input_items`` (GET) of a kept response."""
        response_id, slash, part = rest.partition("/")
        if not response_id or (slash and part != "input_items"):
            return Route("*", "openai_responses", self._unknown)

        async def stored(exchange: Incoming) -> None:
            allowed = ("GET", "HEAD") if part else ("GET", "HEAD", "DELETE")
            if exchange.method not in allowed:
                error = MethodNotAllowed(f"{exchange.path} takes {' or '.join(allowed)}, not {exchange.method}.")
                await self._gateway.refuse(exchange, "openai_responses", error)
                return
            await self._gateway.stored(exchange, "openai_responses", unquote(response_id), part)

        return Route("*", "openai_responses", stored)

    def _gemini_route(self, path: str, provider: str | None = None) -> Route | None:
        """``…/models/{model}:{verb}``, and everything under /v1beta. Model ids may hold slashes and colons."""
        base, found, rest = path.partition("/models/")
        if not found or base not in _GEMINI_BASES:
            return Route("*", "gemini", self._unknown_gemini) if path.startswith("/v1beta/") else None
        name, _, verb = rest.rpartition(":")
        if name and verb in _GEMINI_VERBS:
            return Route("POST", "gemini", self._gemini(unquote(name), verb, provider))
        if base in ("", "/v1"):
            return None
        return Route("GET", "gemini", self._gemini_models(unquote(rest)))

    def _gemini(self, model: str, verb: str, provider: str | None) -> Handler:
        """Serves one verb on one model."""

        async def serve(exchange: Incoming) -> None:
            if verb == "countTokens":
                await self._gateway.count_tokens(exchange, "gemini", model=model)
                return
            stream = verb == "streamGenerateContent"
            array = stream and exchange.query("alt") != "sse"
            await self._gateway.chat(exchange, "gemini", provider, model=model, stream=stream, array=array)

        return serve

    def _gemini_models(self, name: str | None) -> Handler:
        async def serve(exchange: Incoming) -> None:
            await self._gateway.models(exchange, name, dialect="gemini")

        return serve

    async def _unknown_gemini(self, exchange: Incoming) -> None:
        await self._gateway.refuse(exchange, "gemini", NotFound(f"There is no route {exchange.method} {exchange.path}."))

    def _chat_in(self, dialect: str, provider: str | None = None) -> Handler:
        """Serves chat requests of that dialect, asking one provider only where one is named."""
        return partial(self._gateway.chat, format_name=dialect, provider=provider)

    async def _tags(self, exchange: Incoming) -> None:
        await self._gateway.ollama_models(exchange, card=False)

    async def _card(self, exchange: Incoming) -> None:
        await self._gateway.ollama_models(exchange, card=True)

    async def _version(self, exchange: Incoming) -> None:
        await exchange.respond(200, [("content-type", "application/json")], ollama_models.version())

    async def _count(self, exchange: Incoming) -> None:
        await self._gateway.count_tokens(exchange, "anthropic")

    async def _count_input(self, exchange: Incoming) -> None:
        await self._gateway.count_tokens(exchange, "openai_responses")

    async def _compact(self, exchange: Incoming) -> None:
        await self._gateway.chat(exchange, "openai_responses", compact=True)

    async def _models(self, exchange: Incoming) -> None:
        await self._gateway.models(exchange)

    async def _model(self, exchange: Incoming) -> None:
        name = exchange.path.partition("/models/")[2]
        await self._gateway.models(exchange, unquote(name))

    async def _unknown(self, exchange: Incoming) -> None:
        error = NotFound(f"There is no route {exchange.method} {exchange.path}.")
        await self._gateway.refuse(exchange, "anthropic" if exchange.path.startswith("/v1/messages") else "openai_chat", error)

    async def _hello(self, exchange: Incoming) -> None:
        await exchange.respond(200, [("content-type", "text/plain")], b"")

    async def _health(self, exchange: Incoming) -> None:
        await exchange.respond(200, [("content-type", "application/json"), ("cache-control", "no-store")], b'{"status":"ok"}')

    async def _readiness(self, exchange: Incoming) -> None:
        reason = self._ready()
        body = json.dumps({"status": "ready"} if reason is None else {"status": "not ready", "reason": reason})
        status = 200 if reason is None else 503
        await exchange.respond(status, [("content-type", "application/json"), ("cache-control", "no-store")], body)

    def _cors_headers(self, exchange: Incoming) -> list[tuple[str, str]]:
        """What an answer to a page of an allowed origin carries; nothing for others."""
        origin = exchange.header("origin")
        if origin is None or not (origin in self._cors or "*" in self._cors):
            return []
        asked = exchange.header("access-control-request-headers") or _ALLOWED_HEADERS
        return [
            ("access-control-allow-origin", origin),
            ("vary", "origin"),
            ("access-control-allow-methods", "GET, POST, OPTIONS"),
            ("access-control-allow-headers", asked),
            ("access-control-expose-headers", _READABLE),
        ]


def _dialect_of(path: str) -> str:
    """Of an answer that comes before the routes are looked at."""
    if path.startswith(("/v1/messages", "/messages")):
        return "anthropic"
    return "gemini" if "/v1beta/" in path else "openai_chat"
