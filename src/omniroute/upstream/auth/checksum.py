"""A bearer token with what proves that it is used where it was given out: a checksum of time and machine, keys made of the token.

The machine is a fact of the login (``machine_id``); where none is known one is made of the token, the same every time.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
import uuid
from collections.abc import Callable

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.auth import credential
from omniroute.upstream.call import Headers

_USER_BEFORE_TOKEN = re.compile(r"^[^:%]*(?:::|%3A%3A)", re.I)
_MACHINE = re.compile(r"[A-Za-z0-9._/-]{1,256}")
_PERIOD = 1e6  # milliseconds a checksum's time stands still
_SEED = 165


class Checksum:
    name = "checksum"
    lasting = False

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        secret = credential(account, auth)
        if secret is None:
            return url
        token = _USER_BEFORE_TOKEN.sub("", secret)
        known = account.login.facts.get("machine_id", "") if account.login is not None else ""
        machine = known if _MACHINE.fullmatch(known) else _digest(f"{token}machineId")
        said = {
            "authorization": f"Bearer {token}",
            "x-client-key": _digest(token),
            "x-cursor-checksum": time_code(self._now()) + machine,
            "x-session-id": str(uuid.uuid5(uuid.NAMESPACE_DNS, token)),
        }
        asked = next((text for name, text in headers if name == "x-request-id"), None)
        if asked is not None:
            said["x-request-id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, asked))  # the service expects a UUID
        headers[:] = [(name, text) for name, text in headers if name not in said]
        headers.extend(said.items())
        return url


def time_code(now: float) -> str:
    """Eight letters for ``now`` (unix seconds), the same for about a quarter of an hour.

    The number is taken apart with shifts of 40, 32, 24, 16, 8 and 0 bits as JavaScript makes them: modulo 32, so that the first
    two are shifts of 8 and 0. Each byte is then mixed with the one before it and its own place.
    """
    ticks = int(now * 1000 / _PERIOD) & 0xFFFFFFFF
    mixed = bytearray()
    last = _SEED
    for place, shift in enumerate((40, 32, 24, 16, 8, 0)):
        last = ((ticks >> shift % 32 & 0xFF) ^ last) + place & 0xFF
        mixed.append(last)
    return base64.urlsafe_b64encode(mixed).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SCHEME = Checksum()
