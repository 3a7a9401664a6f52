"""What can be asked for now: the content of every model list."""

from __future__ import annotations

from omniroute.catalog.schema import Model, Provider
from omniroute.core.errors import Forbidden, ModelNotFound
from omniroute.routing.combo import Combo
from omniroute.routing.resolve import Target, allows, chat_models, resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot


def usable_combos(snapshot: Snapshot, grant: KeyGrant | None = None) -> list[tuple[Combo, Target]]:
    """Every combo that could be asked for now, with the target that stands first in it."""
    found = []
    for combo in snapshot.combos.values():
        try:
            found.append((combo, resolve(snapshot, combo.name, grant).targets[0]))
        except (ModelNotFound, Forbidden):
            continue
    return found


def usable_models(snapshot: Snapshot, grant: KeyGrant | None = None) -> list[tuple[Provider, Model]]:
    """Every listed chat model that could be asked for now, in catalogue order."""
    found = []
    for provider in snapshot.connected_providers():
        for model in chat_models(provider):
            if not snapshot.usable(provider, model.format) or (grant is not None and not allows(grant, provider, model.id)):
                continue
            found.append((provider, model))
    return found
