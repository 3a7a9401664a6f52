"""Catalogue: frozen look-ups over all providers and models; merged with what the operator added, never edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from heapq import nlargest

import msgspec

from omniroute.catalog.schema import ErrorRule, Model, Provider
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Profile, Quirks

_LONGEST_NAME = 200
_LIKENESS = 0.55
_PROFILES = 4096


class Catalogue:
    """``providers`` in order of their ids, operator's nodes first. Building one checks that ids and prefixes are unique."""

    __slots__ = ("_bare", "_models", "_prefixes", "_profiles", "error_profiles", "providers")

    providers: tuple[Provider, ...]
    error_profiles: Mapping[str, tuple[ErrorRule, ...]]

    def __init__(self, providers: Iterable[Provider], error_profiles: Mapping[str, tuple[ErrorRule, ...]] | None = None) -> None:
        self.providers = tuple(providers)
        self.error_profiles = dict(error_profiles or {})
        self._prefixes = _prefix_table(self.providers)
        self._models: dict[str, dict[str, Model]] = {}
        self._profiles: dict[tuple[str, str], Profile] = {}
        bare: dict[str, list[Provider]] = {}
        for provider in self.providers:
            self._models[provider.id] = models = {}
            for model in provider.models:
                if model.id in models:
                    raise ConfigError(f"{provider.id}: the model {model.id!r} is listed twice")
                models[model.id] = model
                bare.setdefault(model.id, []).append(provider)
        self._bare = {name: tuple(found) for name, found in bare.items()}

    def by_id(self, provider_id: str) -> Provider | None:
        """The provider of that id (not prefix or alias), else None."""
        found = self._prefixes.get(provider_id)
        return found if found is not None and found.id == provider_id else None

    def by_prefix(self, prefix: str) -> Provider | None:
        """The provider that answers to ``prefix/…``: its prefix, id or one of its aliases; else None."""
        return self._prefixes.get(prefix)

    def prefixes(self) -> Mapping[str, Provider]:
        """Every word that may stand before the slash."""
        return self._prefixes

    def model(self, provider_id: str, model_id: str) -> Model | None:
        """The listed model, else None (which a provider with ``passthrough_models`` serves all the same)."""
        return self._models.get(provider_id, {}).get(model_id)

    def providers_for_bare_model(self, model_id: str) -> tuple[Provider, ...]:
        """All providers that list ``model_id``, in catalogue order."""
        return self._bare.get(model_id, ())

    def profile_for(self, provider: Provider, model_id: str) -> Profile:
        """What translation must know of the target: quirks merged provider → family → model. Any model id has a profile.

        Remembered (up to a bound: clients may ask for any id), since every request needs one.
        """
        key = (provider.id, model_id)
        known = self._profiles.get(key)
        if known is None:
            if len(self._profiles) >= _PROFILES:
                self._profiles.clear()
            known = self._profiles[key] = profile_for(provider, model_id)
        return known

    def nearest(self, name: str, count: int = 3, prefer: frozenset[str] | None = None) -> list[str]:
        """Up to ``count`` chat model names like ``name``, best first, written ``prefix/model``.

        ``prefer`` holds provider ids: their models win over equally good ones of others, and a good match among them keeps
        the others out. A name without a slash is compared with the bare ids.
        """
        wanted = name[:_LONGEST_NAME].lower()
        provider = self.by_prefix(wanted.partition("/")[0]) if "/" in wanted else None
        if provider is not None:
            wanted = f"{provider.prefix}/{wanted.partition('/')[2]}"
        liked = [p for p in self.providers if prefer is None or p.id in prefer]
        found = _most_alike(wanted, liked, count)
        if len(found) < count and prefer:
            found += _most_alike(wanted, [p for p in self.providers if p.id not in prefer], count - len(found))
        return found

    def merge(
        self,
        nodes: Iterable[Provider] = (),
        custom_models: Mapping[str, Sequence[Model]] | None = None,
        *,
        changed: Iterable[Provider] = (),
        disabled: Iterable[str] = (),
    ) -> Catalogue:
        """A new catalogue with the operator's additions.

        nodes           added providers. A node keeps its prefix even if a later release of the catalogue claims the word (the
                        operator's names must go on working); of two nodes with one prefix the config file's wins
        custom_models   provider id → models to add; one that is listed already replaces the listed record. Models of a provider
                        that is not there (a removed node, a provider switched off) wait until it is
        changed         providers of the catalogue with the operator's changes, by id
        disabled        ids to leave out
        Raises ConfigError when two nodes of one origin share a prefix.
        """
        own = _one_per_prefix(nodes)
        taken = frozenset(word for node in own for word in node.prefixes())
        out = frozenset(disabled)
        replaced = {p.id: p for p in changed}
        rest = [_yield_words(replaced.get(p.id, p), taken) for p in self.providers if p.id not in out]
        merged = {p.id: p for p in (*own, *(p for p in rest if p is not None))}
        for provider_id, models in (custom_models or {}).items():
            if provider_id in merged:
                merged[provider_id] = with_models(merged[provider_id], models)
        return Catalogue(merged.values(), self.error_profiles)


def profile_for(provider: Provider, model_id: str) -> Profile:
    """See :meth:`Catalogue.profile_for`. ``default_max_tokens`` falls back to the model's own output limit."""
    model = provider.model(model_id) or Model(id=model_id)
    upstream_id = model.upstream_id or model.id
    quirks = provider.quirks
    for family in provider.families:
        if any(fnmatchcase(upstream_id, pattern) for pattern in family.match):
            quirks = family.quirks.over(quirks)
    quirks = model.quirks.over(quirks)
    if quirks.default_max_tokens is None and model.limits.max_output is not None:
        quirks = Quirks(default_max_tokens=model.limits.max_output).over(quirks)
    return Profile(model=upstream_id, limits=model.limits, capabilities=model.capabilities, quirks=quirks)


def with_models(provider: Provider, models: Iterable[Model]) -> Provider:
    """``provider`` with ``models`` added; equal ids are replaced in place."""
    listed = {model.id: model for model in provider.models}
    listed.update((model.id, model) for model in models)
    return msgspec.structs.replace(provider, models=tuple(listed.values()))


def _prefix_table(providers: Iterable[Provider]) -> dict[str, Provider]:
    table: dict[str, Provider] = {}
    for provider in providers:
        for word in provider.prefixes():
            if word in table:
                raise ConfigError(f"the prefix {word!r} is claimed by both {table[word].id!r} and {provider.id!r}")
            table[word] = provider
    return table


def _one_per_prefix(nodes: Iterable[Provider]) -> list[Provider]:
    kept: dict[str, Provider] = {}
    for node in nodes:
        other = kept.get(node.prefix)
        if other is not None and other.origin == node.origin:
            raise ConfigError(f"the prefix {node.prefix!r} is given to two nodes")
        if other is None or node.origin == "file":
            kept[node.prefix] = node
    return list(kept.values())


def _yield_words(provider: Provider, taken: frozenset[str]) -> Provider | None:
    """``provider`` without the prefixes that nodes have taken; None when its id itself is taken."""
    words = provider.prefixes()
    if taken.isdisjoint(words):
        return provider
    if provider.id in taken:
        return None
    free = [word for word in words if word not in taken]
    return msgspec.structs.replace(provider, prefix=free[0], aliases=tuple(free[1:]))


def _most_alike(wanted: str, providers: Iterable[Provider], count: int) -> list[str]:
    """SequenceMatcher keeps its table of ``b``: the wanted name is set once, the candidates pass through its cheap bounds."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    scored: list[tuple[float, str]] = []
    for provider in providers:
        for model in provider.models:
            if model.kind != "chat":
                continue
            full = f"{provider.prefix}/{model.id}"
            matcher.set_seq1(full.lower() if "/" in wanted else model.id.lower())
            if matcher.real_quick_ratio() < _LIKENESS or matcher.quick_ratio() < _LIKENESS:
                continue
            ratio = matcher.ratio()
            if ratio >= _LIKENESS:
                scored.append((ratio, full))
    return [full for _, full in nlargest(count, scored, key=lambda pair: pair[0])]
