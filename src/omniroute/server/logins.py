"""Logins of this installation: people sign in at providers here, and what comes of it is kept and looked after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog

from omniroute.admin.login_port import Importable, LoginProvider, LoginSession, LoginStatus, LoginView
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.core.ids import Clock
from omniroute.operations.installed_logins import InstalledLogin, InstalledLogins
from omniroute.server.login_book import LoginBook, stored
from omniroute.server.login_callback import CallbackListener
from omniroute.server.login_sessions import LoginSessions
from omniroute.server.login_ways import LoginWays
from omniroute.server.renewer import Renewer, usable_until
from omniroute.server.terms import digest_of, is_acknowledged
from omniroute.storage.logins import LoginRepository
from omniroute.upstream.login import Tokens
from omniroute.upstream.login import flows as login_flows
from omniroute.upstream.login.after import take_steps
from omniroute.upstream.login.flows import Method
from omniroute.upstream.login.flows.importing import imported
from omniroute.upstream.login.identity import label_of, subject_of
from omniroute.upstream.login.replies import moment
from omniroute.upstream.login.way import Way

_log = structlog.get_logger("omniroute.logins")


class Logins:
    """See ``admin.login_port.Logins``. ``acknowledged`` gives the digests of the terms that somebody has read; ``signed_in`` is
    awaited with the id of an account that has new tokens, ``reload`` after everything else that changes."""

    def __init__(
        self,
        repository: LoginRepository,
        book: LoginBook,
        ways: LoginWays,
        renewer: Renewer,
        files: InstalledLogins,
        acknowledged: Callable[[], Mapping[str, str]],
        signed_in: Callable[[str], Awaitable[None]],
        reload: Callable[[], Awaitable[None]],
        clock: Clock,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._repository = repository
        self._book = book
        self._ways = ways
        self._renewer = renewer
        self._files = files
        self._acknowledged = acknowledged
        self._signed_in = signed_in
        self._reload = reload
        self._sessions = LoginSessions(self._keep, clock, pause)
        self._listener = CallbackListener(self.callback)

    async def stop(self) -> None:
        await self._sessions.stop()
        await self._listener.stop()

    # -- what there is ---------------------------------------------------------------------------------------------

    def providers(self) -> list[LoginProvider]:
        """Everybody that people sign in at, in order of id."""
        return [self._described(provider) for provider in self._ways.providers()]

    def _described(self, provider: Provider) -> LoginProvider:
        ways = [self._ways.way(provider, oauth) for oauth in _ways(provider)]
        methods = [method for way in ways for method in _methods(way)]
        if any(way.oauth.files for way in ways):
            methods.append("import")
        return LoginProvider(
            provider=provider.id,
            name=provider.name,
            flows=tuple(way.oauth.flow for way in ways),
            methods=tuple(dict.fromkeys(methods)),
            options=tuple(dict.fromkeys(name for way in ways for name in way.oauth.options)),
            defaults={
                name: text for way in reversed(ways) for name, text in way.oauth.defaults.items() if name in way.oauth.options
            },
            missing_env=tuple(dict.fromkeys(name for way in ways for name in way.missing_env())),
            terms=provider.terms,
            acknowledged=is_acknowledged(provider, self._acknowledged()),
        )

    def describe(self, account_id: str) -> LoginView | None:
        """What may be shown of an account's login; None when it has none."""
        entry = self._book.get(account_id)
        if entry is None:
            return None
        row, oauth = entry.row, self._ways.data(entry.row.provider, entry.row.flow)
        return LoginView(
            account_id=account_id,
            provider=row.provider,
            method=row.method,
            email=row.facts.get("email"),
            plan=row.facts.get("plan"),
            expires_at=row.expires_at,
            created_at=row.created_at,
            refreshed_at=row.refreshed_at,
            problem=row.problem,
            renews=oauth is not None and oauth.renews != "none",
            facts={name: text for name, text in row.facts.items() if name not in ("email", "plan")},
        )

    # -- signing in ------------------------------------------------------------------------------------------------

    async def begin(self, provider: str, method: Method, *, owner: str, options: dict[str, str] | None = None) -> LoginSession:
        """``options``: see ``LoginProvider.options``. LoginRefused names a variable that is missing; Conflict: the terms are not
        acknowledged, or the port is taken."""
        found = self._allowed(provider)
        given = options or {}
        way = self._by_method(found, method, given)
        way.client()
        if method != "browser":
            return await self._sessions.begin(way, method, owner, given)
        oauth = way.oauth
        port = await self._listener.open(found.id, found.name, port=oauth.redirect_port, path=oauth.redirect_path)
        redirect = f"http://{oauth.redirect_host}:{port}{oauth.redirect_path}"
        close = partial(self._listener.close, port)
        try:
            return await self._sessions.begin(way, method, owner, given, redirect, close)
        except BaseException:
            await close()
            raise

    async def status(self, session_id: str, owner: str) -> LoginStatus:
        return self._sessions.status(session_id, owner)

    async def submit(self, session_id: str, owner: str, text: str) -> str:
        return await self._sessions.submit(session_id, owner, text)

    async def callback(self, provider: str, query: dict[str, str]) -> str:
        return await self._sessions.callback(provider, query)

    async def cancel(self, session_id: str, owner: str) -> None:
        await self._sessions.cancel(session_id, owner)

    # -- importing -------------------------------------------------------------------------------------------------

    async def import_tokens(self, provider: str, fields: dict[str, Any], *, source: str = "pasted") -> str:
        """``fields`` as of ``LoginFile.fields``: ``access`` or ``refresh`` at least. The account's id."""
        found = self._allowed(provider)
        given = {name: str(value) for name, value in fields.items() if isinstance(value, (str, int, float)) and str(value)}
        way = self._ways.way(found, _importing(found, given))
        return await self._keep(way, await imported(way, given), "file" if source != "pasted" else "import")

    async def importable(self, provider: str | None = None) -> list[Importable]:
        """Logins of other programs on this machine that could be imported."""
        providers = self._ways.providers() if provider is None else [self._ways.provider(provider)]
        found = await asyncio.to_thread(self._files.found, providers)
        return [_importable(login) for login in found]

    async def import_file(self, provider: str, source: str) -> str:
        """Import the login that another program keeps in ``source``. NotFound, Conflict when it cannot be read."""
        found = self._allowed(provider)
        login = await asyncio.to_thread(self._files.read, found, source)
        return await self.import_tokens(found.id, dict(login.fields), source=source)

    # -- looking after ---------------------------------------------------------------------------------------------

    async def acknowledge(self, provider: str) -> None:
        """Somebody has read the provider's terms."""
        found = self._ways.provider(provider)
        if found.terms is None:
            raise BadRequest(f"{found.name} has no terms to acknowledge", param="provider")
        await self._repository.acknowledge(found.id, digest_of(found.terms))
        await self._reload()

    async def refresh(self, account_id: str) -> LoginView:
        """Renew now, whatever the time. Fault when that does not work."""
        entry = self._book.get(account_id)
        if entry is None:
            raise NotFound(f"The account {account_id!r} has no login.")
        await self._renewer.renew(account_id, stale_generation=entry.login.generation)
        view = self.describe(account_id)
        if view is None:
            raise NotFound(f"The account {account_id!r} has no login any more.")
        return view

    # -- within ----------------------------------------------------------------------------------------------------

    def _allowed(self, word: str) -> Provider:
        provider = self._ways.provider(word)
        if not is_acknowledged(provider, self._acknowledged()):
            raise Conflict(f"First acknowledge what {provider.name} asks: {provider.terms}", code="terms_not_acknowledged")
        return provider

    def _by_method(self, provider: Provider, method: Method, options: Mapping[str, str]) -> Way:
        """The first way of that method; of several the one that knows the options."""
        ways = [way for way in (self._ways.way(provider, oauth) for oauth in _ways(provider)) if method in _methods(way)]
        if not ways:
            offered = dict.fromkeys(m for oauth in _ways(provider) for m in _methods(self._ways.way(provider, oauth)))
            raise BadRequest(f"{provider.name} has no login by {method}; it has {', '.join(offered)}", param="method")
        return next((way for way in ways if set(options) <= set(way.oauth.options)), ways[0])

    async def _keep(self, way: Way, tokens: Tokens, method: str) -> str:
        """Take the steps behind a login and store it: as the account of whoever signed in, a new one where there is none."""
        tokens = await take_steps(way, tokens, fresh=True)
        name = label_of(tokens) or way.provider.name
        account_id = await self._repository.signed_in(
            way.provider.id,
            subject_of(tokens),
            name=name,
            flow=way.oauth.flow,
            method=method,
            tokens=stored(tokens),
            facts=tokens.facts,
            expires_at=usable_until(tokens, way.clock.now()),
        )
        await self._signed_in(account_id)
        _log.info("signed in", provider=way.provider.id, account=account_id, method=method)
        return account_id


def _ways(provider: Provider) -> tuple[OAuth, ...]:
    return provider.oauth.ways() if provider.oauth is not None else ()


def _methods(way: Way) -> tuple[Method, ...]:
    return login_flows.registry()[way.oauth.flow].methods(way)


def _importing(provider: Provider, fields: Mapping[str, str]) -> OAuth:
    """How imported tokens are kept: those with a client of their own as the flow that registers one."""
    ways = _ways(provider)
    if fields.get("client_id") and fields.get("client_secret"):
        own = next((oauth for oauth in ways if oauth.register_url is not None), None)
        if own is not None:
            return own
    return next((oauth for oauth in ways if oauth.flow == "import"), ways[0])


def _importable(login: InstalledLogin) -> Importable:
    fields = login.fields
    tokens = Tokens(access=fields.get("access", ""), id_token=fields.get("id_token"), facts=fields)
    return Importable(
        provider=login.provider,
        source=login.source,
        path=login.path,
        label=label_of(tokens),
        expires_at=moment(fields.get("expires_at")),
    )
