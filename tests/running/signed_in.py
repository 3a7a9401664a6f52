"""Accounts that come from logins, in a running server, without anybody signing in."""

from __future__ import annotations

from msgspec.structs import replace

from omniroute.catalog.account import Account, Login, Secret
from running.fixtures import Server


def sign_in(server: Server, provider: str, token: str, *, name: str = "login", **facts: str) -> Account:
    """An account of ``provider`` whose secret is the access ``token`` and whose login has ``facts``; it is the only one."""
    account = Account(
        id=f"login-{provider}", provider=provider, name=name, secret=Secret(token), label="x1", login=Login(facts=facts)
    )
    installation = server.app.installation
    installation.snapshot = replace(installation.snapshot, accounts={**installation.snapshot.accounts, provider: (account,)})
    return account
