"""Other proxies, measured by the same scenarios. They are installed aside, under build/peers, and never needed.

python benchmarks/peers.py install [NAME …]       LiteLLM proxy and aiohttp from PyPI, Portkey's gateway and OmniRoute from npm
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import peer_omniroute
from procs import answers, cores, free_port, listens, process, wait_until
from rig import ROOT, Target, Upstream

_HOME = ROOT / "build" / "peers"
_LIMIT_SECONDS = 900


class Peer(NamedTuple):
    """``command(folder, port, upstream)`` starts it. ``headers(port, upstream)`` go with each request; they are asked for when it
    is ready, so that it can be set up then. ``prefix`` stands before the model's name."""

    title: str
    install: Callable[[], None]
    installed: Callable[[], bool]
    command: Callable[[Path, int, Upstream], Sequence[str]]
    headers: Callable[[int, Upstream], tuple[tuple[str, str], ...]]
    environ: Callable[[Path, int, Upstream], Mapping[str, str]]
    ready: Callable[[int], bool]
    clients: frozenset[str]
    gentle: bool = False
    prefix: str = ""


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, timeout=_LIMIT_SECONDS, cwd=cwd)


_PYTHON = _HOME / "venv" / "bin" / "python"
_LITELLM = _HOME / "venv" / "bin" / "litellm"
_LITELLM_KEY = "sk-" + secrets.token_hex(16)  # of this run; it does not start without one
_OMNIROUTE = _HOME / peer_omniroute.HOME_NAME
_PORTKEY = _HOME / "node" / "node_modules" / "@portkey-ai" / "gateway"


def _install_litellm() -> None:
    _HOME.mkdir(parents=True, exist_ok=True)
    _run(sys.executable, "-m", "venv", str(_HOME / "venv"))
    _run(str(_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "litellm[proxy]", "aiohttp", "uvloop")


def _litellm_command(folder: Path, port: int, upstream: Upstream) -> Sequence[str]:
    config = folder / "config.yaml"
    parameters = f'{{model: "openai/*", api_base: "{upstream.plain}/v1", api_key: any}}'
    config.write_text(f'model_list:\n  - model_name: "*"\n    litellm_params: {parameters}\n')
    return (str(_LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")


def _install_portkey() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not installed; Portkey's gateway needs it")
    (_HOME / "node").mkdir(parents=True, exist_ok=True)
    # Its server library answers 500 to every stream from 1.14 on: it lets nobody change the headers of a fetched answer.
    manifest = {"private": True, "dependencies": {"@portkey-ai/gateway": "1.15.2"}, "overrides": {"@hono/node-server": "1.13.7"}}
    (_HOME / "node" / "package.json").write_text(json.dumps(manifest))
    _run(npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", cwd=_HOME / "node")


def _portkey_command(_folder: Path, port: int, _upstream: Upstream) -> Sequence[str]:
    return (shutil.which("node") or "node", str(_PORTKEY / "build" / "start-server.js"), f"--port={port}", "--headless")


def _portkey_headers(_port: int, upstream: Upstream) -> tuple[tuple[str, str], ...]:
    return (
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", f"{upstream.plain}/v1"),
        ("authorization", "Bearer any"),
    )


PEERS: Mapping[str, Peer] = {
    "litellm": Peer(
        title="LiteLLM proxy",
        install=_install_litellm,
        installed=_LITELLM.exists,
        command=_litellm_command,
        headers=lambda _port, _: (("authorization", f"Bearer {_LITELLM_KEY}"),),
        environ=lambda _folder, _port, _: {
            "LITELLM_MASTER_KEY": _LITELLM_KEY,
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
        },
        ready=lambda port: answers(f"http://127.0.0.1:{port}/health/liveliness"),
        clients=frozenset({"openai_chat", "anthropic"}),
        gentle=True,
    ),
    "portkey": Peer(
        title="Portkey gateway",
        install=_install_portkey,
        installed=_PORTKEY.exists,
        command=_portkey_command,
        headers=_portkey_headers,
        environ=lambda _folder, _port, upstream: {"TRUSTED_CUSTOM_HOSTS": f"127.0.0.1,127.0.0.1:{upstream.port},localhost"},
        ready=listens,
        clients=frozenset({"openai_chat"}),
    ),
    "omniroute-npm": Peer(
        title="OmniRoute of npm",
        install=lambda: peer_omniroute.install(_OMNIROUTE, _run),
        installed=lambda: peer_omniroute.installed(_OMNIROUTE),
        command=lambda _folder, _port, _upstream: peer_omniroute.command(_OMNIROUTE),
        headers=lambda port, upstream: peer_omniroute.set_up(port, f"{upstream.plain}/v1"),
        environ=lambda folder, port, _: peer_omniroute.environ(folder, port),
        ready=lambda port: answers(f"http://127.0.0.1:{port}/v1/models"),
        clients=frozenset({"openai_chat", "anthropic"}),
        gentle=True,
        prefix="bench/",
    ),
}


@contextmanager
def running_peer(name: str, upstream: Upstream) -> Iterator[tuple[Target | None, str | None]]:
    """The peer as a target, or None and a sentence that says why it is not there."""
    peer = PEERS[name]
    if not peer.installed():
        yield None, f"{peer.title} is not installed (make bench-peers)"
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder:
        command = peer.command(Path(folder), port, upstream)
        environ = {**os.environ, **peer.environ(Path(folder), port, upstream)}
        log = _HOME / f"{name}.log"
        with (
            log.open("w") as out,
            process(command, cpus=cores()[1], env=environ, stdout=out, stderr=out, cwd=Path(folder)) as started,
        ):
            try:
                wait_until(lambda: peer.ready(port), started, peer.title, 90)
            except SystemExit as problem:
                yield None, f"{problem}; see {log.relative_to(ROOT)}"
                return
            try:
                headers = peer.headers(port, upstream)
            except (OSError, ValueError, KeyError) as problem:
                yield None, f"{peer.title} cannot be set up: {problem!r}"
                return
            target = Target(
                name,
                port,
                started.pid,
                headers,
                prefix=peer.prefix,
                translates=True,
                clients=peer.clients,
                upstreams=frozenset({"openai_chat"}),
                plain_only=True,
                gentle=peer.gentle,
            )
            yield target, None


def _install(names: Sequence[str]) -> int:
    failed = 0
    for name in names:
        peer = PEERS[name]
        if peer.installed():
            print(f"{peer.title}: installed")
            continue
        try:
            peer.install()
        except (subprocess.SubprocessError, OSError, SystemExit) as problem:
            print(f"{peer.title}: not installed: {problem}")
            failed += 1
    return failed


if __name__ == "__main__":
    if sys.argv[1:2] != ["install"] or not set(sys.argv[2:]) <= PEERS.keys():
        raise SystemExit(__doc__)
    _install(sys.argv[2:] or list(PEERS))
