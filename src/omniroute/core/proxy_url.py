"""Outbound proxy URLs as people write them: checked, put in one form, and shown without their password."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from omniroute.core.errors import ConfigError
from omniroute.core.redact import redact_text

DIRECT = "direct"
SCHEMES = ("http", "https", "socks5", "socks5h")


def checked_proxy(value: str, source: str) -> str:
    """``value`` as a proxy URL (``http://`` where no scheme is given), or ``direct``. ConfigError naming ``source`` otherwise."""
    value = value.strip()
    if value.lower() == DIRECT:
        return DIRECT
    proxy = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{source}: {_without_password(value)!r} is not a proxy URL ({', '.join(SCHEMES)}) and not {DIRECT!r}")
    return proxy.replace("socks5h://", "socks5://", 1)  # names are always resolved by the proxy


def shown_proxy(proxy: str) -> str:
    """A checked proxy without the password."""
    if proxy == DIRECT:
        return proxy
    parts = urlsplit(proxy)
    user, at, place = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}:…@{place}" if ":" in user else f"{user}{at}{place}"
    return urlunsplit(parts._replace(netloc=shown))


def _without_password(value: str) -> str:
    head, at, tail = value.rpartition("@")
    return redact_text(f"…@{tail}" if at and head else value)
