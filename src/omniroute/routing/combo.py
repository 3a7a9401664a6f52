"""Combos, aliases and fallback chains as records, and the rules a set of them must keep. Pure; models are looked up elsewhere.

A combo is a named list of steps and a strategy that orders them. A step is a model, one account of a model, or another combo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from omniroute.catalog.nodes import check_proxy
from omniroute.catalog.tables import Complain, complain, decode_table
from omniroute.core.settings import suggestion

MAX_DEPTH = 5
MAX_STEPS = 100
MAX_RETRIES = 5
BUILTIN = "auto"
ALL_MODELS = "*"
Source = Literal["file", "stored", "builtin"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+/-]{0,98}[A-Za-z0-9_]|[A-Za-z0-9_]")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step: exactly one of ``model`` and ``combo``. ``account`` (name or id) narrows a model to one account.

    ``weight`` is its share where the strategy draws lots; ``timeout`` the seconds to the first token, ``retries`` how often it is
    tried again in place (None: the combo's, then the global setting); ``tags`` are for people.
    """

    model: str | None = None
    combo: str | None = None
    account: str | None = None
    weight: float = 1.0
    timeout: float | None = None
    retries: int | None = None
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it leads to."""
        return self.combo or self.model or ""


class Combo(msgspec.Struct, frozen=True, kw_only=True):
    """``strategy`` None means the ``combo_strategy`` setting; ``options`` are values for that strategy's fields.

    ``timeout`` and ``retries`` hold for steps that say nothing; ``fallback`` is tried, in order, when all steps failed.
    ``proxy``: the outbound proxy URL of its calls, or ``direct``.
    """

    id: str
    name: str
    steps: tuple[Step, ...]
    strategy: str | None = None
    options: Mapping[str, Any] = {}
    fallback: tuple[Step, ...] = ()
    timeout: float | None = None
    retries: int | None = None
    proxy: str | None = None
    source: Source = "stored"


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """``pattern`` may hold ``*`` and ``?``. ``target`` is a model or combo; ``prefix/*`` keeps the name that was asked for."""

    pattern: str
    target: str
    source: Source = "stored"


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What else to try, in order, when a model whose name fits ``pattern`` cannot be had."""

    pattern: str
    steps: tuple[Step, ...]
    source: Source = "stored"


class ComboTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A combo as people write it, in the config file or in JSON. A step may be just a name."""

    steps: tuple[str | Step, ...]
    strategy: str | None = None
    options: dict[str, Any] = {}
    fallback: tuple[str | Step, ...] = ()
    timeout: float | None = None
    retries: int | None = None
    proxy: str | None = None


def is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def fits(pattern: str, name: str) -> bool:
    """Only ``*`` and ``?`` are special."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def most_specific_first(patterns: Iterable[str]) -> list[str]:
    """Exact names, then patterns by how many characters they fix, most first; equal ones by name."""
    return sorted(patterns, key=lambda p: (is_pattern(p), -len(p.replace("*", "").replace("?", "")), -len(p), p))


def combo_from(
    name: str,
    table: Mapping[str, Any],
    combos: frozenset[str],
    *,
    id: str | None = None,
    source: Source = "stored",
    error: Complain = complain,
) -> Combo:
    """The combo that ``table`` describes; ``combos`` holds the names of all there are (a bare step name may be one).

    Strategies are checked by ``strategies.checked_options``. ConfigError, made by ``error(sentence, *path)``.
    """
    check_name(name, error)
    given = decode_table(ComboTable, table, error)
    if not given.steps:
        raise error("steps: a combo needs at least one step", "steps")
    check_timing(given.timeout, given.retries, error)
    return Combo(
        id=id or name,
        name=name,
        steps=steps_from(given.steps, "steps", combos - {name}, error),
        strategy=given.strategy,
        options=given.options,
        fallback=steps_from(given.fallback, "fallback", combos - {name}, error),
        timeout=given.timeout,
        retries=given.retries,
        proxy=_proxy(given.proxy, error),
        source=source,
    )


def _proxy(proxy: str | None, error: Complain) -> str | None:
    checked = check_proxy(proxy, error)
    if checked is not None and "@" in checked:
        raise error("proxy: must not hold a user or password; an API key's or an account's proxy may", "proxy")
    return checked


def check_name(name: str, error: Complain = complain) -> None:
    """ConfigError when nobody could ask for a combo of that name."""
    if not _NAME.fullmatch(name):
        raise error(f"the combo name {name!r} must have 1 to 100 letters, digits and any of _.:@+/- inside")
    if name == BUILTIN or name.startswith(f"{BUILTIN}/"):
        raise error(f"the combo name {name!r} is taken: {BUILTIN} and {BUILTIN}/… are built in")


def steps_from(given: Sequence[str | Step], field: str, combos: frozenset[str], error: Complain = complain) -> tuple[Step, ...]:
    """Checked steps. A bare name that is a combo's means the combo, else a model."""
    if len(given) > MAX_STEPS:
        raise error(f"{field}: {len(given)} steps are too many, {MAX_STEPS} at most", field)
    made = []
    for position, one in enumerate(given):
        at = (field, str(position))
        if isinstance(one, str):
            one = Step(combo=one) if one in combos else Step(model=one)
        _check_step(one, f"{field}.{position}", at, error)
        made.append(one)
    return tuple(made)


def _check_step(step: Step, where: str, at: tuple[str, ...], error: Complain) -> None:
    if (step.model is None) == (step.combo is None):
        raise error(f"{where}: a step names either a model or a combo", *at)
    name = step.name
    if not name or len(name) > 300 or not name.isprintable() or name != name.strip():
        raise error(f"{where}: {name[:60]!r} is not the name of a model or combo", *at)
    if is_pattern(name) and not _all_of_a_provider(name):
        raise error(f"{where}: {name!r}: only PREFIX/* may stand for several models", *at)
    if step.account is not None and step.combo is not None:
        raise error(f"{where}: an account belongs to a model, not to a combo", *at, "account")
    if not 0 < step.weight <= 1_000_000:
        raise error(f"{where}: weight must be above 0 and at most 1000000", *at, "weight")
    check_timing(step.timeout, step.retries, error, *at)


def check_timing(timeout: float | None, retries: int | None, error: Complain, *at: str) -> None:
    """ConfigError about a time that is not positive, or retries that are not 0 to MAX_RETRIES."""
    where = f"{'.'.join(at)}: " if at else ""
    if timeout is not None and not 0 < timeout <= 86400:
        raise error(f"{where}timeout must be above 0 and at most 86400 seconds", *at, "timeout")
    if retries is not None and not 0 <= retries <= MAX_RETRIES:
        raise error(f"{where}retries must be 0 to {MAX_RETRIES}", *at, "retries")


def _all_of_a_provider(name: str) -> bool:
    prefix, slash, rest = name.partition("/")
    return bool(prefix and slash) and rest == ALL_MODELS and not is_pattern(prefix)


def check_alias(pattern: str, target: str, error: Complain = complain) -> None:
    """ConfigError when the pattern fits nothing or the target could not be a name."""
    check_pattern(pattern, error)
    check_pattern(target, error)
    if is_pattern(target) and not _all_of_a_provider(target):
        raise error(f"{target!r}: a target is a model, a combo, or PREFIX/*", pattern)
    if target == pattern:
        raise error(f"the alias {pattern!r} leads to itself", pattern)


def check_pattern(text: str, error: Complain = complain) -> None:
    """ConfigError when the text could not be a name or a pattern of names."""
    if not text or len(text) > 300 or not text.isprintable() or text != text.strip():
        raise error(f"{text[:60]!r} is not a name", text)


def check_set(combos: Mapping[str, Combo], name: str, error: Complain = complain) -> None:
    """ConfigError when the combo ``name`` names one that is not there, comes back to itself or is nested too deeply."""
    _walk(combos, name, (name,), (), error)


def _walk(combos: Mapping[str, Combo], name: str, path: tuple[str, ...], first: tuple[str, ...], error: Complain) -> None:
    """``first`` is the step of the outermost combo by which we came here: what is wrong is told about it."""
    for field, steps in (("steps", combos[name].steps), ("fallback", combos[name].fallback)):
        for position, step in enumerate(steps):
            if step.combo is None:
                continue
            at = first or (field, str(position))
            if step.combo not in combos:
                raise error(f"there is no combo {step.combo!r}{suggestion(step.combo, list(combos))}", *at)
            if step.combo in path:
                raise error(f"the combo comes back to itself: {' -> '.join((*path, step.combo))}", *at)
            if len(path) >= MAX_DEPTH:
                raise error(f"combos are nested more than {MAX_DEPTH} deep: {' -> '.join((*path, step.combo))}", *at)
            _walk(combos, step.combo, (*path, step.combo), at, error)


def users_of(combos: Mapping[str, Combo], name: str) -> list[str]:
    """Names of the combos with a step that leads to ``name``."""
    return [c.name for c in combos.values() if any(s.combo == name for s in (*c.steps, *c.fallback))]
