"""Signing in, put together: what the admin API calls, what the gateway asks before a try, and what runs by itself."""

from __future__ import annotations

import random

from omniroute.operations.installed_logins import InstalledLogins
from omniroute.routing.health import Health
from omniroute.server.installation import Installation
from omniroute.server.login_ways import LoginWays
from omniroute.server.logins import Logins
from omniroute.server.quota_questions import QuotaQuestions
from omniroute.server.renewer import Renewer
from omniroute.upstream.transports import Transports


class SignIns:
    """``logins`` is for people, ``renewer`` for requests, ``quotas`` asks what is left."""

    def __init__(self, installation: Installation, transports: Transports, health: Health) -> None:
        self._installation = installation
        self._health = health
        environ, clock = installation.launch.environ, installation.clock
        ways = LoginWays(
            lambda: installation.snapshot,
            lambda: transports.for_wire("http"),
            environ,
            installation.secrets.session,
            clock,
        )
        self.renewer = Renewer(
            installation.logins,
            installation.book,
            ways,
            installation.account,
            installation.resign,
            clock,
            random.Random(),
        )
        self.logins = Logins(
            installation.logins,
            installation.book,
            ways,
            self.renewer,
            InstalledLogins(environ),
            lambda: installation.acknowledged,
            self._signed_in,
            installation.reload,
            clock,
        )

        self.quotas = QuotaQuestions(installation, ways, self.renewer).keeper(health)

    async def start(self) -> None:
        if not self._installation.db.shared:  # whoever was renewing something when this directory was last open is gone
            await self._installation.logins.release_all()
        self.renewer.start()
        self.quotas.start()

    async def stop(self) -> None:
        await self.quotas.stop()
        await self.logins.stop()
        await self.renewer.stop()

    async def _signed_in(self, account_id: str) -> None:
        """What was held against the account was held against the login before. The audit log has every sign-in, also one that
        ends while nobody asks."""
        await self._installation.reload()
        self._health.unlock(("account", account_id))
        account = self._installation.account(account_id)
        await self._installation.audit.append(
            "sign-in", "login.done", account_id, {"provider": None if account is None else account.provider}
        )
