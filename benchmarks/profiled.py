"""Runs a module as ``python -m`` does, with a profiler that SIGUSR1 starts and SIGUSR2 stops and saves to a file.

python benchmarks/profiled.py FILE -m omniroute serve …        started by profile_server.py
"""

from __future__ import annotations

import cProfile
import runpy
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def _main() -> None:
    file, option, module = sys.argv[1:4]
    if option != "-m":
        raise SystemExit(__doc__)
    sys.path[0] = str(Path.cwd())  # not this folder: its modules are no part of what is measured
    sys.argv[1:] = sys.argv[4:]
    profiler = cProfile.Profile(time.thread_time)  # a machine's other work is none of ours

    def begin(_number: int, _frame: FrameType | None) -> None:
        profiler.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profiler.disable()
        profiler.dump_stats(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
