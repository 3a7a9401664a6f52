"""Filters of a bridge: they stand between its decoder and its encoder (or beside a pass-through)."""

from omniroute._fast.stream import Encoder

class Filter(Encoder):
    """Base of all filters."""

class Tee(Filter):
    """Gives ``copy`` (a Collector, say) every event as well."""

    def __init__(self, copy: Encoder) -> None: ...

class ThinkTags(Filter):
    """Makes ``<think>…</think>`` at the very start of the answer's text a thinking block, wherever the tags are cut."""
