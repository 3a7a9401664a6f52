"""Model name → the targets that can serve it. Pure; the nearest names are computed only when nothing fits."""

from __future__ import annotations

import msgspec

from omniroute.catalog.schema import TIERS, Model, Provider
from omniroute.core.errors import BadRequest, Forbidden, ModelNotFound, NotFound
from omniroute.ir.caps import Profile
from omniroute.routing.snapshot import KeyGrant, Snapshot


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a provider. ``model`` is the id behind the prefix; ``profile.model`` what the upstream calls it; ``format`` the
    wire format it speaks, its own where that differs from its provider's."""

    provider: Provider
    model: str
    profile: Profile
    format: str

    @property
    def name(self) -> str:
        return f"{self.provider.prefix}/{self.model}"


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Targets in the order to try, and how the name was understood (``prefix``, ``bare``)."""

    targets: tuple[Target, ...]
    decision: str


def resolve(snapshot: Snapshot, name: str, grant: KeyGrant | None = None) -> Resolution:
    """What ``name`` means now. ModelNotFound names the three nearest models; Forbidden when only the key stands in the way."""
    prefix, slash, rest = name.partition("/")
    provider = snapshot.catalogue.by_prefix(prefix) if slash and rest else None
    if provider is not None:
        if grant is not None and not allows(grant, provider, rest):
            raise _forbidden(name)
        return Resolution(targets=(_prefixed(snapshot, provider, rest, name),), decision="prefix")
    targets = _bare(snapshot, name)
    if not targets:
        raise ModelNotFound(_unknown(snapshot, name), param="model")
    permitted = tuple(t for t in targets if grant is None or allows(grant, t.provider, t.model))
    if not permitted:
        raise _forbidden(name)
    return Resolution(targets=permitted, decision="bare")


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


def target(snapshot: Snapshot, provider: Provider, model: str) -> Target:
    """The target for ``model`` of ``provider``, listed or not."""
    listed = snapshot.catalogue.model(provider.id, model)
    return Target(
        provider=provider,
        model=model,
        profile=snapshot.catalogue.profile_for(provider, model),
        format=(listed.format if listed is not None else None) or provider.format,
    )


def allows(grant: KeyGrant, provider: Provider, model: str) -> bool:
    """The key's limits permit this model of this provider. A model entry may be ``prefix/model``, a bare id, or end in ``*``."""
    if grant.providers and not any(word in grant.providers for word in provider.prefixes()):
        return False
    if not grant.models:
        return True
    names = {model, *(f"{word}/{model}" for word in provider.prefixes())}
    return any(_fits(entry, names) for entry in grant.models)


def _fits(entry: str, names: set[str]) -> bool:
    if entry.endswith("*"):
        return any(n.startswith(entry[:-1]) for n in names)
    return entry in names


def _forbidden(name: str) -> Forbidden:
    return Forbidden(f"This API key may not use the model {name!r}.", param="model", code="model_not_allowed")


def _prefixed(snapshot: Snapshot, provider: Provider, rest: str, name: str) -> Target:
    if snapshot.catalogue.model(provider.id, rest) is None and not provider.passthrough_models:
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
        raise ModelNotFound(
            f"{provider.name} is not connected: add an account with 'omniroute providers add {provider.id}'"
            + (f" or set {provider.env_keys[0]}." if provider.env_keys else "."),
            param="model",
            code="provider_not_connected",
        )
    return found


def _bare(snapshot: Snapshot, name: str) -> tuple[Target, ...]:
    """Connected providers that list ``name``, by tier."""
    found = [target(snapshot, p, name) for p in snapshot.catalogue.providers_for_bare_model(name) if snapshot.accounts.get(p.id)]
    found.sort(key=lambda t: TIERS.index(t.provider.tier))
    return tuple(t for t in found if snapshot.usable(t.provider, t.format))


def _unknown(snapshot: Snapshot, name: str) -> str:
    near = snapshot.catalogue.nearest(name, prefer=frozenset(p.id for p in snapshot.connected_providers()))
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return f"The model {name!r} does not exist or no connected provider serves it.{hint}"


def usable_models(snapshot: Snapshot, grant: KeyGrant | None = None) -> list[tuple[Provider, Model]]:
    """Every listed chat model that could be asked for now, in catalogue order."""
    found = []
    for provider in snapshot.connected_providers():
        for model in provider.models:
            if model.kind != "chat" or model.status == "gone":
                continue
            if not snapshot.usable(provider, model.format) or (grant is not None and not allows(grant, provider, model.id)):
                continue
            found.append((provider, model))
    return found
