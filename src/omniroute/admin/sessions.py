"""Dashboard sessions: a signed cookie that carries its own expiry and the generation of the password it was opened with."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict

from omniroute.core.errors import ConfigError
from omniroute.core.ids import Clock, random_text

COOKIE = "omniroute_session"
LIFETIME = 7 * 24 * 3600
_MAX_REVOKED = 4096


class Sessions:
    """Signs and verifies. A new password raises the generation, which ends every session opened before it.

    Logged-out sessions are remembered until they expire (bounded; the oldest is forgotten first).
    """

    def __init__(self, secret: bytes, clock: Clock, lifetime: int = LIFETIME) -> None:
        if len(secret) < 16:
            raise ConfigError("jwt_secret is too short: give at least 16 characters, or none to have a random one made")
        self._secret = secret
        self._clock = clock
        self.lifetime = lifetime
        self._revoked: OrderedDict[str, float] = OrderedDict()

    def open(self, generation: int | str) -> str:
        """A fresh session value."""
        payload = f"{int(self._clock.now()) + self.lifetime}.{generation}.{random_text(22)}"
        return f"{payload}.{self._sign(payload)}"

    def valid(self, value: str, generation: int | str) -> bool:
        """Whether ``value`` was signed by us, has not expired or been logged out, and belongs to the present password."""
        payload, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(payload).encode()):
            return False
        expires, _, rest = payload.partition(".")
        opened_with, _, nonce = rest.rpartition(".")
        return int(expires) > self._clock.now() and opened_with == str(generation) and nonce not in self._revoked

    def revoke(self, value: str) -> None:
        """End one session before its time. ``value`` must have been found valid."""
        expires, _, rest = value.partition(".")
        nonce = rest.split(".")[-2]
        now = self._clock.now()
        for known in [n for n, until in self._revoked.items() if until <= now]:
            del self._revoked[known]
        self._revoked[nonce] = float(expires)
        while len(self._revoked) > _MAX_REVOKED:
            self._revoked.popitem(last=False)

    def _sign(self, payload: str) -> str:
        digest = hmac.new(self._secret, b"omniroute session v1\n" + payload.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def set_cookie(value: str, *, secure: bool, max_age: int) -> str:
    """The Set-Cookie text: never readable by scripts, never sent from another site."""
    parts = [f"{COOKIE}={value}", "Path=/", f"Max-Age={max_age}", "HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def clear_cookie(*, secure: bool) -> str:
    return set_cookie("", secure=secure, max_age=0)


def read_cookie(headers: list[bytes]) -> str | None:
    """The session value of the Cookie headers, or None. The first one wins."""
    for header in headers:
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value:
                return value
    return None
