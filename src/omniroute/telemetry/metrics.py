"""The metrics page: families that are read when somebody asks, in Prometheus' text format or as OpenMetrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from omniroute.telemetry.histogram import Histogram

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_POWERS = range(10, 28)  # 1 ms to 134 s, each twice the one before
_EDGES = tuple(repr(2**power / 1e6) for power in _POWERS)


class Sample(NamedTuple):
    """One line. ``suffix`` comes behind the family's name, such as ``_sum`` of a histogram."""

    value: float
    labels: Labels = ()
    suffix: str = ""


Read = Callable[[], float | Iterable[Sample]]


class _Family(NamedTuple):
    name: str
    kind: Kind
    help: str
    read: Read


class Metrics:
    """``register`` what there is; ``render`` asks it. Nothing is kept here, so nothing has to be counted here."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}

    def register(self, name: str, read: Read, *, kind: Kind = "gauge", help: str) -> None:
        """Add a family; ``read`` gives one number or samples. ValueError for a name that is taken or does not fit the kind."""
        if name in self._families:
            raise ValueError(f"metric {name} is registered twice")
        if (kind == "counter") != name.endswith("_total"):
            raise ValueError(f"metric {name}: counters, and only they, end in _total")
        self._families[name] = _Family(name, kind, help, read)

    def render(self, *, openmetrics: bool = False) -> str:
        """The whole page."""
        lines = [line for family in self._families.values() for line in _lines(family, openmetrics)]
        if openmetrics:
            lines.append("# EOF")
        return "\n".join(lines) + "\n"


def seconds(histogram: Histogram, labels: Labels = ()) -> Iterator[Sample]:
    """The samples of a histogram family, in seconds."""
    for edge, count in zip(_EDGES, histogram.below(_POWERS), strict=True):
        yield Sample(count, (*labels, ("le", edge)), "_bucket")
    yield Sample(histogram.count, (*labels, ("le", "+Inf")), "_bucket")
    yield Sample(histogram.total / 1000, labels, "_sum")
    yield Sample(histogram.count, labels, "_count")


def _lines(family: _Family, openmetrics: bool) -> Iterator[str]:
    # OpenMetrics describes a counter without its ending.
    described = family.name.removesuffix("_total") if openmetrics else family.name
    yield f"# HELP {described} {_escaped(family.help)}"
    yield f"# TYPE {described} {family.kind}"
    found = family.read()
    for value, labels, suffix in (Sample(found),) if isinstance(found, (int, float)) else found:
        inside = ",".join(f'{name}="{_escaped(text, quotes=True)}"' for name, text in labels)
        yield f"{family.name}{suffix}{{{inside}}} {_number(value)}" if inside else f"{family.name}{suffix} {_number(value)}"


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    # A name that is no text (half of a surrogate pair) must not take the page down.
    return (text.replace('"', '\\"') if quotes else text).encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return repr(value)
