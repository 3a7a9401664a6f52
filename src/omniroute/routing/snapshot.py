"""Snapshot: everything a request needs to know of the installation, frozen; replaced whole when anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Provider
from omniroute.core.settings import Settings
from omniroute.routing.combo import Alias, Chain, Combo

_MOST_ANSWERS = 2048


class KeyGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a client key may do. Empty ``models``, ``combos`` and ``providers`` mean no limit; entries of the first two may end in
    ``*``. With models or combos it may use these only; a combo named there may use all its steps, within ``providers``.

    ``digest`` is the keyed hash of the key, ``expires_at`` unix seconds or None. ``rpm``: requests per minute, ``streams``:
    streams open at once. ``system_prompt`` goes with each of its requests; ``proxy`` is the outbound proxy URL (or ``direct``)
    of its calls.
    """

    id: str
    name: str
    digest: bytes
    models: tuple[str, ...] = ()
    combos: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    expires_at: float | None = None
    rpm: int | None = None
    streams: int | None = None
    system_prompt: str | None = None
    system_prompt_position: Literal["prepend", "append", "replace"] = "prepend"
    proxy: Secret | None = None


class Memo:
    """Answers worked out from one snapshot, by question; bounded. A snapshot made from another by replacing fields
    finds it empty."""

    __slots__ = ("_answers", "_owner")

    def __init__(self) -> None:
        self._answers: dict[Any, Any] = {}
        self._owner: object = None

    def of(self, owner: Snapshot) -> dict[Any, Any]:
        """The answers that hold for ``owner``."""
        if self._owner is not owner:
            self._owner, self._answers = owner, {}
        elif len(self._answers) > _MOST_ANSWERS:
            self._answers = {}
        return self._answers


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """``accounts``: provider id → enabled accounts in order of priority. ``keys``: key digest → grant.

    ``formats`` and ``schemes`` are what this build can speak and sign with. ``combos`` by name, the built-in ones too;
    ``aliases`` are the exact ones by name, ``wildcards`` those with ``*`` or ``?``, the most specific first; ``fallbacks`` too.
    ``withheld``: accounts left out until somebody acknowledges their provider's terms.
    ``problems``: (what, sentence) about combos, aliases and chains that were left out or lead nowhere.
    """

    catalogue: Catalogue
    settings: Settings
    accounts: Mapping[str, tuple[Account, ...]]
    keys: Mapping[bytes, KeyGrant]
    formats: frozenset[str]
    schemes: frozenset[str]
    version: int = 0
    combos: Mapping[str, Combo] = {}
    aliases: Mapping[str, Alias] = {}
    wildcards: tuple[Alias, ...] = ()
    fallbacks: tuple[Chain, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    withheld: tuple[Account, ...] = ()
    memo: Memo = msgspec.field(default_factory=Memo)

    def connected(self, provider: Provider) -> bool:
        """Some enabled account exists and this build speaks the provider's language."""
        return bool(self.accounts.get(provider.id)) and self.usable(provider)

    def usable(self, provider: Provider, format: str | None = None) -> bool:
        """This build can talk to the provider, in ``format`` where a model has one of its own."""
        format = format or provider.format
        return format in self.formats and provider.auth_for(format).scheme in self.schemes

    def connected_providers(self) -> list[Provider]:
        return [p for p in self.catalogue.providers if self.connected(p)]
