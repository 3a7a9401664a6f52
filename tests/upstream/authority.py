"""Authority: a double of a provider's authorization server, on a loopback port and in threads of its own.

It speaks the provider's authorize, token, refresh, device and profile shapes, checks what a real one checks (redirect URI, state,
PKCE, client secret, media types), rotates refresh tokens and ends the whole family when a spent one comes again. It counts what it is
asked and does wrong what it is told to. Usable from a test's event loop, from another process and from a browser alike::

    with Authority("claude").run() as authority:
        server = start(environ=authority.environ)
        ...
        where = authority.visit(url)          # what the browser would do with an authorize URL: the address it is sent to
        authority.approve(user_code)          # what a person does with a device code
        authority.fail("renewal", Trouble(503), Trouble(status=0, performed=True))
        assert authority.counts["renewal"] == 1
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from upstream.authority_dialects import DIALECTS
from upstream.authority_flows import Flows
from upstream.authority_pages import PAGES, token_of
from upstream.authority_state import Asked, Device, Ledger, Person, Said, Trouble

__all__ = ["Asked", "Authority", "Person", "Said", "Trouble"]

Handler = Callable[[Asked], Said]
_GATE_PATIENCE = 60.0


class Authority(Flows):
    """One provider's authorization server. Words of requests: authorize, token (exchange), renewal, device, poll, register,
    profile, userinfo, user, copilot_token, verification; ``counts``, ``fail`` and ``held`` take them.

    Knobs: ``person``, ``refuses``, ``returned_state``, ``client_secret``, ``interval``, ``patience`` (polls until a device code
    approves itself), ``slow_downs``, ``lifetime``, ``inline_code`` (Cline's code is the tokens themselves).
    """

    def __init__(self, provider: str) -> None:
        super().__init__(DIALECTS[provider], Ledger(provider))
        self.provider = provider
        self._routes: dict[tuple[str, str], tuple[str, Handler]] = {}
        self._know_paths()

    # --- for tests ---------------------------------------------------------------------------------------------------

    @contextmanager
    def run(self) -> Iterator[Authority]:
        """Serve until the block ends."""
        server = _Server(self)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"authority {self.provider}", daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def environ(self) -> dict[str, str]:
        """The variables that make OmniRoute sign in here instead of at the provider."""
        stem = self.provider.replace("-", "_").upper()
        given = {f"OMNIROUTE_LOGIN_{stem}_URL": self.url}
        if self.dialect.secret:
            given[f"{stem}_OAUTH_CLIENT_SECRET"] = self.client_secret
        return given

    @property
    def counts(self) -> dict[str, int]:
        return self.ledger.counts

    @property
    def issued(self) -> set[str]:
        """Every secret it ever gave out or expects: what must be found in no log, answer or page."""
        return set(self.ledger.issued)

    def route(self, method: str, path: str, handler: Handler, word: str | None = None) -> None:
        """Answer one more path, for the provider's API beside its logins. ``path`` may end in ``{}``: one segment, or in ``*``."""
        self._routes[(method, path)] = (word or path, handler)

    def fail(self, word: str, *troubles: Trouble) -> None:
        """What the next requests of ``word`` get instead of an answer, in order."""
        with self.ledger.lock:
            self.ledger.troubles.setdefault(word, deque()).extend(troubles)

    def visit(self, url: str) -> str:
        """Open an authorize URL as a browser would: the address it is redirected to, or the text of the page it stays on."""
        answer = httpx.get(url, follow_redirects=False, trust_env=False, timeout=20)
        return answer.headers.get("location") or answer.text

    def approve(self, user_code: str, person: Person | None = None) -> None:
        """The person enters the code and agrees."""
        self._decide(user_code, "approved", person)

    def deny(self, user_code: str) -> None:
        self._decide(user_code, "denied", None)

    def expire(self, user_code: str) -> None:
        self._decide(user_code, "expired", None)

    def revoke_all(self) -> None:
        """The person takes every grant back."""
        with self.ledger.lock:
            for family in self.ledger.families:
                self.ledger.revoke(family)

    def expire_access(self) -> None:
        """Every access token given out so far is refused from now on; refresh tokens still work."""
        with self.ledger.lock:
            self.ledger.accesses.clear()

    def seed(self, person: Person | None = None, kind: str = "") -> dict[str, Any]:
        """A sign-in that happened elsewhere (another program's): the token answer it got."""
        with self.ledger.lock:
            answer = self.grant(self.ledger.family(person or self.person, self.dialect.client_id or "", "", kind)).body
        return dict(answer.get("data", answer))

    def _decide(self, user_code: str, verdict: str, person: Person | None) -> None:
        with self.ledger.lock:
            device = self.device_of(user_code)
            device.verdict, device.person = verdict, person

    def device_of(self, user_code: str) -> Device:
        return next(device for device in self.ledger.devices.values() if device.user_code == user_code)

    # --- serving -----------------------------------------------------------------------------------------------------

    def _know_paths(self) -> None:
        dialect = self.dialect
        if dialect.authorize is not None:
            self.route("GET", dialect.authorize, self.authorize, "authorize")
        if dialect.token is not None:
            self.route("POST", dialect.token, self.token, "token")
        if dialect.refresh is not None:
            self.route("POST", dialect.refresh, self.renew, "renewal")
        if dialect.device is not None:
            self.route("POST", dialect.device, self.device, "device")
            self.route("GET", "/device", self._verification, "verification")
        if dialect.register is not None:
            self.route("POST", dialect.register, self.register, "register")
        if dialect.style == "kilo":
            self.route("GET", f"{dialect.device}/{{}}", lambda asked: self.kilo_poll(asked.path.rpartition("/")[2]), "poll")
        if dialect.style == "aws":
            self.route("POST", "/oauth/token", self.social_exchange, "token")
            self.route("POST", "/refreshToken", self.social_refresh, "renewal")
        for (method, path), (word, page) in PAGES.get(self.provider, {}).items():
            self.route(method, path, self._guarded(page), word)

    def _guarded(self, page: Callable[[Ledger, Asked, Person], Said]) -> Handler:
        def answer(asked: Asked) -> Said:
            person = self.ledger.valid(token_of(asked))
            if person is None:
                return Said(401, {"error": {"type": "authentication_error", "message": "Invalid access token"}})
            return page(self.ledger, asked, person)

        return answer

    def _verification(self, asked: Asked) -> Said:
        """The page where a person enters a device code; ``?verdict=`` is the button pressed."""
        code, verdict = asked.query.get("user_code", ""), asked.query.get("verdict")
        if verdict in ("approved", "denied"):
            self._decide(code, verdict, None)
            return Said(200, f"<h1>Device {verdict}</h1>")
        buttons = "".join(f'<a href="?user_code={code}&verdict={word}">{word}</a> ' for word in ("approved", "denied"))
        return Said(200, f"<h1>Enter the code</h1><p>{code}</p>{buttons}")

    def find(self, method: str, path: str) -> tuple[str, Handler] | None:
        """The word and the handler of a path."""
        exact = self._routes.get((method, path))
        if exact is not None:
            return exact
        for (known, pattern), found in self._routes.items():
            if known != method:
                continue
            if pattern.endswith("/{}") and path.rpartition("/")[0] == pattern[:-3]:
                return found
            if pattern.endswith("*") and path.startswith(pattern[:-1]):
                return found
        return None

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Said | None:
        """One request; None: the connection is to be closed unanswered."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        found = self.find(method, path)
        word = found[0] if found is not None else "unknown"
        asked = Asked(word, method, path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)
        asked = replace(asked, word=_kind(asked))
        self.ledger.note(asked)
        gate = self.ledger.gates.get(asked.word)
        if gate is not None:
            gate.wait(_GATE_PATIENCE)
        trouble = self.ledger.trouble(asked.word)
        if found is None:
            return Said(404, {"error": "not_found", "error_description": f"{method} {path}"})
        if trouble is None or trouble.performed:
            with self.ledger.lock:
                said = found[1](asked)
            if trouble is None:
                return said
        if trouble.status == 0:
            return None
        body_given = trouble.body
        if body_given is None:
            return Said(trouble.status, self.error(trouble.error or "server_error", "told to fail").body, trouble.headers)
        return Said(trouble.status, body_given, trouble.headers)


def _kind(asked: Asked) -> str:
    """Refreshes and polls come to the token path as well: what a request is really about."""
    if asked.word != "token":
        return asked.word
    grant = str(asked.fields.get("grant_type") or asked.fields.get("grantType") or "")
    if grant == "refresh_token":
        return "renewal"
    return "poll" if grant.endswith("device_code") else "token"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.authority = authority


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read ``requests``; nobody reads a log."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.authority.answer(self.command, self.path, headers, body)
        if said is None:
            self.close_connection = True
            return
        text = isinstance(said.body, str)
        if isinstance(said.body, bytes):
            data, media = said.body, "application/octet-stream"
        else:
            data = said.body.encode() if text else b"" if said.body is None else json.dumps(said.body).encode()
            media = "text/html; charset=utf-8" if text else "application/json"
        self.send_response(said.status)
        given = {"content-type": media, **{name.lower(): value for name, value in said.headers.items()}}
        for name, value in {**given, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
