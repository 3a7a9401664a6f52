"""Accounts nobody had to add: those of the providers' conventional variables, and those of what is built in.

Variables that people have set for other reasons (a token of a code host or of a whole cloud account) are not conventional for us:
such providers name an ``OMNIROUTE_…`` variable instead, in their provider.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Provider

BUILTIN_WIRE = "builtin"


def environment_accounts(catalogue: Catalogue, environ: Mapping[str, str], usable: Callable[[Provider], bool]) -> list[Account]:
    """One account ``env-<provider>`` for every catalogue provider whose key variable is set, in catalogue order.

    ``usable`` says whether this build can sign and speak for the provider. A variable that several providers name serves each of
    them. A provider whose URL has placeholders that nothing fills is left out.
    """
    accounts = []
    for provider in catalogue.providers:
        if provider.origin != "catalogue" or not usable(provider):
            continue
        variable = next((name for name in provider.env_keys if environ.get(name, "").strip()), None)
        if variable is None:
            continue
        url_vars, missing = fill_url_vars(provider, {}, environ)
        if missing:
            continue
        accounts.append(
            Account(
                id=f"env-{provider.id}",
                provider=provider.id,
                name=variable,
                secret=Secret(environ[variable].strip()),
                source="environment",
                url_vars=url_vars,
            )
        )
    return accounts


def fill_url_vars(
    provider: Provider, given: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Values for the placeholders of the provider's URLs, and the names nothing fills: given, else environment, else default.

    People set host variables with ``https://`` in front; a placeholder never holds a scheme.
    """
    filled: dict[str, str] = {}
    missing: list[str] = []
    for name in provider.url_vars:
        value = given.get(name) or environ.get(provider.url_env.get(name, ""), "") or provider.url_defaults.get(name, "")
        value = value.strip().removeprefix("https://").removeprefix("http://").rstrip("/")
        if value:
            filled[name] = value
        else:
            missing.append(name)
    return filled, tuple(missing)


def builtin_accounts(catalogue: Catalogue) -> list[Account]:
    """The accounts of what answers in process: nobody pays, nothing is signed."""
    return [keyless_account(p, "builtin") for p in catalogue.providers if p.wire == BUILTIN_WIRE]


def keyless_account(provider: Provider, source: Literal["database", "environment", "file", "builtin"]) -> Account:
    """An account without a credential, for a provider that answers without one."""
    return Account(id=f"{source}-{provider.id}", provider=provider.id, name=provider.name, source=source)
