"""The command line. ``main`` is the console script."""

from __future__ import annotations

from omniroute.cli.root import main

__all__ = ["main"]
