"""Runs OmniRoute under a plain ASGI server: uvicorn's h11 protocol, which knows nothing of ours, so that the gateway falls back
to ordinary sends and to a task that awaits the client's leaving.

python benchmarks/plain_asgi.py -m omniroute serve …        started by probes.py
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from uvicorn.protocols.http.h11_impl import H11Protocol

from omniroute.server import lifecycle


def _main() -> None:
    option, module = sys.argv[1:3]
    if option != "-m":
        raise SystemExit(__doc__)
    sys.path[0] = str(Path.cwd())
    sys.argv[1:] = sys.argv[3:]
    lifecycle.LimitedProtocol = H11Protocol  # type: ignore[misc,assignment] - the one place where the listener names its protocol
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
