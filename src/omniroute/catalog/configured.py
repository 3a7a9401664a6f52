"""What the config file adds to the catalogue: nodes, accounts, changed providers, models. Errors name the line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Literal

import msgspec

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.environment import fill_url_vars
from omniroute.catalog.files import ModelTable, QuirksTable
from omniroute.catalog.nodes import (
    ANY_MODEL,
    AccountSpec,
    check_base_url,
    check_headers,
    check_proxy,
    check_timeouts,
    listed_models,
    node_provider,
    parse_node,
)
from omniroute.catalog.schema import Family, Model, Provider, Tier, Timeouts, TransportName
from omniroute.catalog.tables import Complain, decode_table
from omniroute.core.configfile import ConfigFile, resolve_secret
from omniroute.core.errors import ConfigError
from omniroute.core.settings import suggestion


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[providers.<id>]``: accounts for a catalogue provider, and changes to it. ``base_url`` points it elsewhere (a region, a
    company gateway), where private addresses are then allowed; ``models`` lists more ids (``*`` accepts any).
    ``proxy``: the outbound proxy of its calls, itself or a reference; ``transport``: see ``Provider``."""

    enabled: bool = True
    api_key: str | None = None
    accounts: tuple[AccountSpec, ...] = ()
    base_url: str | None = None
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    models: tuple[str, ...] = ()
    url_vars: dict[str, str] = {}
    resilience: bool | Literal["on", "off"] = True
    tier: Tier | None = None
    proxy: str | None = None
    transport: TransportName = "standard"
    strategy: str | None = None
    options: dict[str, Any] = {}
    quirks: QuirksTable = QuirksTable()

    def __repr__(self) -> str:
        return f"ProviderSpec(enabled={self.enabled!r}, base_url={self.base_url!r})"


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """``nodes`` are new providers, ``changed`` those of the catalogue that the file alters, ``disabled`` the ids it switches off,
    ``models`` custom models by provider id."""

    nodes: tuple[Provider, ...] = ()
    changed: tuple[Provider, ...] = ()
    disabled: frozenset[str] = frozenset()
    accounts: tuple[Account, ...] = ()
    models: Mapping[str, tuple[Model, ...]] = {}


def configured(file: ConfigFile, catalogue: Catalogue, formats: Collection[str], environ: Mapping[str, str]) -> Configured:
    """Everything the file says about providers. ``formats`` are those this build can speak; ``environ`` serves ``env:``
    references and URL placeholders. ConfigError names file and line."""
    nodes: list[Provider] = []
    changed: list[Provider] = []
    disabled: set[str] = set()
    accounts: list[Account] = []
    for prefix, table in file.nodes.items():
        error = partial(_at, file, ("nodes", prefix))
        spec = parse_node(prefix, _resolved(table, file, environ, error), formats, catalogue, error)
        node = node_provider(spec, "file")
        nodes.append(node)
        given = spec.accounts or (AccountSpec(api_key=spec.api_key),)
        accounts += _accounts(node, given, bool(spec.accounts), {}, file, environ, error)
    for word, table in file.providers.items():
        error = partial(_at, file, ("providers", word))
        provider = catalogue.by_prefix(word)
        if provider is None:
            raise error(f"there is no provider {word!r}{suggestion(word, list(catalogue.prefixes()))}")
        if any(p.id == provider.id for p in changed) or provider.id in disabled:
            raise error(f"{provider.id} is configured twice")
        change = decode_table(ProviderSpec, _resolved(table, file, environ, error), error)
        if not change.enabled:
            disabled.add(provider.id)
            continue
        provider = _changed(provider, change, error)
        changed.append(provider)
        accounts += _provider_accounts(provider, change, file, environ, error)
    models = _models(file, catalogue, {node.prefix: node for node in nodes})
    return Configured(
        nodes=tuple(nodes), changed=tuple(changed), disabled=frozenset(disabled), accounts=tuple(accounts), models=models
    )


def _at(file: ConfigFile, base: tuple[str, ...], message: str, *path: str) -> ConfigError:
    return file.error(message, *base, *path)


def _resolved(
    table: Mapping[str, Any], file: ConfigFile, environ: Mapping[str, str], error: Complain, *path: str
) -> Mapping[str, Any]:
    """The table with the proxy in place of a reference to it: a proxy's URL may hold a password."""
    given = table.get("proxy")
    if not isinstance(given, str):
        return table
    try:
        return {**table, "proxy": resolve_secret(given, environ, file.path.parent)}
    except ConfigError as wrong:
        raise error(f"proxy: {wrong.message}", *path, "proxy") from None


def _changed(provider: Provider, change: ProviderSpec, error: Complain) -> Provider:
    check_headers(change.headers, error)
    check_timeouts(change.timeouts, error)
    given = {name: value for name, value in msgspec.structs.asdict(change.timeouts).items() if value is not None}
    new: dict[str, Any] = {
        "headers": {**provider.headers, **change.headers},
        "timeouts": msgspec.structs.replace(provider.timeouts, **given),
        "passthrough_models": provider.passthrough_models or ANY_MODEL in change.models,
        "models": provider.models + tuple(m for m in listed_models(change.models) if provider.model(m.id) is None),
        "families": (*provider.families, Family(match=("*",), quirks=change.quirks.record())),
        "resilience": provider.resilience and change.resilience not in (False, "off"),
    }
    if change.tier is not None:
        new["tier"] = change.tier
    if change.transport != "standard":
        new["transport"] = change.transport
    if change.proxy is not None:
        new["proxy"] = check_proxy(change.proxy, error)
    if change.strategy is not None:
        new |= {"strategy": change.strategy, "options": change.options}
    if change.base_url is not None:
        # Absolute paths lead to the vendor's own servers: a key meant for the other place must not go there.
        paths = {name: path for name, path in provider.paths.items() if path.startswith("/")}
        new |= {"base_url": check_base_url(change.base_url, error), "base_url_fallbacks": (), "private": True, "paths": paths}
    return msgspec.structs.replace(provider, **new)


def _provider_accounts(
    provider: Provider, change: ProviderSpec, file: ConfigFile, environ: Mapping[str, str], error: Complain
) -> list[Account]:
    if change.api_key is not None and change.accounts:
        raise error("api_key and accounts exclude each other", "accounts")
    given = change.accounts
    if change.api_key is not None or (not given and (provider.auth.scheme == "none" or provider.auth.optional)):
        given = (AccountSpec(api_key=change.api_key),)
    for name in change.url_vars:
        if name not in provider.url_vars:
            raise error(f"url_vars: {provider.id} has no {name!r}{suggestion(name, list(provider.url_vars))}", "url_vars", name)
    return _accounts(provider, given, bool(change.accounts), change.url_vars, file, environ, error)


def _accounts(
    provider: Provider,
    given: Collection[AccountSpec],
    numbered: bool,
    url_vars: Mapping[str, str],
    file: ConfigFile,
    environ: Mapping[str, str],
    error: Complain,
) -> list[Account]:
    made = []
    for position, spec in enumerate(given):
        path = ("accounts", str(position)) if numbered else ()
        filled, missing = fill_url_vars(provider, {**url_vars, **spec.url_vars}, environ)
        if missing:
            raise error(f"url_vars: {provider.id} also needs {', '.join(missing)}", *path)
        secret = None
        if spec.api_key is not None:
            try:
                secret = Secret(resolve_secret(spec.api_key, environ, file.path.parent))
            except ConfigError as wrong:
                raise error(f"api_key: {wrong.message}", *path, "api_key") from None
        elif provider.auth.scheme != "none" and not provider.auth.optional:
            raise error("api_key is missing", *path)
        proxy = spec.proxy
        if proxy is not None:
            proxy = check_proxy(_resolved({"proxy": proxy}, file, environ, error, *path)["proxy"], partial(_deeper, error, path))
        made.append(
            Account(
                id=f"file-{provider.id}-{position + 1}" if numbered else f"file-{provider.id}",
                provider=provider.id,
                name=spec.name or (f"{provider.name} {position + 1}" if numbered else provider.name),
                secret=secret,
                source="file",
                enabled=spec.enabled,
                priority=spec.priority,
                url_vars=filled,
                tier=spec.tier,
                limits=msgspec.structs.replace(spec.limits, models=spec.models) if spec.models else spec.limits,
                proxy=None if proxy is None else Secret(proxy),
            )
        )
    return made


def _deeper(error: Complain, path: tuple[str, ...], message: str, *rest: str) -> ConfigError:
    return error(message, *path, *rest)


def _models(file: ConfigFile, catalogue: Catalogue, nodes: Mapping[str, Provider]) -> dict[str, tuple[Model, ...]]:
    found: dict[str, tuple[Model, ...]] = {}
    for name, table in file.models.items():
        error = partial(_at, file, ("models", name))
        prefix, slash, model_id = name.partition("/")
        if not slash or not model_id:
            raise error(f'models are written [models."PREFIX/MODEL"], not {name!r}')
        provider = nodes.get(prefix) or catalogue.by_prefix(prefix)
        if provider is None:
            words = [*nodes, *catalogue.prefixes()]
            raise error(f"there is no provider or node {prefix!r}{suggestion(prefix, words)}")
        if "id" in table:
            raise error("unknown key 'id': the id is part of the table's name", "id")
        model = decode_table(ModelTable, {**table, "id": model_id}, error).record()
        found[provider.id] = (*found.get(provider.id, ()), model)
    return found
