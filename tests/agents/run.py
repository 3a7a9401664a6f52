"""Real coding agents through OmniRoute, each against upstreams of dialects that are not its own: a tool loop from end to end.

    python tests/agents/run.py                    install what is missing below build/agents, run everything
    python tests/agents/run.py --only codex       one agent
    python tests/agents/run.py --upstream oa      one upstream dialect (oa, an, re, ge, ol)

The upstream is scripted: it has the agent run a shell command that prints a word, then answers with a word of its own. An agent
passes when it ran the command (its output came back to the upstream) and said the word. Not part of the tests: it needs npm and
the registry to install the agents. Nothing but loopback is spoken to by OmniRoute; the agents' own side calls are switched off
where they can be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from running.fixtures import nodes, serving  # noqa: E402
from upstream.script import Script, Text, ToolCall  # noqa: E402
from upstream.server import ScriptedUpstream  # noqa: E402

HOME = ROOT / "build" / "agents"
SECONDS = 120
COMMAND = "echo ran-the-command"
WORD = "finished-as-scripted"


class Agent(NamedTuple):
    """``tool`` and ``arguments``: the call that runs COMMAND. ``own``: the upstream prefix whose dialect it speaks itself."""

    package: str
    binary: str
    own: str
    tool: str
    arguments: dict[str, object]
    prepare: Callable[[Path, str, str], tuple[list[str], dict[str, str]]]


def _claude(home: Path, url: str, model: str) -> tuple[list[str], dict[str, str]]:
    environ = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": "none",
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return ["-p", "Run the command.", "--allowedTools", "Bash"], environ


def _codex(home: Path, url: str, model: str) -> tuple[list[str], dict[str, str]]:
    folder = home / ".codex"
    folder.mkdir(exist_ok=True)
    provider = f'[model_providers.omniroute]\nname = "OmniRoute"\nbase_url = "{url}/v1"\nwire_api = "responses"\n'
    (folder / "config.toml").write_text(f'model = "{model}"\nmodel_provider = "omniroute"\n{provider}')
    arguments = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "Run the command."]
    return arguments, {"CODEX_HOME": str(folder)}


def _gemini(home: Path, url: str, model: str) -> tuple[list[str], dict[str, str]]:
    folder = home / ".gemini"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    environ = {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return ["-m", model, "-y", "-p", "Run the command."], environ


AGENTS = {
    "claude": Agent(
        "@anthropic-ai/claude-code", "claude", "an", "Bash", {"command": COMMAND, "description": "Print a word"}, _claude
    ),
    "codex": Agent("@openai/codex", "codex", "re", "exec_command", {"cmd": COMMAND}, _codex),
    "gemini": Agent(
        "@google/gemini-cli", "gemini", "ge", "run_shell_command", {"command": COMMAND, "description": "Print a word"}, _gemini
    ),
}
UPSTREAMS = ("oa", "an", "re", "ge", "ol")


def install(agent: Agent) -> Path | None:
    """The agent's command, installed if need be; None when there is no npm."""
    binary = HOME / "node_modules" / ".bin" / agent.binary
    if not binary.exists():
        npm = shutil.which("npm")
        if npm is None:
            return None
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(HOME), agent.package], check=True)
    return binary


async def run(name: str, agent: Agent, binary: Path, prefix: str) -> str | None:
    """None when the agent passed, otherwise what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        async with ScriptedUpstream().run() as upstream, serving(home / "data", nodes(upstream)) as server:
            upstream.default = Script(answer=Text(WORD))
            upstream.queue(Script(answer=[Text("Running it."), ToolCall(agent.tool, agent.arguments, id="call_1")]))
            arguments, environ = agent.prepare(home, server.url, f"{prefix}/model")
            clean = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_BASE_URL", "_TOKEN"))}
            child = await asyncio.create_subprocess_exec(
                str(binary),
                *arguments,
                cwd=home,
                env={**clean, "HOME": str(home), **environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                async with asyncio.timeout(SECONDS):
                    said, _ = await child.communicate()
            except TimeoutError:
                child.kill()
                await child.wait()
                return f"still running after {SECONDS} s; the upstream saw {len(upstream.requests)} requests"
            seen = [request.body.decode() for request in upstream.requests]
            if child.returncode != 0 or WORD not in said.decode():
                return f"exit {child.returncode}: {said.decode()[-600:]}"
            if not any("ran-the-command" in body.replace(COMMAND, "") for body in seen[1:]):
                return f"the tool's output never reached the upstream ({len(seen)} requests)"
    return None


async def main(only: Sequence[str], prefixes: Sequence[str]) -> int:
    passed = failed = 0
    for name in only:
        agent = AGENTS[name]
        binary = install(agent)
        if binary is None:
            print(f"{name}: skipped, there is no npm on this machine to install {agent.package} with")
            continue
        for prefix in prefixes:
            if prefix == agent.own:
                continue
            wrong = await run(name, agent, binary, prefix)
            print(f"{name} > {prefix}: {'passed' if wrong is None else wrong}", flush=True)
            passed, failed = passed + (wrong is None), failed + (wrong is not None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=AGENTS, action="append")
    parser.add_argument("--upstream", choices=UPSTREAMS, action="append")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.only or list(AGENTS), options.upstream or UPSTREAMS)))
