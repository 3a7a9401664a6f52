"""One fuzz target under Atheris: ``python tests/fuzz/target.py NAME [libFuzzer options] [corpus …]``. Started by run.py."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["omniroute.translation"], enable_loader_override=False):
    from fuzz.cases import CASES


def main() -> None:
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, CASES[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
