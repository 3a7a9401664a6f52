"""Which outbound proxy a call takes: a pure decision over the setting and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from omniroute.core.errors import ConfigError
from omniroute.core.redact import redact_text

_SCHEMES = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def proxy_for(url: str, setting: str | None, environ: Mapping[str, str]) -> str | None:
    """The proxy URL for a call to ``url``, or None for a direct connection.

    The setting wins and goes for every target that NO_PROXY does not name. Otherwise HTTP_PROXY or HTTPS_PROXY by the
    target's scheme, then ALL_PROXY (lower case spelling first, as curl does); these never carry calls to this machine.
    ConfigError when the chosen value is not a proxy URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        return None  # a wire that stays in this process
    host, port = (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS[parts.scheme]
    if _excluded(host, port, _read(environ, "NO_PROXY")):
        return None
    if setting:
        return _checked(setting, "the setting outbound_proxy")
    if _is_this_machine(host):
        return None
    for name in (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY"):
        value = _read(environ, name)
        if value:
            return _checked(value, f"environment variable {name}")
    return None


def _read(environ: Mapping[str, str], name: str) -> str:
    # In a CGI process HTTP_PROXY is a request header (httpoxy); the lower-case name is always the operator's.
    if name == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return environ.get("http_proxy", "").strip()
    return (environ.get(name.lower()) or environ.get(name) or "").strip()


def _checked(value: str, source: str) -> str:
    proxy = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{source}: {_without_password(value)!r} is not a proxy URL ({', '.join(_SCHEMES)})")
    return proxy.replace("socks5h://", "socks5://", 1)  # names are always resolved by the proxy


def _without_password(value: str) -> str:
    head, at, tail = value.rpartition("@")
    return redact_text(f"…@{tail}" if at and head else value)


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
