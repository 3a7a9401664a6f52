"""Runs a module as ``python -m`` does, without telemetry: tries are neither priced, counted nor written down.

python benchmarks/unrecorded.py -m omniroute serve …        started by recording.py
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from omniroute.core.ledger import LedgerRow
from omniroute.gateway.ports import Running
from omniroute.gateway.report import Report
from omniroute.server.ledger import Ledger


def _begin(ledger: Ledger, running: Running) -> None:
    """A number would tell it from one that has not begun."""
    running.row_id = 1


def _record(ledger: Ledger, row: LedgerRow) -> None:
    """Nothing is remembered."""


def _main() -> None:
    option, module = sys.argv[1:3]
    if option != "-m":
        raise SystemExit(__doc__)
    sys.path[0] = str(Path.cwd())
    sys.argv[1:] = sys.argv[3:]
    empty = LedgerRow(
        request_id="", attempt=1, started_at=0.0, provider="", model="", client_format="", upstream_format="", stream=False,
        status=200, outcome="ok",
    )  # fmt: skip
    Ledger.begin, Ledger.record = _begin, _record  # type: ignore[method-assign]
    Report.settle = lambda report, recorder, *, aborted=False: empty  # type: ignore[method-assign]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
