"""Status, doctor, config, password, completion, version, and the rules every command keeps."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from omniroute import __version__
from omniroute.cli import main
from omniroute.cli.reference import render
from omniroute.core.ids import SystemClock
from omniroute.core.settings import SETTINGS
from omniroute.operations import runtime
from omniroute.storage import Database, PasswordStore

ROOT = Path(__file__).parents[3]


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in sorted(group.commands.items()):
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


def test_status_without_a_server_is_3(run: Any, fails: Any, tmp_path: Path) -> None:
    fails(run("status"), 3, "no OmniRoute server is running")
    fails(run("status", "--json"), 3, "no OmniRoute server")
    assert not run.data_dir.exists()


def test_a_left_over_runtime_file_means_no_server(run: Any, fails: Any) -> None:
    run.data_dir.mkdir()
    runtime.write(run.data_dir, runtime.RunningServer(pid=2**22 + 1, url="http://127.0.0.1:1", started_at=1.0))
    fails(run("status"), 3, "no OmniRoute server")
    runtime.write(run.data_dir, runtime.RunningServer(pid=os.getpid(), url="http://127.0.0.1:1", started_at=1.0))
    fails(run("status"), 3, "no OmniRoute server")


@pytest.mark.parametrize("args", [("keys", "list"), ("models",), ("status",), ("config", "show")])
def test_an_explicit_url_that_nobody_serves_is_3(
    run: Any, fails: Any, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OMNIROUTE_ADMIN_TOKEN", "oat-" + "x" * 40)
    fails(run(*args, "--url", "http://127.0.0.1:1"), 3, "http://127.0.0.1:1")


def test_a_url_without_a_token_is_4_and_nonsense_is_2(run: Any, fails: Any) -> None:
    fails(run("keys", "list", "--url", "http://127.0.0.1:1"), 4, "OMNIROUTE_ADMIN_TOKEN")
    fails(run("keys", "list", "--url", "localhost"), 2, "--url")


def test_the_token_of_this_machine_is_not_sent_elsewhere(run: Any, fails: Any) -> None:
    run("keys", "list")
    assert (run.data_dir / "admin.token").exists()
    fails(run("keys", "list", "--url", "http://omniroute.invalid"), 4, "OMNIROUTE_ADMIN_TOKEN")


def test_doctor(run: Any) -> None:
    report = run.json("doctor", "--port", "0")
    assert report["ok"]
    assert report["counts"]["error"] == 0
    assert all(f.keys() == {"id", "severity", "what", "fix", "fixable"} for f in report["findings"])
    assert "fine" in run("doctor", "--port", "0").stdout


def test_doctor_fails_warns_and_mends(run: Any) -> None:
    run("keys", "list")
    run.data_dir.chmod(0o755)
    assert run("doctor", "--port", "0").exit_code == 0
    assert run("doctor", "--port", "0", "--strict").exit_code == 5
    mended = run("doctor", "--port", "0", "--strict", "--fix")
    assert mended.exit_code == 0
    assert "700" in mended.stderr
    run.environ["PORT"] = "many"
    broken = run("doctor")
    assert broken.exit_code == 1
    assert "PORT" in broken.stdout
    quiet = run("doctor", "--quiet")
    assert [line.split()[0] for line in quiet.stdout.splitlines()] == ["FAIL", "->"]


def test_config_show_tells_origins_and_touches_nothing(run: Any) -> None:
    run.environ["LOG_LEVEL"] = "debug"
    shown = {s["name"]: s for s in run.json("config", "show")["data"]}
    assert list(shown) == list(SETTINGS)
    assert (shown["log_level"]["value"], shown["log_level"]["origin"]) == ("debug", "environment")
    assert shown["data_dir"]["origin"] == "flag"
    table = run("config", "show", "--origin").stdout
    assert any(line.split()[:3] == ["log_level", "debug", "environment"] for line in table.splitlines())
    assert not run.data_dir.exists()


def test_config_show_never_shows_secrets(run: Any) -> None:
    run.environ["JWT_SECRET"] = "a-very-secret-value"
    assert "a-very-secret-value" not in run("config", "show", "--origin").output
    assert "a-very-secret-value" not in run("config", "show", "--json").output


def test_config_show_knows_what_the_database_holds(run: Any) -> None:
    async def store() -> None:
        async with await Database.open(run.data_dir, clock=SystemClock()) as db:
            from omniroute.storage import SettingRepository

            await SettingRepository(db).put("connect_timeout", 3)

    asyncio.run(store())
    shown = {s["name"]: s for s in run.json("config", "show")["data"]}
    assert (shown["connect_timeout"]["value"], shown["connect_timeout"]["origin"]) == (3.0, "database")


def test_config_check(run: Any, fails: Any, tmp_path: Path) -> None:
    file = tmp_path / "omniroute.toml"
    file.write_text('port = 5\n[nodes.lab]\nformat = "openai_chat"\nbase_url = "http://127.0.0.1:9/v1"\n')
    assert run.json("config", "check", "--config", str(file)) == {
        "file": str(file),
        "ok": True,
        "settings": ["port"],
        "nodes": ["lab"],
        "accounts": ["lab: lab"],
        "keys": [],
        "combos": [],
        "aliases": [],
    }
    file.write_text("prot = 5\n")
    fails(run("config", "check", "--config", str(file)), 1, "did you mean 'port'")
    fails(run("keys", "list", "--config", str(file)), 1, "omniroute.toml:1")
    fails(run("config", "check", "--config", str(tmp_path / "none.toml")), 1, "none.toml")
    fails(run("config", "check"), 2, "--config")
    assert not run.data_dir.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[combos.x]\nstrategy = "nope"\nsteps = ["demo/echo"]\n', "omniroute.toml:2: strategy"),
        ("[combos.x]\nsteps = []\n", "omniroute.toml:2: steps"),
        ('[combos.a]\nsteps = [{ combo = "b" }]\n[combos.b]\nsteps = [{ combo = "a" }]\n', "a -> b -> a"),
        ('[aliases]\n"x*" = 5\n', "omniroute.toml:2: x*"),
    ],
)
def test_config_check_reads_the_routes_as_a_start_does(run: Any, fails: Any, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "omniroute.toml"
    file.write_text(text)
    fails(run("config", "check", "--config", str(file)), 1, told)


def test_reset_password(run: Any, fails: Any) -> None:
    run.environ["NEW"] = "a brand new one"
    assert run("reset-password", "--password-env", "NEW").exit_code == 0
    assert asyncio.run(_verify(run.data_dir, "a brand new one"))
    generated = run.json("reset-password", "--generate")
    assert generated["replaced"]
    assert asyncio.run(_verify(run.data_dir, generated["password"]))
    assert run("reset-password", "--password-stdin", input="from standard input\n").stdout == ""
    assert asyncio.run(_verify(run.data_dir, "from standard input"))
    fails(run("reset-password"), 2, "--password-env")
    fails(run("reset-password", "--password-stdin", input="short"), 1, "8")
    fails(run("reset-password", "--generate", "--password-stdin", input="x"), 2, "--generate")
    fails(run("reset-password", "--generate", "--url", "http://x"), 2, "--url")


async def _verify(data_dir: Path, password: str) -> bool:
    async with await Database.open(data_dir, clock=SystemClock()) as db:
        return await PasswordStore(db).verify(password)


def test_a_locked_or_unusable_directory_is_one_sentence(run: Any, fails: Any, tmp_path: Path) -> None:
    run.data_dir.write_text("a file")
    fails(run("keys", "list"), 1, str(run.data_dir))
    run.data_dir.unlink()

    async def locked() -> Any:
        async with await Database.open(run.data_dir, clock=SystemClock()):
            return await asyncio.to_thread(run, "keys", "list")

    fails(asyncio.run(locked()), 1, "in use by another")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Any, shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_OMNIROUTE_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_completion_of_another_shell_is_usage(run: Any) -> None:
    assert run("completion", "cmd").exit_code == 2


def test_version(run: Any) -> None:
    assert run("version").stdout == f"omniroute {__version__}\n"
    assert run("--version").stdout == f"omniroute {__version__}\n"
    assert run.json("version")["version"] == __version__


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_explains_itself_with_examples(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "--json" in result.stdout
    command: Any = main
    for name in path:
        command = command.commands[name]
    assert command.help
    assert all(example.removeprefix('eval "$(').split("omniroute")[1:] for example in command.examples)


@pytest.mark.parametrize(
    "args", [("nonsense",), ("keys", "nonsense"), ("--nonsense",), ("keys", "create", "--days", "x"), ("--port", "x")]
)
def test_wrong_usage_is_2(run: Any, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def test_server_options_before_a_command_are_refused_not_ignored(run: Any) -> None:
    result = run("--port", "1", "keys", "list")
    assert result.exit_code == 2
    assert "serve" in result.stderr


@pytest.mark.parametrize("args", [("--workers", "2"), ("serve", "--workers", "2")])
def test_more_workers_are_refused(run: Any, fails: Any, args: tuple[str, ...]) -> None:
    fails(run(*args), 2, "one server process")


@pytest.mark.parametrize("before", [(), ("serve",)])
def test_serving_options_reach_the_server(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: tuple[str, ...]
) -> None:
    seen: list[Any] = []

    def serve(flags: dict[str, Any], config: Path | None, open_browser: bool) -> int:
        seen.append((flags, config, open_browser))
        return 7

    monkeypatch.setattr("omniroute.server.run.serve", serve)
    result = run(*before, "--port", "1", "--host", "::1", "--no-open", "--log-level", "debug", "--config", "x.toml")
    assert result.exit_code == 7
    assert seen == [({"data_dir": str(run.data_dir), "port": 1, "host": "::1", "log_level": "debug"}, Path("x.toml"), False)]
    run(*before)
    assert seen[1] == ({"data_dir": str(run.data_dir)}, None, True)


def test_colour_only_where_it_is_wanted(run: Any) -> None:
    def doctor(*args: str, **environ: str) -> str:
        from omniroute.cli.state import State

        state = State(environ={**run.environ, **environ})
        return (
            CliRunner()
            .invoke(main, ["--data-dir", str(run.data_dir), "doctor", "--port", "0", *args], obj=state, color=True)
            .stdout
        )

    assert "\x1b[" in doctor()
    assert "\x1b[" not in doctor("--no-color")
    assert "\x1b[" not in doctor(NO_COLOR="1")


def test_the_reference_is_current() -> None:
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == render(), "run: python -m omniroute.cli.reference > docs/cli.md"


@pytest.mark.parametrize(
    ("args", "code"), [(["version"], 0), (["status"], 3), (["nonsense"], 2), (["keys", "list", "--url", "http://127.0.0.1:1"], 4)]
)
def test_exit_codes_of_the_process(tmp_path: Path, args: list[str], code: int) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "omniroute.cli", *args], env=environ, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code:
        assert done.stdout == ""
        assert done.stderr


def test_json_is_one_object_on_stdout(run: Any) -> None:
    result = run("keys", "create", "--json")
    assert isinstance(json.loads(result.stdout), dict)
