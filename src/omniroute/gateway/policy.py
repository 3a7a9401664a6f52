"""Who may ask: the client's key, as any known client sends it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from omniroute.core.errors import Forbidden, Unauthorized
from omniroute.core.ids import API_KEY_PREFIX
from omniroute.core.loopback import is_loopback
from omniroute.gateway.ports import Exchange
from omniroute.routing.snapshot import KeyGrant, Snapshot

Digest = Callable[[str], bytes]


def bearer_token(exchange: Exchange) -> str | None:
    """The token of ``Authorization: Bearer``."""
    authorization = exchange.header("authorization")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
    return None


def presented_key(exchange: Exchange) -> str | None:
    """The key of ``Authorization: Bearer``, ``x-api-key``, ``x-goog-api-key`` or ``?key=``, in that order. Beside a bearer token
    that is not one of ours, a key of ours may stand in ``x-omniroute-key`` or ``x-api-key``."""
    token = bearer_token(exchange)
    if token is None:
        other = exchange.header("x-api-key") or exchange.header("x-goog-api-key") or exchange.query("key")
        return other or exchange.header("x-omniroute-key") or None
    if token.startswith(API_KEY_PREFIX):
        return token
    beside = exchange.header("x-api-key") or ""
    return exchange.header("x-omniroute-key") or (beside if beside.startswith(API_KEY_PREFIX) else token)


def _refuse_web_pages(exchange: Exchange, snapshot: Snapshot) -> None:
    """A caller without a key is trusted because it runs on this machine; a web page in a browser here does not count.

    Pages show themselves by Origin or Sec-Fetch-Site, or (DNS rebinding) by a Host that is not ours.
    """
    settings = snapshot.settings
    host = exchange.header("host") or "localhost"
    origin = exchange.header("origin")
    if origin is not None and not _may_come_from(origin, host, settings.cors_origins):
        raise Forbidden(
            f"Web pages of {origin[:200]} need an API key to call this server; to trust them, add the origin to cors_origins.",
            code="origin_not_allowed",
        )
    if origin is None and exchange.header("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("Web pages may not call this server without an API key.", code="origin_not_allowed")
    name = urlsplit(f"//{host}").hostname or ""
    if not is_loopback(name) and name != (urlsplit(settings.base_url or "").hostname or ""):
        raise Forbidden(
            f"This server is not known as {name[:200]!r}: send an API key, call it by localhost, or set base_url.",
            code="host_not_allowed",
        )


def _may_come_from(origin: str, host: str, allowed: Sequence[str]) -> bool:
    return urlsplit(origin).netloc == host or origin in allowed or "*" in allowed


def authenticate(exchange: Exchange, snapshot: Snapshot, digest: Digest, now: float) -> KeyGrant | None:
    """The grant of the presented key; None for an anonymous caller where keys are optional.

    Where keys are optional, a token that is not one of ours is ignored (agents send placeholders), but one that looks like ours
    and is unknown, revoked or expired is refused: its owner must learn that.
    """
    key = presented_key(exchange)
    required = snapshot.settings.require_api_key
    if key is None or (not required and not key.startswith(API_KEY_PREFIX)):
        if required:
            raise Unauthorized(
                "An API key is required: send it as 'Authorization: Bearer sk-or-…' or 'x-api-key'.", code="missing_api_key"
            )
        _refuse_web_pages(exchange, snapshot)
        return None
    digested = digest(key)
    grant = snapshot.keys.get(digested)
    # Found by its keyed hash, whose look-up time tells nothing of the key; the comparison itself is constant-time.
    if grant is None or not hmac.compare_digest(grant.digest, digested):
        raise Unauthorized("This API key is not valid: it is unknown or was revoked.")
    if grant.expires_at is not None and grant.expires_at <= now:
        raise Unauthorized("This API key has expired.", code="expired_api_key")
    return grant
