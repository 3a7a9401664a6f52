"""Model name → the targets that can serve it. Pure; the nearest names are computed only when nothing fits.

Looked up in this order: combo, alias, wildcard alias, ``prefix/model`` (listed, custom or passed through), ``prefix/*``, and a
bare model name at every connected provider that lists it, by tier.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from omniroute.catalog.account import Account
from omniroute.catalog.schema import TIERS, Model, Provider, Tier
from omniroute.core.errors import BadRequest, Forbidden, ModelNotFound, NotFound
from omniroute.ir.caps import Price, Profile
from omniroute.routing.combo import ALL_MODELS, MAX_DEPTH, Alias, Combo, Step, fits, is_pattern
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.routing.unconnected import not_connected


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a provider. ``model`` is the id behind the prefix; ``profile.model`` what the upstream calls it; ``format`` the
    wire format it speaks, its own where that differs from its provider's; ``price`` of it where listed."""

    provider: Provider
    model: str
    profile: Profile
    format: str
    price: Price = Price()

    @property
    def name(self) -> str:
        return f"{self.provider.prefix}/{self.model}"


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A target in its place. ``accounts`` by priority, or the one that the step names; ``tier``: position of the best of theirs;
    ``step`` is its position in the combo around it."""

    target: Target
    accounts: tuple[Account, ...]
    tier: int
    combo: str | None = None
    step: int = 0
    weight: float = 1.0
    timeout: float | None = None
    retries: int | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Members that ``strategy`` (None: the global setting) puts in order; ``fallback`` comes after all of them, as written."""

    name: str
    members: tuple[Leaf | Group, ...]
    strategy: str | None = None
    options: dict[str, object] = {}
    fallback: tuple[Leaf | Group, ...] = ()
    weight: float = 1.0


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: ``combo``, ``prefix``, ``provider`` (``prefix/*``) or ``bare``. ``decision`` says in a few plain ASCII words how
    the name was understood. ``chain`` is the operator's fallback for that name, tried when ``root`` is exhausted; ``left_out``
    are steps that lead nowhere now, with the reason."""

    name: str
    kind: str
    decision: str
    root: Leaf | Group
    chain: tuple[Leaf | Group, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target once, in the order written."""
        found: dict[str, Target] = {}
        _collect((self.root, *self.chain), found)
        return tuple(found.values())


def _collect(nodes: tuple[Leaf | Group, ...], found: dict[str, Target]) -> None:
    for node in nodes:
        if isinstance(node, Leaf):
            found.setdefault(node.target.name, node.target)
        else:
            _collect(node.members, found)
            _collect(node.fallback, found)


def resolve(snapshot: Snapshot, name: str, grant: KeyGrant | None = None) -> Resolution:
    """What ``name`` means now. ModelNotFound names the nearest models, combos and aliases; Forbidden when only the key stands in
    the way."""
    if grant is None or not (grant.models or grant.combos or grant.providers):
        key: object = name
        grant = None
    else:
        key = (name, grant.models, grant.combos, grant.providers)
    known = snapshot.memo.of(snapshot)
    found: Resolution | None = known.get(key)
    if found is None:
        found = known[key] = _resolved(snapshot, name, grant)
    return found


def _resolved(snapshot: Snapshot, name: str, grant: KeyGrant | None) -> Resolution:
    resolver = _Resolver(snapshot, name, grant)
    alias = None
    if name not in snapshot.combos and (snapshot.aliases or snapshot.wildcards):
        alias = _alias(snapshot, name)
    meant = name if alias is None else _meant(alias, name)
    root, kind, how = resolver.root(meant)
    if alias is not None:
        how = f"alias {alias.pattern} > {how if kind == 'combo' else f'{meant}, {how}'}"
    chain = resolver.chain(name, meant) if snapshot.fallbacks else ()
    if alias is not None or kind != "prefix":
        how = how.encode("ascii", "backslashreplace").decode()
    return Resolution(name=name, kind=kind, decision=how, root=root, chain=chain, left_out=tuple(resolver.left_out))


def _alias(snapshot: Snapshot, name: str) -> Alias | None:
    found = snapshot.aliases.get(name)
    if found is None:
        for wildcard in snapshot.wildcards:
            if fits(wildcard.pattern, name):
                return wildcard
    return found


def _meant(alias: Alias, name: str) -> str:
    """``prefix/*`` keeps the name asked for, without a prefix of its own where the pattern had one."""
    if not alias.target.endswith(f"/{ALL_MODELS}"):
        return alias.target
    if not is_pattern(alias.pattern):
        return alias.target
    before, slash, _ = alias.pattern.partition("/")
    rest = name[len(before) + 1 :] if slash and not is_pattern(before) else name
    return f"{alias.target[:-1]}{rest}"


class _Resolver:
    """One look-up: the name asked for, the key's limits, and what was left out on the way."""

    def __init__(self, snapshot: Snapshot, name: str, grant: KeyGrant | None) -> None:
        self.snapshot = snapshot
        self.name = name
        self.grant = grant
        self.left_out: list[tuple[str, str]] = []
        self.forbidden = False

    def root(self, meant: str) -> tuple[Leaf | Group, str, str]:
        """The tree, its kind and how the name was understood."""
        combo = self.snapshot.combos.get(meant)
        if combo is not None:
            group = self._combo(combo, Step(combo=meant), 1, self._granted(combo.name))
            if group is None:
                raise self._forbidden() if self.forbidden else self._empty(combo)
            return group, "combo", f"combo {meant}"
        prefix, slash, rest = meant.partition("/")
        provider = self.snapshot.catalogue.by_prefix(prefix) if slash and rest else None
        if provider is not None and rest == ALL_MODELS:
            group = self._all_of(provider, meant)
            return group, "provider", f"every model of {provider.id}"
        if provider is not None:
            if self.grant is not None and not allows(self.grant, provider, rest):
                raise self._forbidden()
            return _leaf(self.snapshot, _prefixed(self.snapshot, provider, rest, meant)), "prefix", "prefix"
        return self._bare(meant)

    def chain(self, name: str, meant: str) -> tuple[Leaf | Group, ...]:
        """The operator's fallback for the name: the most specific chain that fits it."""
        for chain in self.snapshot.fallbacks:
            if fits(chain.pattern, name) or fits(chain.pattern, meant):
                label = f"fallback {chain.pattern}"
                found = (self._step(step, label, place, 1, None, granted=False) for place, step in enumerate(chain.steps))
                return tuple(node for node in found if node is not None)
        return ()

    def _combo(self, combo: Combo, step: Step, depth: int, granted: bool) -> Group | None:
        """The combo's members that this key may use and that exist now; None when there is none."""
        if depth > MAX_DEPTH:
            self.left_out.append((combo.name, f"combos are nested more than {MAX_DEPTH} deep"))
            return None
        members = self._steps(combo, combo.steps, 0, depth, granted)
        fallback = self._steps(combo, combo.fallback, len(combo.steps), depth, granted)
        if not members:
            members, fallback = fallback, ()
        if not members:
            return None
        return Group(
            name=combo.name,
            members=members,
            strategy=combo.strategy,
            options=dict(combo.options),
            fallback=fallback,
            weight=step.weight,
        )

    def _steps(self, combo: Combo, steps: tuple[Step, ...], first: int, depth: int, granted: bool) -> tuple[Leaf | Group, ...]:
        found = (self._step(step, combo.name, first + place, depth, combo, granted=granted) for place, step in enumerate(steps))
        return tuple(node for node in found if node is not None)

    def _step(
        self, step: Step, within: str, place: int, depth: int, combo: Combo | None, *, granted: bool
    ) -> Leaf | Group | None:
        snapshot, name = self.snapshot, step.name
        inner = snapshot.combos.get(step.combo) if step.combo is not None else None
        if inner is not None:
            return self._combo(inner, step, depth + 1, granted or self._granted(inner.name))
        if step.combo is not None:
            self.left_out.append((name, "there is no such combo"))
            return None
        found = self._models(name, granted)
        timeout = step.timeout if step.timeout is not None or combo is None else combo.timeout
        retries = step.retries if step.retries is not None or combo is None else combo.retries
        leaves = tuple(
            _leaf(snapshot, one, step.account, combo=within, step=place, weight=step.weight, timeout=timeout, retries=retries)
            for one in found
        )
        if len(leaves) == 1:
            return leaves[0]
        return Group(name=name, members=leaves, strategy="fill-first", weight=step.weight) if leaves else None

    def _models(self, name: str, granted: bool) -> list[Target]:
        """The targets a step's model name stands for."""
        snapshot = self.snapshot
        prefix, slash, rest = name.partition("/")
        provider = snapshot.catalogue.by_prefix(prefix) if slash and rest else None
        if provider is None:
            found = list(_bare_targets(snapshot, name))
            if not found:
                self.left_out.append((name, "no connected provider serves it"))
        elif not snapshot.connected(provider):
            self.left_out.append((name, f"{provider.name} is not connected"))
            return []
        elif rest == ALL_MODELS:
            found = [target(snapshot, provider, model.id) for model in chat_models(provider)]
        else:
            if snapshot.catalogue.model(provider.id, rest) is None and not provider.passthrough_models:
                self.left_out.append((name, f"{provider.name} lists no such model"))
                return []
            found = [target(snapshot, provider, rest)]
        permitted = [one for one in found if self._permits(one, granted)]
        if len(permitted) < len(found):
            self.forbidden = True
            self.left_out.append((name, "not allowed for this API key"))
        return [one for one in permitted if snapshot.usable(one.provider, one.format)]

    def _all_of(self, provider: Provider, name: str) -> Group:
        if not self.snapshot.accounts.get(provider.id):
            raise not_connected(self.snapshot, provider)
        found = self._models(name, granted=False)
        if not found:
            if self.forbidden:
                raise self._forbidden()
            raise ModelNotFound(f"{provider.name} lists no models: name one, as {provider.prefix}/MODEL.", param="model")
        return Group(name=name, members=tuple(_leaf(self.snapshot, one) for one in found), strategy="fill-first")

    def _bare(self, name: str) -> tuple[Leaf | Group, str, str]:
        found = _bare_targets(self.snapshot, name)
        if not found:
            raise ModelNotFound(_unknown(self.snapshot, name), param="model")
        permitted = tuple(one for one in found if self._permits(one, granted=False))
        if not permitted:
            raise self._forbidden()
        if len(permitted) == 1:
            return _leaf(self.snapshot, permitted[0]), "bare", "bare"
        order = " > ".join(f"{one.provider.prefix} ({tier_of(self.snapshot, one.provider)})" for one in permitted)
        leaves = tuple(_leaf(self.snapshot, one, step=place) for place, one in enumerate(permitted))
        return Group(name=name, members=leaves, strategy="fill-first"), "bare", f"bare by tier: {order}"

    def _granted(self, combo: str) -> bool:
        """The key names this combo, as one or among its models: all of its targets are meant, within the key's providers."""
        return self.grant is not None and any(_fits(entry, {combo}) for entry in (*self.grant.combos, *self.grant.models))

    def _permits(self, one: Target, granted: bool) -> bool:
        if self.grant is None:
            return True
        grant = msgspec.structs.replace(self.grant, models=(), combos=()) if granted else self.grant
        return allows(grant, one.provider, one.model)

    def _forbidden(self) -> Forbidden:
        return Forbidden(f"This API key may not use the model {self.name!r}.", param="model", code="model_not_allowed")

    def _empty(self, combo: Combo) -> ModelNotFound:
        why = "; ".join(f"{step}: {reason}" for step, reason in self.left_out[:5])
        text = f"Nothing of the combo {combo.name!r} can serve now" + (f": {why}." if why else ".")
        return ModelNotFound(text, param="model", code="combo_not_connected")


def qualified(snapshot: Snapshot, word: str, name: str) -> str:
    """``name`` with the prefix of the provider that answers to ``word``, put before it where it has none.

    NotFound when nobody answers to ``word``, BadRequest when ``name`` has the prefix of another provider."""
    provider = snapshot.catalogue.by_prefix(word)
    if provider is None:
        raise NotFound(f"There is no provider {word!r}.", param="provider")
    if snapshot.catalogue.model(provider.id, name) is not None:  # ids with a slash of their own
        return f"{provider.prefix}/{name}"
    prefix, slash, rest = name.partition("/")
    owner = snapshot.catalogue.by_prefix(prefix) if slash and rest else None
    if owner is None:
        return f"{provider.prefix}/{name}"
    if owner.id != provider.id:
        raise BadRequest(f"The model {name!r} is of {owner.name}, but this is the route of {provider.name}.", param="model")
    return name


def _leaf(snapshot: Snapshot, one: Target, account: str | None = None, **more: Any) -> Leaf:
    accounts = snapshot.accounts.get(one.provider.id, ())
    if account is not None:
        accounts = tuple(a for a in accounts if account in (a.id, a.name))
    return Leaf(target=one, accounts=accounts, tier=TIERS.index(tier_of(snapshot, one.provider)), **more)


def target(snapshot: Snapshot, provider: Provider, model: str) -> Target:
    """The target for ``model`` of ``provider``, listed or not."""
    listed = snapshot.catalogue.model(provider.id, model)
    return Target(
        provider=provider,
        model=model,
        profile=snapshot.catalogue.profile_for(provider, model),
        format=(listed.format if listed is not None else None) or provider.format,
        price=listed.price if listed is not None else Price(),
    )


def tier_of(snapshot: Snapshot, provider: Provider) -> Tier:
    """The best tier among its accounts; the provider's own where they say nothing."""
    accounts = snapshot.accounts.get(provider.id, ())
    if len(accounts) == 1:
        return accounts[0].tier or provider.tier
    tiers = {account.tier for account in accounts}
    if not tiers or tiers == {None}:
        return provider.tier
    return min((tier or provider.tier for tier in tiers), key=TIERS.index)


def allows(grant: KeyGrant, provider: Provider, model: str) -> bool:
    """The key's limits permit this model of this provider by itself. A model entry may be ``prefix/model``, a bare id, or end in
    ``*``."""
    if grant.providers and not any(word in grant.providers for word in provider.prefixes()):
        return False
    if not grant.models:
        return not grant.combos
    names = {model, *(f"{word}/{model}" for word in provider.prefixes())}
    return any(_fits(entry, names) for entry in grant.models)


def _fits(entry: str, names: set[str]) -> bool:
    if entry.endswith("*"):
        return any(n.startswith(entry[:-1]) for n in names)
    return entry in names


def _prefixed(snapshot: Snapshot, provider: Provider, rest: str, name: str) -> Target:
    if not provider.passthrough_models and snapshot.catalogue.model(provider.id, rest) is None:
        raise ModelNotFound(_unknown(snapshot, name), param="model")
    found = target(snapshot, provider, rest)
    if not snapshot.usable(provider, found.format):
        raise ModelNotFound(
            f"{name} cannot be used by this version yet: it speaks {found.format}, "
            f"signed by {provider.auth_for(found.format).scheme}.",
            param="model",
            code="provider_not_supported",
        )
    if not snapshot.accounts.get(provider.id):
        raise not_connected(snapshot, provider)
    return found


def _bare_targets(snapshot: Snapshot, name: str) -> tuple[Target, ...]:
    """Connected providers that list ``name``, by tier."""
    found = [target(snapshot, p, name) for p in snapshot.catalogue.providers_for_bare_model(name) if snapshot.accounts.get(p.id)]
    if len(found) > 1:
        found.sort(key=lambda t: TIERS.index(tier_of(snapshot, t.provider)))
    return tuple(t for t in found if snapshot.usable(t.provider, t.format))


def chat_models(provider: Provider) -> list[Model]:
    """Its listed chat models that still exist."""
    return [model for model in provider.models if model.kind == "chat" and model.status != "gone"]


def _unknown(snapshot: Snapshot, name: str) -> str:
    own = [*snapshot.combos, *snapshot.aliases]
    near = get_close_matches(name[:100], own, 3, 0.6)
    near += snapshot.catalogue.nearest(name, 3 - len(near), prefer=frozenset(p.id for p in snapshot.connected_providers()))
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return f"The model {name!r} does not exist or no connected provider serves it.{hint}"
