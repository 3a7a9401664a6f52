"""A try as its account and its client's dialect want it: what only a login's token calls for, and the dialect the model has in
common with the client.
"""

from __future__ import annotations

from msgspec.structs import replace

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.gateway.context import Context
from omniroute.routing.plan import Attempt
from omniroute.routing.resolve import Target
from omniroute.routing.snapshot import Snapshot


def fitted(context: Context, attempt: Attempt) -> Attempt:
    """``attempt``, itself where nothing is particular about it."""
    target = fitted_target(context.snapshot, attempt.target, attempt.account, context.format.name)
    return attempt if target is attempt.target else replace(attempt, target=target)


def fitted_target(snapshot: Snapshot, target: Target, account: Account, dialect: str) -> Target:
    """``target`` as it is for ``account`` and a client that speaks ``dialect``."""
    rules = target.provider.login_quirks
    login = rules is not None and signed_by_login(target.provider, account)
    listed = snapshot.catalogue.model(target.provider.id, target.model)
    spoken = dialect if listed is not None and dialect in listed.formats else None
    if not login and (spoken is None or spoken == target.format):
        return target
    key = ("fitted", target.name, login, spoken)
    known = snapshot.memo.of(snapshot)
    found: Target | None = known.get(key)
    if found is None or found.provider is not target.provider:
        found = known[key] = _particular(snapshot, target, spoken, login=login)
    return found


def _particular(snapshot: Snapshot, target: Target, spoken: str | None, *, login: bool) -> Target:
    provider, profile = target.provider, target.profile
    if login and provider.login_quirks is not None:
        target = replace(target, profile=replace(profile, quirks=provider.login_quirks.over(profile.quirks)))
    offered = spoken is not None and provider.chat_path(spoken, stream=False) is not None and snapshot.usable(provider, spoken)
    return replace(target, format=spoken) if spoken is not None and offered else target


def signed_by_login(provider: Provider, account: Account) -> bool:
    """The account's secret is a token that stands for a person's login, not an API key."""
    if account.login is not None:
        return True
    own = provider.own_credentials
    return own is not None and account.secret is not None and account.secret.reveal().startswith(own.begins)
