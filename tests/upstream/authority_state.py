"""What an authorization server remembers: people, codes, token families, and what it was told to do wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Person:
    """Who signs in. ``user_id`` is the stable identity, ``account_id`` what the provider bills."""

    email: str = "ada@example.com"
    name: str = "Ada Example"
    user_id: str = "user-1"
    account_id: str = "account-1"
    organization: str = "org-1"
    plan: str = "pro"


@dataclass(frozen=True)
class Trouble:
    """One answer that is not what was asked for.

    ``status`` 0: the connection is closed without an answer. ``performed``: the server did it all the same (a token was rotated, and
    the answer was lost or an error). ``error``: an OAuth error word for the body; ``body`` is sent as it is.
    """

    status: int = 503
    error: str | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    performed: bool = False


@dataclass
class Grant:
    """An authorization code that waits for its exchange."""

    person: Person
    client_id: str
    redirect_uri: str
    challenge: str | None
    scope: str
    spent: bool = False


@dataclass
class Device:
    """A device code. ``verdict``: pending, approved, denied, expired; ``slow_downs``: how often to say slow_down first."""

    user_code: str
    client_id: str
    scope: str
    challenge: str | None
    interval: int
    person: Person | None = None
    verdict: str = "pending"
    slow_downs: int = 0
    patience: int | None = None
    spent: bool = False


@dataclass
class Family:
    """Every token that goes back to one sign-in. A spent refresh token used again ends all of them."""

    person: Person
    client_id: str
    scope: str
    kind: str = ""
    alive: bool = True
    refresh: str = ""
    accesses: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    word: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def fields(self) -> dict[str, Any]:
        """The body by what it says it is; empty when it is neither a form nor a JSON object."""
        if self.media == "application/x-www-form-urlencoded":
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def bearer(self, *schemes: str) -> str | None:
        """The token of the Authorization header under one of ``schemes`` (``Bearer``)."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in (s.lower() for s in schemes or ("bearer",)) else None


@dataclass(frozen=True)
class Said:
    """One answer: JSON of ``body``, or a page when it is text."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Ledger:
    """The memory of one authority. All of it is guarded by ``lock``; ``issued`` holds every secret ever given out."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.lock = threading.RLock()
        self.arrived = threading.Condition(self.lock)
        self.counts: Counter[str] = Counter()
        self.requests: list[Asked] = []
        self.issued: set[str] = set()
        self.grants: dict[str, Grant] = {}
        self.devices: dict[str, Device] = {}
        self.families: list[Family] = []
        self.clients: dict[str, str] = {}
        self.refreshes: dict[str, Family] = {}
        self.accesses: dict[str, tuple[Family, float]] = {}
        self.troubles: dict[str, deque[Trouble]] = {}
        self.gates: dict[str, threading.Event] = {}
        self._offset = 0.0

    def now(self) -> float:
        """Unix seconds of this server's own clock."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Let time pass here: access tokens grow old, and what is issued from now on bears a later date."""
        with self.lock:
            self._offset += seconds

    def secret(self, kind: str) -> str:
        """A fresh random credential, remembered so that a test can look for it where it must not be."""
        value = f"{kind}-{self.provider}-{secrets.token_urlsafe(24)}{secrets.randbelow(10)}"
        self.issued.add(value)
        return value

    def jwt(self, **claims: Any) -> str:
        """A token of JWT shape. Its signature is noise: nobody but its issuer could check it."""
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        value = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, secrets.token_bytes(32)))
        self.issued.add(value)
        return value

    def note(self, asked: Asked) -> None:
        with self.arrived:
            self.requests.append(asked)
            self.counts[asked.word] += 1
            self.arrived.notify_all()

    def wait_for(self, word: str, count: int = 1, timeout: float = 20.0) -> bool:
        """Whether ``count`` requests of ``word`` have come, waiting for them. Blocks: call it in a thread of its own from a loop."""
        with self.arrived:
            return self.arrived.wait_for(lambda: self.counts[word] >= count, timeout)

    def trouble(self, word: str) -> Trouble | None:
        with self.lock:
            queue = self.troubles.get(word)
            return queue.popleft() if queue else None

    @contextmanager
    def held(self, word: str) -> Iterator[threading.Event]:
        """Requests of ``word`` are read and then kept waiting until the block ends, or the event is set."""
        gate = threading.Event()
        self.gates[word] = gate
        try:
            yield gate
        finally:
            gate.set()
            del self.gates[word]

    def family(self, person: Person, client_id: str, scope: str, kind: str = "") -> Family:
        made = Family(person, client_id, scope, kind)
        self.families.append(made)
        return made

    def access(self, family: Family, lifetime: float, value: str | None = None) -> str:
        """A new access token of ``family``, good for ``lifetime`` seconds."""
        value = value or self.secret("at")
        self.accesses[value] = (family, self.now() + lifetime)
        family.accesses.add(value)
        return value

    def rotate(self, family: Family) -> str:
        """A new refresh token; the one before is spent."""
        family.refresh = self.secret("rt")
        self.refreshes[family.refresh] = family
        return family.refresh

    def spend(self, refresh: str, *, rotates: bool) -> Family | None:
        """The family of a refresh token that still stands. A spent one ends its family, as real servers do."""
        family = self.refreshes.get(refresh)
        if family is None or not family.alive:
            return None
        if rotates and family.refresh != refresh:
            self.revoke(family)
            return None
        return family

    def revoke(self, family: Family) -> None:
        family.alive = False
        for value in family.accesses:
            self.accesses.pop(value, None)

    def valid(self, access: str | None) -> Person | None:
        """Who an access token belongs to while it is good."""
        with self.lock:
            found = self.accesses.get(access or "")
            if found is None or not found[0].alive or found[1] <= self.now():
                return None
            return found[0].person


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")
