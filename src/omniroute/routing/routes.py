"""Routes: the combos, aliases and fallback chains in force, from the config file, the store and the product itself. Pure.

What is wrong in the file is an error that names the line. What is wrong in the store, because something it leaned on is gone, is
left out and told: it must not keep the rest from working.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from omniroute.catalog.tables import Complain, complain
from omniroute.core.configfile import ConfigFile
from omniroute.core.errors import ConfigError
from omniroute.core.settings import suggestion
from omniroute.routing.builtin import BUILTIN_NAMES, builtin_combos
from omniroute.routing.combo import (
    Alias,
    Chain,
    Combo,
    Step,
    check_alias,
    check_set,
    combo_from,
    is_pattern,
    most_specific_first,
    steps_from,
)
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.strategies import checked_options


class StoredRoutes(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds: (id, name, definition) of combos, pattern → target, pattern → steps as written."""

    combos: Sequence[tuple[str, str, Mapping[str, Any]]] = ()
    aliases: Mapping[str, str] = {}
    chains: Mapping[str, Sequence[Any]] = {}


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """``problems``: (what, sentence) about what was left out or leads nowhere."""

    combos: Mapping[str, Combo] = {}
    aliases: Mapping[str, Alias] = {}
    chains: Mapping[str, Chain] = {}
    problems: tuple[tuple[str, str], ...] = ()


def build_routes(file: ConfigFile | None, stored: StoredRoutes, builtin: Iterable[Combo] = ()) -> Routes:
    """Everything together; of two with one name the file's stands. ConfigError about the file."""
    problems: list[tuple[str, str]] = []
    given: Mapping[str, Mapping[str, Any]] = file.combos if file is not None else {}
    builtins = {combo.name: combo for combo in builtin}
    names = frozenset((*given, *builtins, *(name for _, name, _ in stored.combos)))
    combos: dict[str, Combo] = dict(builtins)
    for id, name, definition in stored.combos:
        if name in given:
            problems.append((f"combo {name}", "the config file has a combo of that name, which stands"))
            continue
        try:
            combos[name] = checked_combo(name, definition, names, id=id)
        except ConfigError as error:
            problems.append((f"combo {name}", error.message))
    for name, table in given.items():
        combos[name] = checked_combo(name, table, names, source="file", error=_at(file, "combos", name))
    for name in given:
        check_set(combos, name, _at(file, "combos", name))
    for name in [name for name, combo in combos.items() if combo.source == "stored"]:
        try:
            check_set(combos, name)
        except ConfigError as wrong:
            problems.append((f"combo {name}", wrong.message))
            del combos[name]
    aliases, chains = _aliases(file, stored, problems), _chains(file, stored, names, problems)
    return Routes(combos=combos, aliases=aliases, chains=chains, problems=tuple(problems))


def checked_combo(
    name: str,
    definition: Mapping[str, Any],
    names: frozenset[str],
    *,
    id: str | None = None,
    source: Any = "stored",
    error: Complain = complain,
) -> Combo:
    """One combo with the options of its strategy complete. ConfigError."""
    combo = combo_from(name, definition, names, id=id, source=source, error=error)
    if combo.strategy is None:
        if combo.options:
            raise error("options: they belong to a strategy; name it too", "options")
        return combo
    return msgspec.structs.replace(combo, options=checked_options(combo.strategy, combo.options, error))


def check_file(file: ConfigFile) -> None:
    """What can be said of the file's routes without the store. ConfigError names the line."""
    build_routes(file, StoredRoutes(), (Combo(id=name, name=name, steps=(), source="builtin") for name in BUILTIN_NAMES))
    for place, tables in (("nodes", file.nodes), ("providers", file.providers)):
        for name, table in tables.items():
            error = _at(file, place, name)
            strategy, options = table.get("strategy"), table.get("options", {})
            if strategy is not None:
                checked_options(strategy, options, error)
            elif options:
                raise error("options: they belong to a strategy; name it too", "options")


def with_routes(snapshot: Snapshot, file: ConfigFile | None, stored: StoredRoutes) -> Snapshot:
    """``snapshot`` with everything that can be asked for by another name than a model's."""
    routes = build_routes(file, stored, builtin_combos(snapshot))
    routes = msgspec.structs.replace(routes, problems=(*routes.problems, *unknown_names(snapshot, routes)))
    ordered = [routes.aliases[p] for p in most_specific_first(p for p in routes.aliases if is_pattern(p))]
    return msgspec.structs.replace(
        snapshot,
        combos=routes.combos,
        aliases={pattern: alias for pattern, alias in routes.aliases.items() if not is_pattern(pattern)},
        wildcards=tuple(ordered),
        fallbacks=tuple(routes.chains[p] for p in most_specific_first(routes.chains)),
        problems=routes.problems,
    )


def unknown_names(snapshot: Snapshot, routes: Routes) -> list[tuple[str, str]]:
    """What leads to no provider and no model that is known, with the likeliest meaning."""
    found = []
    for combo in routes.combos.values():
        if combo.source != "builtin":
            found += [
                (f"combo {combo.name}", text) for step in (*combo.steps, *combo.fallback) if (text := _unknown(snapshot, step))
            ]
    for chain in routes.chains.values():
        found += [(f"fallback {chain.pattern}", text) for step in chain.steps if (text := _unknown(snapshot, step))]
    for alias in routes.aliases.values():
        if alias.target not in routes.combos and (text := _unknown(snapshot, Step(model=alias.target))):
            found.append((f"alias {alias.pattern}", text))
    return found


def _unknown(snapshot: Snapshot, step: Step) -> str | None:
    if step.model is None:
        return None
    prefix, slash, _ = step.model.partition("/")
    catalogue = snapshot.catalogue
    if slash and catalogue.by_prefix(prefix) is not None:
        return None
    if catalogue.providers_for_bare_model(step.model):
        return None
    if slash:
        return f"{step.model}: there is no provider {prefix!r}{suggestion(prefix, list(catalogue.prefixes()))}"
    return f"{step.model}: there is no such combo and no provider lists such a model"


def _aliases(file: ConfigFile | None, stored: StoredRoutes, problems: list[tuple[str, str]]) -> dict[str, Alias]:
    made: dict[str, Alias] = {}
    for pattern, target in stored.aliases.items():
        made[pattern] = Alias(pattern=pattern, target=target)
    for pattern, target in file.aliases.items() if file is not None else ():
        error = _at(file, "aliases")
        if not isinstance(target, str):
            raise error(f"{pattern}: must be the name of a model or combo, as text", pattern)
        check_alias(pattern, target, error)
        if pattern in made:
            problems.append((f"alias {pattern}", "the config file has an alias of that name, which stands"))
        made[pattern] = Alias(pattern=pattern, target=target, source="file")
    return made


def _chains(
    file: ConfigFile | None, stored: StoredRoutes, names: frozenset[str], problems: list[tuple[str, str]]
) -> dict[str, Chain]:
    made: dict[str, Chain] = {}
    for pattern, steps in stored.chains.items():
        try:
            made[pattern] = Chain(pattern=pattern, steps=chain_steps(steps, names))
        except ConfigError as wrong:
            problems.append((f"fallback {pattern}", wrong.message))
    for pattern, steps in file.fallback.items() if file is not None else ():
        error = _at(file, "fallback", pattern)
        if pattern in made:
            problems.append((f"fallback {pattern}", "the config file has a chain for it, which stands"))
        made[pattern] = Chain(pattern=pattern, steps=chain_steps(steps, names, error), source="file")
    return made


def chain_steps(steps: object, names: frozenset[str], error: Complain = complain) -> tuple[Step, ...]:
    """The steps of a fallback chain as written: a list of names or tables. ConfigError."""
    try:
        given = msgspec.convert(steps, tuple[str | Step, ...], strict=True)
    except msgspec.ValidationError as wrong:
        raise error(f"a fallback chain is a list of models and combos: {wrong}") from None
    if not given:
        raise error("a fallback chain needs at least one step")
    made = steps_from(given, "steps", names, error)
    for step in made:
        if step.combo is not None and step.combo not in names:
            raise error(f"there is no combo {step.combo!r}{suggestion(step.combo, list(names))}")
    return made


def _at(file: ConfigFile | None, *base: str) -> Complain:
    return complain if file is None else partial(_complaint, file, base)


def _complaint(file: ConfigFile, base: tuple[str, ...], message: str, *path: str) -> ConfigError:
    return file.error(message, *base, *path)
