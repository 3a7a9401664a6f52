"""Who may address us: the Host header against DNS rebinding, the Origin header against requests forged by other sites."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from omniroute.core.errors import Forbidden
from omniroute.core.loopback import is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PROXY_HEADERS = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via")


def split_host(value: str) -> tuple[str, int | None]:
    """``name[:port]`` or ``[v6][:port]`` as (lower-case name, port). Raises ValueError for anything else."""
    if not value or any(sign in value for sign in "/\\@?# \t,"):
        raise ValueError(value)
    parts = urlsplit(f"//{value}")
    if not parts.hostname:
        raise ValueError(value)
    return parts.hostname.rstrip("."), parts.port


class HostPolicy:
    """``bound`` is the address listened on, ``base_url`` the public URL behind a reverse proxy, if configured.

    A name must be one the operator gave us or a loopback one. Bare addresses are let through on a non-loopback
    bind: rebinding needs a name.
    """

    def __init__(self, bound: str, base_url: str | None = None) -> None:
        self._names = {bound.strip("[]").lower()}
        self._any_address = not is_loopback(bound)
        self._base_origin = _origin_of(base_url) if base_url else None
        if self._base_origin is not None:
            self._names.add(self._base_origin[1])

    def check_host(self, host: str | None) -> None:
        """Raises Forbidden (``host_not_allowed``) for a name that is not ours."""
        try:
            name, _ = split_host(host or "")
        except ValueError:
            raise Forbidden("the Host header is missing or malformed", code="host_not_allowed") from None
        if is_loopback(name) or name in self._names or (self._any_address and _is_address(name)):
            return
        raise Forbidden(
            f"this server does not answer to the host name {name!r}; set BASE_URL if it stands behind that name",
            code="host_not_allowed",
        )

    def check_origin(self, host: str, origin: str | None, fetch_site: str | None) -> None:
        """Raises Forbidden (``cross_site``) when a browser says that another site made the request.

        Programs send neither header and pass: they hold no ambient cookie.
        """
        if origin is not None:
            if not self._same_origin(host, origin):
                raise Forbidden("this request comes from another site", code="cross_site")
        elif fetch_site is not None and fetch_site not in ("same-origin", "none"):
            raise Forbidden("this request comes from another site", code="cross_site")

    def _same_origin(self, host: str, origin: str) -> bool:
        theirs = _origin_of(origin)
        if theirs is None:
            return False
        if theirs == self._base_origin:
            return True
        name, port = split_host(host)
        return theirs[1] == name and theirs[2] == (port or _default_port(theirs[0]))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _origin_of(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or _default_port(parts.scheme)
