"""Which outbound proxy a call takes: a pure decision over the setting and the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from omniroute.core.proxy_url import DIRECT, checked_proxy

_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def proxy_for(url: str, setting: str | None, environ: Mapping[str, str], *, chosen: Sequence[str | None] = ()) -> str | None:
    """The proxy URL for a call to ``url``, or None for a direct connection.

    ``chosen`` are the choices nearer to the call than the setting, the nearest first (client key, combo, account, provider); the
    first there is wins over the setting, the setting over the environment. All of them go for every target that NO_PROXY does not
    name; ``direct`` means no proxy. Of the environment: HTTP_PROXY or HTTPS_PROXY by the target's scheme, then ALL_PROXY (lower
    case spelling first, as curl does); these never carry calls to this machine. ConfigError when what decides is not a proxy URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        return None  # a wire that stays in this process
    host, port = (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[parts.scheme]
    if _excluded(host, port, _read(environ, "NO_PROXY")):
        return None
    for value, source in ((next(filter(None, chosen), None), "the chosen proxy"), (setting, "the setting outbound_proxy")):
        if value:
            return _url(checked_proxy(value, source))
    if _is_this_machine(host):
        return None
    for name in (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY"):
        value = _read(environ, name)
        if value:
            return _url(checked_proxy(value, f"environment variable {name}"))
    return None


def _url(checked: str) -> str | None:
    return None if checked == DIRECT else checked


def _read(environ: Mapping[str, str], name: str) -> str:
    # In a CGI process HTTP_PROXY is a request header (httpoxy); the lower-case name is always the operator's.
    if name == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return environ.get("http_proxy", "").strip()
    return (environ.get(name.lower()) or environ.get(name) or "").strip()


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _excluded(host: str, port: int, no_proxy: str) -> bool:
    """Whether one entry of NO_PROXY names the target: ``*``, a host or domain suffix, an address, a network; each with a port."""
    return any(_matches(host, port, entry.strip().lower()) for entry in no_proxy.replace(" ", ",").split(",") if entry.strip())


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return ip_address(host.partition("%")[0]) in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = entry, ""
    if entry.startswith("["):
        name, _, wanted = entry[1:].partition("]")
        wanted = wanted.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, wanted = entry.partition(":")
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*").strip(".")
    if not name:
        return False
    try:
        return ip_address(name) == ip_address(host.partition("%")[0])
    except ValueError:
        return host == name or host.endswith(f".{name}")
