"""Commands run in process, against a data directory of their own and no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from omniroute.cli import main
from omniroute.cli.state import State


@dataclass
class Run:
    """``run("keys", "list", input=…)``; ``json(…)`` adds --json and decodes; ``environ`` is what the commands see."""

    data_dir: Path
    environ: dict[str, str]

    def __call__(self, *args: str, input: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--data-dir", str(self.data_dir), *args], input=input, obj=State(environ=self.environ))

    def json(self, *args: str, input: str | None = None) -> Any:
        result = self(*args, "--json", input=input)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "data", {"HOME": str(tmp_path)})


@pytest.fixture
def fails() -> Callable[[Result, int, str], None]:
    """The command ended with that code, that word in one sentence on stderr, nothing on stdout and no traceback."""

    def check(result: Result, code: int, word: str) -> None:
        assert result.exit_code == code, (result.output, result.exception)
        assert word in result.stderr, result.stderr
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit)

    return check
