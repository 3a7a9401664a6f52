"""What is not a model route: the admin API and the pages, on BlackSheep."""

from __future__ import annotations

from importlib.resources import files
from mimetypes import guess_type

from blacksheep import Application, Content, Request, Response, Router

from omniroute.admin.api import register
from omniroute.admin.services import AdminServices

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
_INDEX = "index.html"


def build_site(services: AdminServices) -> Application:
    """The application for everything but model routes. Static files are read once, here."""
    app = Application(router=Router())
    register(app, services)
    pages = _pages()

    async def page(request: Request) -> Response:
        name = request.path.strip("/") or _INDEX
        found = pages.get(name)
        headers = [*_HEADERS, (b"x-request-id", request.get_first_header(b"x-request-id") or b"")]
        if found is None:
            return Response(404, headers, Content(b"text/plain; charset=utf-8", b"There is no such page.\n"))
        kind, data = found
        return Response(200, headers, Content(kind, data))

    for method in ("GET", "HEAD"):
        app.router.add(method, "/", page)
        app.router.add(method, "/{path:tail}", page)
    return app


def _pages() -> dict[str, tuple[bytes, bytes]]:
    """File name → (content type, bytes) of every file that ships in ``server/static``."""
    found: dict[str, tuple[bytes, bytes]] = {}
    for entry in files("omniroute.server").joinpath("static").iterdir():
        if entry.is_file() and not entry.name.startswith((".", "_")):
            kind = guess_type(entry.name)[0] or "application/octet-stream"
            if kind.startswith("text/") or kind.endswith("javascript"):
                kind += "; charset=utf-8"
            found[entry.name] = (kind.encode(), entry.read_bytes())
    return found
