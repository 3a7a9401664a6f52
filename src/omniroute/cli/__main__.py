"""``python -m omniroute.cli``."""

from __future__ import annotations

from omniroute.cli import main

if __name__ == "__main__":
    main(prog_name="omniroute")
