"""Logins that have begun: each belongs to whoever began it, lasts ten minutes at most, and serves once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

import msgspec
import structlog

from omniroute.admin.login_port import LoginSession, LoginStatus
from omniroute.core.errors import BadRequest, Conflict, NotFound, OmniRouteError, TooManyRequests
from omniroute.core.ids import Clock
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login import flows as login_flows
from omniroute.upstream.login.flows import Begun, Method, Pending
from omniroute.upstream.login.way import Way

SECONDS = 600.0
MOST = 50
_MOST_TEXT = 8192
_LONGEST_POLL = 60.0
_log = structlog.get_logger("omniroute.logins")

Keep = Callable[[Way, Tokens, str], Awaitable[str]]
"""(way, tokens, method) → the id of the account they are kept as."""
Close = Callable[[], Awaitable[None]]


@dataclass(eq=False)
class _Session:
    id: str
    owner: str
    way: Way
    begun: Begun
    expires_at: float
    close: Close | None
    state: Literal["pending", "busy", "done", "failed"] = "pending"
    account_id: str | None = None
    reason: str | None = None
    next_poll_at: float | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def view(self) -> LoginSession:
        begun = self.begun
        device = begun.method == "device"
        return LoginSession(
            id=self.id,
            provider=self.way.provider.id,
            method=begun.method,
            expires_at=self.expires_at,
            url=begun.url,
            redirect_uri=begun.redirect_uri,
            user_code=begun.user_code,
            verification_uri=begun.verification_uri,
            verification_uri_complete=begun.verification_uri_complete,
            interval=begun.interval if device else None,
        )


class LoginSessions:
    """``keep`` stores what a login brought; ``pause`` sleeps so many seconds."""

    def __init__(self, keep: Keep, clock: Clock, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._keep = keep
        self._clock = clock
        self._pause = pause
        self._sessions: dict[str, _Session] = {}

    async def begin(
        self,
        way: Way,
        method: Method,
        owner: str,
        options: Mapping[str, str],
        redirect_uri: str | None = None,
        close: Close | None = None,
    ) -> LoginSession:
        """Ask the provider and watch over what it says. ``close`` is called once, when nothing comes back any more."""
        self._forget_old()
        if len(self._sessions) >= MOST:
            raise TooManyRequests("Too many logins have been begun: finish or cancel one, or wait ten minutes.")
        begun = await login_flows.registry()[way.oauth.flow].begin(way, method, options, redirect_uri)
        ends = min(self._clock.now() + SECONDS, begun.expires_at or float("inf"))
        session = _Session(secrets.token_urlsafe(24), owner, way, begun, ends, close)
        self._sessions[session.id] = session
        watch = self._poll(session) if method == "device" else self._expire(session)
        session.task = asyncio.create_task(watch, name=f"login at {way.provider.id}")
        return session.view()

    def status(self, session_id: str, owner: str) -> LoginStatus:
        """NotFound: no such login, or somebody else's."""
        session = self._own(session_id, owner)
        state = "pending" if session.state == "busy" else session.state
        return LoginStatus(state=state, account_id=session.account_id, reason=session.reason, next_poll_at=session.next_poll_at)

    async def submit(self, session_id: str, owner: str, text: str) -> str:
        """What the browser ended up with, pasted: an address, ``code#state`` or the code alone. The account's id."""
        session = self._own(session_id, owner)
        brought = pasted(text)
        if "error" in brought:
            raise await self._denied(session, brought)
        return await self._finish(session, brought["code"], brought.get("state"))

    async def callback(self, provider: str, query: Mapping[str, str]) -> str:
        """What the browser brought back to our listener; whose login it is, its ``state`` says."""
        state = query.get("state", "")
        session = next(
            (
                known
                for known in self._sessions.values()
                if known.way.provider.id == provider and state and _same(known.begun.state, state)
            ),
            None,
        )
        if session is None:
            raise LoginRefused("This window belongs to no login that is waiting here: begin again.")
        if "error" in query:
            raise await self._denied(session, query)
        if not query.get("code"):
            raise LoginRefused("The browser came back without a code: begin again.")
        return await self._finish(session, query["code"], state)

    async def cancel(self, session_id: str, owner: str) -> None:
        """Conflict when its tokens are there already: they are kept, and nothing is left half done."""
        session = self._own(session_id, owner)
        if session.state == "busy":
            self._must_wait(session)
        del self._sessions[session.id]
        if session.task is not None:
            session.task.cancel()
        await self._closed(session)

    async def stop(self) -> None:
        """Nobody waits any more."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        tasks = [session.task for session in sessions if session.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in sessions:
            await self._closed(session)

    def _own(self, session_id: str, owner: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or not _same(session.owner, owner):
            raise NotFound("There is no such login: begin again.")
        return session

    def _forget_old(self) -> None:
        now = self._clock.now()
        for session in [known for known in self._sessions.values() if now >= known.expires_at + SECONDS]:
            del self._sessions[session.id]

    async def _finish(self, session: _Session, code: str, state: str | None) -> str:
        self._must_wait(session)
        if state is not None and not _same(session.begun.state, state):
            raise LoginRefused("This answer belongs to another login: use the newest window, or begin again.")
        session.state = "busy"
        flow = login_flows.registry()[session.way.oauth.flow]
        try:
            tokens = await flow.finish(session.way, session.begun, code, state)
            return await self._done(session, tokens)
        except BadRequest:
            session.state = "pending"
            raise
        except OmniRouteError as error:
            await self._fail(session, error.message)
            raise
        except BaseException:
            await self._fail(session, "it was broken off")
            raise

    def _must_wait(self, session: _Session) -> None:
        """Conflict unless it still waits."""
        if session.state == "pending" and self._clock.now() >= session.expires_at:
            raise LoginRefused("This login took too long: begin again.")
        if session.state != "pending":
            told = {"busy": "is being finished", "done": "is done", "failed": f"has failed: {session.reason}"}
            raise Conflict(f"This login {told[session.state]}", code="login_over")

    async def _done(self, session: _Session, tokens: Tokens) -> str:
        session.account_id = await self._keep(session.way, tokens, session.begun.method)
        session.state = "done"
        await self._closed(session)
        return session.account_id

    async def _fail(self, session: _Session, reason: str) -> None:
        session.state, session.reason = "failed", reason
        await self._closed(session)

    async def _closed(self, session: _Session) -> None:
        close, session.close = session.close, None
        if close is not None:
            await close()

    async def _denied(self, session: _Session, query: Mapping[str, str]) -> LoginRefused:
        self._must_wait(session)
        said = query.get("error_description") or query["error"].replace("_", " ")
        refused = LoginRefused(f"{session.way.provider.name} did not sign you in: {said[:300]}")
        await self._fail(session, refused.reason)
        return refused

    async def _expire(self, session: _Session) -> None:
        await self._pause(max(0.0, session.expires_at - self._clock.now()))
        if session.state == "pending":
            await self._fail(session, "the login took too long: begin again")

    async def _poll(self, session: _Session) -> None:
        """Ask as often as the provider allows until it says yes or no."""
        flow, begun = login_flows.registry()[session.way.oauth.flow], session.begun
        try:
            while session.state == "pending":
                session.next_poll_at = self._clock.now() + begun.interval
                if session.next_poll_at >= session.expires_at:
                    await self._pause(max(0.0, session.expires_at - self._clock.now()))
                    await self._fail(session, "the code has expired: begin again")
                    return
                await self._pause(begun.interval)
                found = await self._once(session, flow, begun)
                if isinstance(found, Tokens):
                    session.state, session.next_poll_at = "busy", None
                    await self._done(session, found)
                    return
                begun = session.begun = _slower(begun, found.interval)
        except OmniRouteError as error:
            await self._fail(session, error.message)
        except Exception as error:
            _log.exception("a login failed", provider=session.way.provider.id, exc_info=error)
            await self._fail(session, "something went wrong inside OmniRoute; its log has the reason")

    async def _once(self, session: _Session, flow: login_flows.Flow, begun: Begun) -> Tokens | Pending:
        try:
            return await flow.poll(session.way, begun)
        except LoginRefused as refused:
            if refused.final:
                raise
            return Pending(interval=begun.interval * 2)  # not reached: RFC 8628 wants us to ask less often


def _same(known: str, given: str) -> bool:
    return secrets.compare_digest(known.encode(), given.encode(errors="replace"))


def _slower(begun: Begun, interval: float) -> Begun:
    return msgspec.structs.replace(begun, interval=min(interval, _LONGEST_POLL))


def pasted(text: str) -> dict[str, str]:
    """``code`` or ``error``, and ``state`` where it is there, out of what somebody pasted. BadRequest when it is neither."""
    text = text.strip().strip("\"'<>")
    if not text or len(text) > _MOST_TEXT or any(char.isspace() for char in text):
        raise BadRequest("Paste the whole address that the browser ended up at, or the code that the page shows.", param="text")
    if "://" in text or text.startswith(("localhost", "127.0.0.1", "[::1]", "?", "code=")):
        address, _, fragment = (f"?{text}" if text.startswith("code=") else text).partition("#")
        found = {**dict(parse_qsl(fragment)), **dict(parse_qsl(address.partition("?")[2]))}
        wanted = {name: value for name, value in found.items() if name in ("code", "state", "error", "error_description")}
        if "code" not in wanted and "error" not in wanted:
            raise BadRequest("There is no code in this address: paste the one that the browser ended up at.", param="text")
        return wanted
    code, _, state = text.partition("#")
    return {"code": code, "state": state} if state else {"code": code}
