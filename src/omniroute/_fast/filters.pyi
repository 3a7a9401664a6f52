"""Filters of a bridge: they stand between its decoder and its encoder (or beside a pass-through)."""

from collections.abc import Callable

from omniroute._fast.stream import Encoder

class Filter(Encoder):
    """Base of all filters."""

class Tee(Filter):
    """Gives ``copy`` (a Collector, say) every event as well, and calls ``done`` at the end of a complete answer, before its last
    bytes leave the bridge."""

    def __init__(self, copy: Encoder, done: Callable[[], object] | None = None) -> None: ...

class ThinkTags(Filter):
    """Makes ``<think>…</think>`` at the very start of the answer's text a thinking block, wherever the tags are cut."""
