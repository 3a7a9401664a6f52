"""How this installation asks providers for quotas: which accounts there are, whose token is shown, where a plan's name goes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from omniroute.catalog.account import Account
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider, UsageEndpoint
from omniroute.routing.health import Health
from omniroute.server.installation import Installation
from omniroute.server.login_book import tokens_of
from omniroute.server.login_ways import LoginWays
from omniroute.server.quota_keeper import QuotaKeeper
from omniroute.server.renewer import Renewer
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage_question import UsageRefused, ask

_NO_LOGIN = OAuth(flow="import")


def with_aliases(provider: Provider, usage: Usage) -> Usage:
    """A pool that is told of a model by its name upstream is that of the models which go by other names here, too."""
    told = {window.model for window in usage.windows}
    further = tuple(
        window._replace(model=model.id)
        for window in usage.windows
        for model in provider.models
        if window.model is not None and model.upstream_id == window.model and model.id not in told
    )
    return usage._replace(windows=usage.windows + further) if further else usage


class QuotaQuestions:
    """The keeper's view of the accounts; ``ways`` reach the providers, ``renewer`` keeps the tokens fresh."""

    def __init__(self, installation: Installation, ways: LoginWays, renewer: Renewer) -> None:
        self._installation = installation
        self._ways = ways
        self._renewer = renewer

    def keeper(self, health: Health) -> QuotaKeeper:
        """The keeper of this installation, not yet running."""
        installation = self._installation
        return QuotaKeeper(
            health,
            self.accounts,
            self.ask,
            self.note_plan,
            lambda: installation.snapshot.settings.quota_interval,
            installation.clock,
            random.Random(),
        )

    def accounts(self) -> Iterator[tuple[Provider, Account]]:
        """Every account that serves requests, with its provider."""
        snapshot = self._installation.snapshot
        for provider in snapshot.connected_providers():
            for account in snapshot.accounts[provider.id]:
                yield provider, account

    async def ask(self, provider: Provider, account: Account) -> Usage:
        """What the provider tells of the account. UsageRefused; Fault when its login cannot be renewed."""
        endpoint = provider.quota.usage_endpoint if provider.quota is not None else None
        if endpoint is None:
            raise UsageRefused(f"{provider.name} does not tell.")
        if account.login is not None:
            account = await self._renewer.fresh(account)
        token = await self._token(endpoint, account)
        http = self._ways.way(provider, provider.oauth or _NO_LOGIN, account).http
        return with_aliases(provider, await ask(http, endpoint, provider, account, token, self._installation.clock.now()))

    async def note_plan(self, account: Account, plan: str) -> None:
        """Let the login know the plan, unless it came with a name for it. StorageError."""
        logins = self._installation.logins
        row = await logins.get(account.id)
        if row is None or row.facts.get("plan"):
            return
        facts = {**row.facts, "plan": plan}
        if await logins.note(account.id, row.generation, facts):
            self._installation.book.put(msgspec.structs.replace(row, facts=facts))
            self._installation.resign(account.id)

    async def _token(self, endpoint: UsageEndpoint, account: Account) -> str:
        row = await self._installation.logins.get(account.id) if endpoint.token == "login" else None
        if row is not None:
            return tokens_of(self._installation.logins, row).access
        return account.secret.reveal().strip() if account.secret is not None else ""
