"""The config file is taken over anew while the server runs; a wrong one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.core.errors import ConfigError
from omniroute.core.ids import FakeClock
from omniroute.routing.resolve import resolve
from omniroute.server.installation import Installation, Launch

GOOD = '[combos.main]\nsteps = ["demo/echo"]\n'


async def test_a_changed_file_swaps_the_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    launch = Launch(flags={"data_dir": str(tmp_path / "data")}, environ={}, config=path)
    installation = await Installation.open(launch, FakeClock())
    try:
        before = installation.snapshot
        path.write_text(f'{GOOD}[aliases]\n"gpt-*" = "main"\n[fallback]\n"*" = ["demo/slow"]\n')
        await installation.reread()
        assert [t.name for t in resolve(installation.snapshot, "gpt-9").targets] == ["demo/echo", "demo/slow"]
        assert not before.wildcards, "requests under way keep the snapshot they began with"
        path.write_text('[combos.main]\nsteps = ["main2"]\nstrategy = "nope"\n')
        with pytest.raises(ConfigError, match=r"config.toml:3: strategy: 'nope'"):
            await installation.reread()
        assert "gpt-*" in {alias.pattern for alias in installation.snapshot.wildcards}
        await installation.reload()
        assert "gpt-*" in {alias.pattern for alias in installation.snapshot.wildcards}, "the good file stays in force"
    finally:
        await installation.close()
