"""Logins for tests of what stands in front of them: sign-ins that do what a test says, with nobody behind."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec

from omniroute.admin.login_port import Importable, LoginProvider, LoginSession, LoginStatus, LoginView, Method
from omniroute.core.errors import Conflict, NotFound
from omniroute.core.ids import Clock
from omniroute.storage import AccountRepository

TOKEN = "at-secret-0123456789"


class FakeLogins:
    """``statuses``: session id → what :meth:`status` says. Sign-ins make real accounts in ``accounts``."""

    def __init__(self, providers: Mapping[str, LoginProvider], accounts: AccountRepository, clock: Clock) -> None:
        self.known = dict(providers)
        self.accounts = accounts
        self.clock = clock
        self.sessions: dict[str, tuple[str, str]] = {}
        self.statuses: dict[str, LoginStatus] = {}
        self.options: dict[str, dict[str, str]] = {}
        self.files: list[Importable] = []
        self.views: dict[str, LoginView] = {}
        self.tokens: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self._ids = itertools.count(1)

    def providers(self) -> list[LoginProvider]:
        return list(self.known.values())

    async def begin(self, provider: str, method: Method, *, owner: str, options: dict[str, str] | None = None) -> LoginSession:
        self._refuse()
        session_id = f"ls-{next(self._ids)}"
        self.sessions[session_id] = (provider, owner)
        self.options[session_id] = options or {}
        self.statuses[session_id] = LoginStatus(
            state="pending", next_poll_at=self.clock.now() + 5 if method == "device" else None
        )
        device = method == "device"
        return LoginSession(
            id=session_id,
            provider=provider,
            method=method,
            expires_at=self.clock.now() + 600,
            url=None if device else f"https://sign.in/{provider}",
            redirect_uri=None if device else "http://localhost:4711/callback",
            user_code="ABCD-EFGH" if device else None,
            verification_uri="https://sign.in/device" if device else None,
            interval=5.0 if device else None,
        )

    async def status(self, session_id: str, owner: str) -> LoginStatus:
        self._own(session_id, owner)
        return self.statuses[session_id]

    async def submit(self, session_id: str, owner: str, text: str) -> str:
        provider = self._own(session_id, owner)
        self._refuse()
        if text != "good":
            raise Conflict("that is not the code", code="login_refused")
        return await self.sign_in(provider)

    async def cancel(self, session_id: str, owner: str) -> None:
        self._own(session_id, owner)
        del self.sessions[session_id]

    async def import_tokens(self, provider: str, fields: dict[str, Any], *, source: str = "pasted") -> str:
        self._refuse()
        self.tokens.append(fields)
        return await self.sign_in(provider, method="import")

    async def importable(self, provider: str | None = None) -> list[Importable]:
        return [file for file in self.files if provider in (None, file.provider)]

    async def import_file(self, provider: str, source: str) -> str:
        if source not in (file.source for file in self.files):
            raise NotFound(f"there is no file {source}")
        return await self.sign_in(provider, method="import")

    async def acknowledge(self, provider: str) -> None:
        self.known[provider] = msgspec.structs.replace(self.known[provider], acknowledged=True)

    async def refresh(self, account_id: str) -> LoginView:
        self._refuse()
        self.views[account_id] = msgspec.structs.replace(self.views[account_id], refreshed_at=self.clock.now(), problem=None)
        return self.views[account_id]

    def describe(self, account_id: str) -> LoginView | None:
        return self.views.get(account_id)

    async def sign_in(self, provider: str, *, method: str = "browser", **view: Any) -> str:
        """An account, signed in."""
        row = await self.accounts.create(provider, f"ada {next(self._ids)}", secret=TOKEN)
        told: dict[str, Any] = {"email": "ada@example.com", "plan": "pro", "expires_at": self.clock.now() + 3600, **view}
        self.views[row.id] = LoginView(account_id=row.id, provider=provider, method=method, created_at=self.clock.now(), **told)
        return row.id

    def _own(self, session_id: str, owner: str) -> str:
        provider, whose = self.sessions.get(session_id, ("", ""))
        if whose != owner:
            raise NotFound("there is no such sign-in, or it is over")
        return provider

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal
