"""Writes the settings tables of docs/configuration.md from the records in ``omniroute.core.settings``: make docs."""

from __future__ import annotations

from pathlib import Path

from omniroute.core.settings import SETTINGS, Setting

PAGE = Path(__file__).with_name("configuration.md")
BEGIN, END = "<!-- settings: begin (written by make docs) -->", "<!-- settings: end -->"


def rendered(page: str) -> str:
    """``page`` with everything between the two marks replaced by the present tables. ValueError if a mark is missing."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{head}{BEGIN}\n\n{_tables()}\n{END}{tail}"


def _tables() -> str:
    sections = dict.fromkeys(setting.section for setting in SETTINGS.values())
    return "\n".join(_table(section) for section in sections)


def _table(section: str) -> str:
    head = f"### {section.capitalize()}\n\n| setting | environment | default | what it does |\n| --- | --- | --- | --- |\n"
    return head + "".join(_row(setting) for setting in SETTINGS.values() if setting.section == section)


def _row(setting: Setting) -> str:
    environment = ", ".join(f"`{name}`" for name in setting.env)
    notes = [setting.help]
    if setting.choices:
        notes.append(f"One of {', '.join(f'`{choice}`' for choice in setting.choices)}.")
    if setting.restart:
        notes.append("Takes effect at the next start.")
    return f"| `{setting.name}` | {environment} | {_default(setting)} | {' '.join(notes)} |\n"


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default == ():
        return "none"
    if isinstance(setting.default, bool):
        return "`true`" if setting.default else "`false`"
    if setting.type == "size":
        return f"`{setting.default // 1024**2}MiB`"
    number = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default)
    return f"`{number}` {setting.unit}" if setting.unit else f"`{number}`"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
