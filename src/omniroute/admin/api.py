"""The way of an admin request: host, origin, credential, route. One door: a path that fits no route still meets the guard."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qsl

import structlog
from blacksheep import Application, Content, Request, Response, Router
from blacksheep.contents import StreamedContent

from omniroute.admin.hosts import PROXY_HEADERS, SAFE_METHODS
from omniroute.admin.request import MAX_BODY, AdminRequest, Answer, Stream
from omniroute.admin.resources import ROUTES
from omniroute.admin.resources.monitoring import METRICS
from omniroute.admin.routes import RouteTable, normalise
from omniroute.admin.services import AdminServices
from omniroute.admin.sessions import read_cookie
from omniroute.core.errors import BodyTooLarge, Fault, MethodNotAllowed, NotFound, OmniRouteError, RequestError, Unauthorized
from omniroute.core.loopback import is_loopback

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_log = structlog.get_logger("omniroute.admin")


def build_admin(services: AdminServices) -> Application:
    """An application of the admin API alone."""
    app = Application(router=Router())
    register(app, services)
    return app


def register(app: Application, services: AdminServices) -> None:
    """Hang the admin API under ``/api`` of ``app``, whose router must be its own, and the metrics where they are looked for."""
    handler = _entry(services, RouteTable(ROUTES))
    for method in METHODS:
        app.router.add(method, "/api", handler)
        app.router.add(method, "/api/{path:tail}", handler)
        app.router.add(method, METRICS, handler)


def _entry(services: AdminServices, table: RouteTable) -> Callable[[Request], Awaitable[Response]]:
    async def admin(request: Request) -> Response:
        request_id = services.request_id(request)
        try:
            answer = await _serve(services, table, request, request_id)
        except OmniRouteError as error:
            answer = _refusal(error, request_id)
        except Exception as error:
            _log.exception("admin request failed", request_id=request_id, method=request.method, exc_info=error)
            answer = _error(
                500, "internal_error", "Something went wrong inside OmniRoute; the log has it under this request id.", request_id
            )
        return _response(answer, request, request_id)

    return admin


async def _serve(services: AdminServices, table: RouteTable, request: Request, request_id: str) -> Answer:
    host = _header(request, b"host")
    services.hosts.check_host(host)
    if request.method not in SAFE_METHODS:
        services.hosts.check_origin(host or "", _header(request, b"origin"), _header(request, b"sec-fetch-site"))
    match = table.find(request.method, normalise(request.scope["raw_path"]))
    actor, session = await _identify(services, request)
    if actor == "anonymous" and not (match.route is not None and match.route.public):
        raise await _unauthorised(services)
    if match.route is None:
        if match.allowed:
            raise MethodNotAllowed(f"this path takes {', '.join(match.allowed)}, not {request.method}")
        raise NotFound("there is no such admin resource")
    address, local = _peer(request, host or "")
    return await match.route.handler(
        AdminRequest(
            services=services,
            method=request.method,
            params=match.params,
            query=dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            body=await _body(request),
            accept=_header(request, b"accept") or "",
            content_type=(_header(request, b"content-type") or "").split(";")[0].strip().lower(),
            actor=actor,
            host=host or "",
            address=address,
            local=local,
            secure=_secure(services, request),
            request_id=request_id,
            session=session,
        )
    )


async def _identify(services: AdminServices, request: Request) -> tuple[str, str | None]:
    """Who asks: (``cli``, ``admin`` or ``anonymous``; the session value)."""
    authorization = _header(request, b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        presented, ours = token.strip().encode(), services.admin_token.encode()
        if scheme.lower() == "bearer" and hmac.compare_digest(presented, ours):
            return "cli", None
        return "anonymous", None
    value = read_cookie(request.get_headers(b"cookie"))
    if value is not None:
        generation = await services.password.generation()
        if generation and services.sessions.valid(value, generation):
            return "admin", value
    return "anonymous", None


async def _unauthorised(services: AdminServices) -> Unauthorized:
    if not await services.password.exists():
        return Unauthorized("no admin password is set yet: open the dashboard on this machine and set one", code="setup_required")
    return Unauthorized("log in, or send the admin token as 'Authorization: Bearer …'", code="authentication_required")


def _peer(request: Request, host: str) -> tuple[str, bool]:
    """The peer's address, and whether it is surely a person on this machine: a loopback peer, name and no proxy between."""
    client = request.scope.get("client")
    address = client[0] if client else ""
    proxied = any(request.get_first_header(name) is not None for name in PROXY_HEADERS)
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return address, bool(address) and is_loopback(address) and is_loopback(name) and not proxied


def _secure(services: AdminServices, request: Request) -> bool:
    configured = services.settings().auth_cookie_secure
    if configured is not None:
        return bool(configured)
    base_url = services.settings().base_url or ""
    return request.scope.get("scheme") == "https" or base_url.startswith("https://")


async def _body(request: Request) -> bytes:
    """The whole body, at most MAX_BODY bytes. A larger one is refused before it is read where its length is announced."""
    announced = _header(request, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > MAX_BODY:
        raise BodyTooLarge(f"an admin request may have at most {MAX_BODY} bytes")
    if request.method in SAFE_METHODS:
        return b""
    parts, size = [], 0
    async for part in request.stream():  # type: ignore[attr-defined]  # the stub calls it a coroutine
        size += len(part)
        if size > MAX_BODY:
            raise BodyTooLarge(f"an admin request may have at most {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def _header(request: Request, name: bytes) -> str | None:
    value = request.get_first_header(name)
    return None if value is None else value.decode("latin-1")


def _refusal(error: OmniRouteError, request_id: str) -> Answer:
    if isinstance(error, RequestError):
        retry = () if error.retry_after is None else (("retry-after", str(max(1, round(error.retry_after)))),)
        return _error(type(error).status, error.error_code, error.message, request_id, error.param, retry)
    if isinstance(error, Fault):
        return _error(error.http_status, error.error_code, error.message, request_id)
    _log.error("admin request failed", request_id=request_id, error=error.message, code=type(error).code)
    return _error(type(error).status, type(error).code, error.message, request_id)


def _error(
    status: int, code: str, message: str, request_id: str, param: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """The one error shape: ``{"error": {"code", "message", "param"?, "request_id"}}``."""
    body = {"code": code, "message": message, "request_id": request_id}
    if param is not None:
        body["param"] = param
    return Answer({"error": body}, status, headers)


def _response(answer: Answer, request: Request, request_id: str) -> Response:
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers),
        *((b"set-cookie", cookie.encode()) for cookie in answer.cookies),
    ]
    if answer.stream is not None:
        return Response(answer.status, headers, StreamedContent(answer.media.encode(), _parts(answer.stream, request)))
    if answer.body is None:
        return Response(204 if answer.status == 200 else answer.status, headers)
    data = answer.encode()
    if request.method == "HEAD":
        return Response(answer.status, [*headers, (b"content-type", answer.media.encode())])
    return Response(answer.status, headers, Content(answer.media.encode(), data))


def _parts(stream: Stream, request: Request) -> Callable[[], AsyncIterator[bytes]]:
    async def parts() -> AsyncIterator[bytes]:
        watch = asyncio.create_task(_close_when_left(request, stream), name="admin-stream")
        try:
            async for part in stream.parts():
                yield part
        finally:
            watch.cancel()
            stream.close()

    return parts


async def _close_when_left(request: Request, stream: Stream) -> None:
    """Writing to a caller who has left fails silently; only reading tells."""
    receive: Callable[[], Awaitable[dict[str, object]]] = request.content.receive  # type: ignore[union-attr]
    while (await receive())["type"] != "http.disconnect":
        continue
    stream.close()
