"""What is not a model route: the admin API and the pages, on BlackSheep."""

from __future__ import annotations

from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path

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
]
# The build puts a digest of the content into the names of its assets.
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")
_INDEX = "index.html"
_ASSETS = "assets/"
_NO_PAGE = b"There is no such page.\n"
_NO_PAGES = b"The dashboard is not built in this source tree; 'make dashboard' builds it.\n"


def build_site(services: AdminServices) -> Application:
    """The application for everything but model routes. Static files are read once, here."""
    app = Application(router=Router())
    register(app, services)
    pages = _pages()

    async def page(request: Request) -> Response:
        name = request.path.strip("/") or _INDEX
        found = pages.get(name) or (pages.get(_INDEX) if _is_place(request, name) else None)
        caching = _FOREVER if name.startswith(_ASSETS) else _ASK_AGAIN
        headers = [*_HEADERS, caching, (b"x-request-id", request.get_first_header(b"x-request-id") or b"")]
        if found is None:
            return Response(404, headers, Content(b"text/plain; charset=utf-8", _NO_PAGE if pages else _NO_PAGES))
        kind, data = found
        return Response(200, headers, Content(kind, data))

    for method in ("GET", "HEAD"):
        app.router.add(method, "/", page)
        app.router.add(method, "/{path:tail}", page)
    return app


def _is_place(request: Request, name: str) -> bool:
    """A browser that opens or reloads a place within the dashboard; it has no file, the page itself knows what to show there."""
    accepted = request.get_first_header(b"accept") or b""
    return b"text/html" in accepted and "." not in name.rpartition("/")[2]


def _pages() -> dict[str, tuple[bytes, bytes]]:
    """Path → (content type, bytes) of every file that the dashboard's build put into ``server/static``."""
    found: dict[str, tuple[bytes, bytes]] = {}
    root = Path(str(files("omniroute.server").joinpath("static")))
    for file in sorted(root.rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            kind = guess_type(file.name)[0] or "application/octet-stream"
            if kind.startswith("text/") or kind.endswith("javascript"):
                kind += "; charset=utf-8"
            found[file.relative_to(root).as_posix()] = (kind.encode(), file.read_bytes())
    return found
