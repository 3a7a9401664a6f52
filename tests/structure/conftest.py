"""One line about the size of the house after every run that looked at it."""

from __future__ import annotations

from statistics import median

import pytest

from structure.source_tree import cython_files, python_files


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    parts = []
    for what, paths in (("Python", python_files()), ("Cython", cython_files())):
        sizes = [len(path.read_text().splitlines()) for path in paths if path.name != "__init__.py"]
        if sizes:
            parts.append(f"{len(sizes)} {what} modules, median {median(sizes):.0f} lines, largest {max(sizes)}")
    terminalreporter.write_line(f"source: {'; '.join(parts)}")
