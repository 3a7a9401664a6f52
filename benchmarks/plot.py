"""Small SVG plots without a library: grouped bars and lines. They follow the reader's light or dark setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH = 760
_LEFT, _RIGHT = 230, 90
_COLOURS: Mapping[str, tuple[str, str]] = {  # light, dark
    "omniroute": ("#0969da", "#4493f8"),
    "nginx": ("#57606a", "#9198a1"),
    "direct": ("#8c959f", "#6e7681"),
    "aiohttp": ("#bc4c00", "#db6d28"),
    "portkey": ("#8250df", "#ab7df8"),
    "litellm": ("#cf222e", "#f85149"),
    "omniroute-npm": ("#9a6700", "#d29922"),
}
_OTHER = ("#1a7f37", "#3fb950")


def _style(names: Sequence[str]) -> str:
    light = "".join(f".{name}{{fill:{_COLOURS.get(name, _OTHER)[0]};stroke:{_COLOURS.get(name, _OTHER)[0]}}}" for name in names)
    dark = "".join(f".{name}{{fill:{_COLOURS.get(name, _OTHER)[1]};stroke:{_COLOURS.get(name, _OTHER)[1]}}}" for name in names)
    text = "text{font:12px system-ui,sans-serif;stroke:none}"
    return (
        f"<style>{text}.ink{{fill:#1f2328}}.rule{{stroke:#d1d9e0;fill:none}}.line{{fill:none!important;stroke-width:2}}{light}"
        f"@media(prefers-color-scheme:dark){{.ink{{fill:#e6edf3}}.rule{{stroke:#3d444d}}{dark}}}</style>"
    )


def _svg(height: float, title: str, names: Sequence[str], parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return "\n".join(
        [head, _style(names), f'<text class="ink" x="8" y="18" font-weight="600">{escape(title)}</text>', *parts, "</svg>\n"]
    )


def _text(x: float, y: float, words: str, anchor: str = "start", kind: str = "ink") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def number(value: float) -> str:
    """Three digits for people."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title: str, unit: str, groups: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """One group of bars per row of ``groups`` (label, value by name). Logarithmic when the values span more than hundredfold."""
    names = list(dict.fromkeys(name for _, values in groups for name in values))
    all_values = [value for _, values in groups for value in values.values() if value > 0]
    highest, lowest = max(all_values), min(all_values)
    room = _WIDTH - _LEFT - _RIGHT
    logarithmic = highest / lowest > 100
    floor = lowest / 2

    def length(value: float) -> float:
        if logarithmic:
            return room * math.log(max(value, floor) / floor) / math.log(highest / floor)
        return room * max(value, 0.0) / highest

    parts, y = [], 34.0
    for name in names:
        parts += [f'<rect class="{name}" x="{_LEFT + names.index(name) * 95}" y="{y - 9}" width="10" height="10"/>']
        parts.append(_text(_LEFT + names.index(name) * 95 + 15, y, name))
    parts.append(_text(8, y, f"{unit}{', logarithmic' if logarithmic else ''}"))
    y += 12
    for label, values in groups:
        y += 8
        parts.append(_text(_LEFT - 8, y + 7 * len(values) + 3, label, "end"))
        for name, value in values.items():
            parts.append(f'<rect class="{name}" x="{_LEFT}" y="{y:.1f}" width="{max(1.0, length(value)):.1f}" height="11"/>')
            parts.append(_text(_LEFT + length(value) + 5, y + 10, number(value)))
            y += 14
    return _svg(y + 10, title, names, parts)


def lines(
    title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[tuple[float, float]]], from_zero: bool = True
) -> str:
    """One line per name through its (x, y) points; a single point is a dot."""
    points = [point for line in series.values() for point in line]
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0, y1 = (0.0 if from_zero else min(y for _, y in points)), max(y for _, y in points)
    left, top, width, height = 60, 50, _WIDTH - 60 - 20, 180

    def at(point: tuple[float, float]) -> tuple[float, float]:
        x = left + (width * (point[0] - x0) / (x1 - x0) if x1 > x0 else width / 2)
        return x, top + height - (height * (point[1] - y0) / (y1 - y0) if y1 > y0 else height / 2)

    parts = [_text(8, 34, f"{y_title} over {x_title}")]
    for share in (0, 0.5, 1):
        value = y0 + (y1 - y0) * share
        y = top + height * (1 - share)
        parts.append(f'<path class="rule" d="M{left} {y:.1f}H{left + width}"/>')
        parts.append(_text(left - 6, y + 4, number(value), "end"))
    parts += [_text(left, top + height + 18, number(x0)), _text(left + width, top + height + 18, number(x1), "end")]
    for place, (name, line) in enumerate(series.items()):
        ends = [at(point) for point in line]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
        parts.append(f'<path class="{name} line" d="{path}"/>')
        parts += [f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in ends] if len(ends) < 40 else []
        parts.append(_text(left + width - place * 100, 34, name, "end", f"ink {name}"))
    return _svg(top + height + 30, title, list(series), parts)
