"""A run beside a saved one. Machines drift, so each figure is also compared relative to nginx of its own run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]
_FIGURES = (("cpu_us", "CPU a request"), ("chunk_us", "CPU a chunk"), ("first_p50_ms", "first token p50"))


class Line(NamedTuple):
    """``ratio`` is now over then: 1 = no change, less is better. ``relative``: the same of the ratios to nginx, where it ran."""

    scenario: str
    figure: str
    then: float
    now: float
    ratio: float
    relative: float | None


def lines(now: Record, then: Record) -> Iterator[Line]:
    """Every figure of ours that both records have."""
    for name, scenario in now["scenarios"].items():
        before = then["scenarios"].get(name)
        if before is None or "omniroute" not in scenario["targets"] or "omniroute" not in before["targets"]:
            continue
        for key, title in _FIGURES:
            ours, old = (each["targets"]["omniroute"]["min"].get(key) for each in (scenario, before))
            if not ours or not old or (key == "cpu_us" and "chunk_us" in scenario["targets"]["omniroute"]["min"]
                                       and scenario["loop"] == "streams"):  # fmt: skip
                continue
            nginx, old_nginx = (each["targets"].get("nginx", {}).get("min", {}).get(key) for each in (scenario, before))
            relative = (ours / nginx) / (old / old_nginx) if nginx and old_nginx else None
            yield Line(name, title, old, ours, ours / old, relative)


def table(now: Record, then: Record) -> str:
    """As text, with what the saved run was."""
    about = then["about"]
    head = f"against {about['commit']} of {about['date']}{' (' + about['note'] + ')' if about['note'] else ''}"
    rows = [f"{head}\n{'scenario':<40}{'figure':<18}{'then':>10}{'now':>10}{'now/then':>10}{'per nginx':>11}"]
    for line in lines(now, then):
        relative = "-" if line.relative is None else f"{line.relative:.2f}"
        rows.append(f"{line.scenario:<40}{line.figure:<18}{line.then:>10.2f}{line.now:>10.2f}{line.ratio:>10.2f}{relative:>11}")
    return "\n".join(rows) if len(rows) > 1 else f"{head}\nno scenario is in both"
