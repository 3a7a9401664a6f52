"""``omniroute doctor``: what is wrong here, and how to mend it."""

from __future__ import annotations

import asyncio

import click

from omniroute.cli.failure import DEGRADED, FAILURE
from omniroute.cli.options import Command
from omniroute.cli.state import State, pass_state
from omniroute.core.ids import SystemClock
from omniroute.operations.doctor import examine, mend
from omniroute.operations.finding import Finding

_MARKS = {"ok": ("ok", "green"), "warning": ("warn", "yellow"), "error": ("FAIL", "red")}


@click.command(
    cls=Command,
    help="Examine this installation: program, settings, data directory, keys, port, server. Changes nothing without --fix. "
    "Exit code 1 when something is wrong, 5 with --strict when there are warnings.",
    examples=("omniroute doctor", "omniroute doctor --json", "omniroute doctor --fix", "omniroute doctor --strict --quiet"),
)
@click.option("--strict", is_flag=True, help="Exit code 5 when there are warnings.")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely (file modes).")
@click.option("--port", type=int, help="Look at this port instead of the configured one.")
@pass_state
@click.pass_context
def doctor(ctx: click.Context, state: State, strict: bool, fix: bool, port: int | None) -> None:
    flags = {**state.flags(), **({} if port is None else {"port": port})}

    def look() -> list[Finding]:
        return asyncio.run(examine(flags=flags, environ=state.environ, config=state.config, clock=SystemClock()))

    findings = look()
    if fix:
        done = mend(findings)
        for sentence in done:
            state.note(sentence)
        findings = look() if done else findings
    counts = {severity: sum(1 for f in findings if f.severity == severity) for severity in _MARKS}
    shown = findings if not state.quiet else [f for f in findings if f.severity != "ok"]
    state.emit(
        {"ok": not counts["error"], "counts": counts, "findings": [f.as_dict() for f in findings]},
        _text(shown, counts, state.quiet),
    )
    ctx.exit(FAILURE if counts["error"] else DEGRADED if strict and counts["warning"] else 0)


def _text(findings: list[Finding], counts: dict[str, int], quiet: bool) -> str:
    width = max((len(f.id) for f in findings), default=0)
    lines = []
    for finding in findings:
        word, color = _MARKS[finding.severity]
        lines.append(f"{click.style(f'{word:<4}', fg=color)}  {finding.id:<{width}}  {finding.what}")
        if finding.fix is not None:
            lines.append(
                f"{'':<{width + 8}}-> {finding.fix}{'  (or: omniroute doctor --fix)' if finding.mend is not None else ''}"
            )
    if not quiet:
        lines.append(f"\n{counts['ok']} fine, {counts['warning']} warnings, {counts['error']} errors")
    return "\n".join(lines)
