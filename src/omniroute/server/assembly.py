"""The snapshot, assembled from the catalogue, the config file, the environment and the store. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2s
from typing import Any

import msgspec
import structlog

from omniroute.catalog.account import NO_LIMITS, Account, AccountLimits, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.configured import Configured
from omniroute.catalog.environment import BUILTIN_WIRE, builtin_accounts, environment_accounts
from omniroute.catalog.nodes import node_provider, parse_node
from omniroute.catalog.prices import Override, with_overrides
from omniroute.catalog.schema import TIERS, Model, Provider, Tier
from omniroute.core.configfile import ConfigFile, FileKey
from omniroute.core.errors import ConfigError
from omniroute.core.settings import Settings
from omniroute.ir.caps import Capabilities, Limits, Price
from omniroute.routing.routes import StoredRoutes, with_routes
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.routing.strategies import checked_options
from omniroute.server.terms import is_acknowledged
from omniroute.storage.accounts import AccountRow
from omniroute.storage.keys import ApiKey
from omniroute.storage.models import CustomModelRow
from omniroute.storage.nodes import NodeRow
from omniroute.storage.routing import AccountRoutingRow, ProviderRoutingRow
from omniroute.upstream import auth

log = structlog.get_logger("omniroute.server")


def _unchanged(account: Account) -> Account:
    return account


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds. Accounts come with their opened credential; ``signed`` gives one without any that of its login.
    ``acknowledged``: provider → digest of the terms that somebody has read; ``prices``: what the operator says models cost."""

    accounts: Sequence[tuple[AccountRow, str | None]] = ()
    nodes: Sequence[NodeRow] = ()
    models: Sequence[CustomModelRow] = ()
    keys: Sequence[ApiKey] = ()
    routes: StoredRoutes = StoredRoutes()
    provider_routing: Sequence[ProviderRoutingRow] = ()
    account_routing: Sequence[AccountRoutingRow] = ()
    signed: Callable[[Account], Account] = _unchanged
    acknowledged: Mapping[str, str] = {}
    prices: Mapping[tuple[str, str], Override] = {}


def build_snapshot(
    *,
    settings: Settings,
    catalogue: Catalogue,
    from_file: Configured,
    stored: Stored,
    file_keys: Sequence[tuple[FileKey, bytes]],
    formats: frozenset[str],
    environ: Mapping[str, str],
    version: int,
    file: ConfigFile | None = None,
    label_key: bytes = b"",
) -> tuple[Snapshot, tuple[Account, ...]]:
    """The snapshot, and every account there is, paused ones included. ``file`` is asked for combos, aliases and fallback chains
    only; ConfigError about those. ``label_key`` makes the accounts' labels."""
    disabled = set(from_file.disabled)
    if not settings.demo_provider:
        disabled.update(p.id for p in catalogue.providers if p.wire == BUILTIN_WIRE)
    models: dict[str, list[Model]] = {provider: list(given) for provider, given in from_file.models.items()}
    for row in stored.models:
        models.setdefault(row.provider, []).append(_custom_model(row))
    merged = catalogue.merge(
        [*from_file.nodes, *_stored_nodes(stored.nodes, formats)], models, changed=from_file.changed, disabled=disabled
    )
    merged = with_overrides(_with_routing(merged, stored.provider_routing), stored.prices)
    said = {row.account_id: row for row in stored.account_routing}
    accounts = [_stored_account(row, secret, said.get(row.id)) for row, secret in stored.accounts]
    accounts = [account if account.secret is not None else stored.signed(account) for account in accounts]
    accounts += from_file.accounts
    if settings.environment_accounts:
        accounts += environment_accounts(merged, environ, lambda p: p.format in formats and auth.usable(p.auth))
    withheld = tuple(account for account in accounts if not _within_terms(merged, account, stored.acknowledged))
    accounts = [account for account in accounts if account not in withheld]
    accounts += builtin_accounts(merged)
    accounts = [_with_allowances(merged, account) for account in accounts]
    accounts = [msgspec.structs.replace(account, label=_label(account.id, label_key)) for account in accounts]
    snapshot = Snapshot(
        catalogue=merged,
        settings=settings,
        accounts=_by_provider(accounts),
        keys=_grants(stored.keys, file_keys),
        formats=formats,
        schemes=frozenset(auth.registry().names()),
        version=version,
        withheld=withheld,
    )
    return with_routes(snapshot, file, stored.routes), tuple(accounts)


def _within_terms(catalogue: Catalogue, account: Account, acknowledged: Mapping[str, str]) -> bool:
    """Whoever writes an account into the config file knows what they do; every other one waits until the terms are read."""
    provider = catalogue.by_id(account.provider)
    return provider is None or account.source == "file" or is_acknowledged(provider, acknowledged)


def _with_allowances(catalogue: Catalogue, account: Account) -> Account:
    """What the provider is said to give is counted where the operator says nothing else."""
    provider = catalogue.by_id(account.provider)
    given = provider.quota.allowances if provider is not None and provider.quota is not None else ()
    if not given or account.limits.allowances:
        return account
    return msgspec.structs.replace(account, limits=msgspec.structs.replace(account.limits, allowances=given))


def _label(account_id: str, key: bytes) -> str:
    return blake2s(account_id.encode(), key=key[:32], person=b"account", digest_size=6).hexdigest()


def _with_routing(catalogue: Catalogue, rows: Sequence[ProviderRoutingRow]) -> Catalogue:
    """What the operator said about providers at run time. The config file's word about its own nodes stands."""
    changed: dict[str, Provider] = {}
    for row in rows:
        provider = catalogue.by_id(row.provider)
        if provider is None or provider.origin == "file":
            continue
        new: dict[str, Any] = {"tier": _tier(row.tier) or provider.tier}
        if row.strategy is not None:
            try:
                new |= {"strategy": row.strategy, "options": checked_options(row.strategy, row.options)}
            except ConfigError as error:
                log.warning("strategy left out", provider=row.provider, reason=error.message)
        changed[provider.id] = msgspec.structs.replace(provider, **new)
    if not changed:
        return catalogue
    return Catalogue((changed.get(p.id, p) for p in catalogue.providers), catalogue.error_profiles)


def _tier(word: str | None) -> Tier | None:
    return next((tier for tier in TIERS if tier == word), None)


def _stored_nodes(rows: Iterable[NodeRow], formats: frozenset[str]) -> list[Provider]:
    """Nodes of the store. One that this version cannot take (a format of a newer one) is left out, not lost: the row stays."""
    nodes = []
    for row in rows:
        table = {
            "name": row.name,
            "format": row.format,
            "base_url": row.base_url,
            "headers": row.headers,
            "models": list(row.models),
            "tier": row.tier,
            "timeouts": row.timeouts,
            "resilience": row.resilience,
            "proxy": row.proxy,
            "transport": row.transport,
        }
        try:
            nodes.append(node_provider(parse_node(row.prefix, table, formats, None), "database"))
        except ConfigError as error:
            log.warning("node left out", node=row.prefix, reason=error.message)
    return nodes


def _stored_account(row: AccountRow, secret: str | None, said: AccountRoutingRow | None) -> Account:
    return Account(
        id=row.id,
        provider=row.provider,
        name=row.name,
        secret=None if secret is None else Secret(secret),
        source="database",
        enabled=row.enabled,
        priority=row.priority,
        url_vars=row.url_vars,
        tier=_tier(said.tier) if said is not None else None,
        limits=_limits(row, said.models if said is not None else ()),
        proxy=None if row.proxy is None else Secret(row.proxy),
    )


def _limits(row: AccountRow, models: tuple[str, ...]) -> AccountLimits:
    """Those that this version cannot take (a field of a newer one) are left out, not lost: the row stays."""
    if not row.limits and not models:
        return NO_LIMITS
    try:
        return msgspec.convert({**row.limits, "models": models}, AccountLimits)
    except msgspec.ValidationError as error:
        log.warning("limits left out", account=row.name, reason=str(error))
        return AccountLimits(models=models)


def _custom_model(row: CustomModelRow) -> Model:
    return Model(
        id=row.model_id,
        name=row.name or row.model_id,
        limits=Limits(context=row.context, max_output=row.max_output),
        capabilities=Capabilities(tools=row.tools, vision=row.vision, reasoning=row.reasoning),
        price=Price(basis="list", **row.price) if row.price is not None else Price(),
    )


def _by_provider(accounts: Iterable[Account]) -> dict[str, tuple[Account, ...]]:
    """Enabled accounts by provider and priority; of equal ones those with a tier of their own in its order, else as they were."""
    found: dict[str, list[Account]] = {}
    for account in accounts:
        if account.enabled:
            found.setdefault(account.provider, []).append(account)
    return {
        provider: tuple(sorted(given, key=lambda a: (a.priority, TIERS.index(a.tier) if a.tier else len(TIERS))))
        for provider, given in found.items()
    }


def _grants(keys: Iterable[ApiKey], file_keys: Iterable[tuple[FileKey, bytes]]) -> dict[bytes, KeyGrant]:
    grants = {
        key.digest: KeyGrant(
            id=key.id,
            name=key.name,
            digest=key.digest,
            models=key.models,
            combos=key.combos,
            providers=key.providers,
            expires_at=key.expires_at,
            rpm=key.rpm,
            streams=key.streams,
            system_prompt=key.system_prompt,
            system_prompt_position=key.system_prompt_position,
            proxy=None if key.proxy is None else Secret(key.proxy),
        )
        for key in keys
        if key.revoked_at is None
    }
    for given, digest in file_keys:
        grants[digest] = KeyGrant(
            id=f"file-{given.name}",
            name=given.name,
            digest=digest,
            models=given.models,
            combos=given.combos,
            providers=given.providers,
            rpm=given.rpm,
            streams=given.streams,
            system_prompt=given.system_prompt,
            system_prompt_position=given.system_prompt_position,
            proxy=None if given.proxy is None else Secret(given.proxy),
        )
    return grants
