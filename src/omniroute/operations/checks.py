"""The doctor's look at the machine, the settings and the network side."""

from __future__ import annotations

import errno
import importlib
import platform
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omniroute.catalog.configured import configured
from omniroute.catalog.environment import environment_accounts
from omniroute.catalog.load import load_catalogue
from omniroute.core.configfile import ConfigFile
from omniroute.core.errors import ConfigError
from omniroute.core.loopback import is_loopback
from omniroute.core.settings import Settings
from omniroute.operations import runtime
from omniroute.operations.finding import Finding, error, ok, warning

MINIMUM_PYTHON = (3, 11)
_SANE_CLOCK = 1_735_689_600  # 2025-01-01: older than any release of this program
_LOW_DISK, _NO_DISK = 1024**3, 100 * 1024**2
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_EXTENSIONS = "omniroute._fast"


def runtime_found(version: tuple[int, ...] = sys.version_info[:3]) -> list[Finding]:
    """The interpreter is new enough."""
    if tuple(version[:2]) < MINIMUM_PYTHON:
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        return [error("python.version", f"Python {version[0]}.{version[1]} is too old", f"install Python {wanted} or newer")]
    return [ok("python.version", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")]


def extensions_load(names: Sequence[str] | None = None) -> list[Finding]:
    """Every compiled module has been built and fits this interpreter. ``names``: other than the shipped ones, for tests."""
    wanted = sorted(shipped_extensions() if names is None else names)
    broken = {}
    for name in wanted:
        try:
            importlib.import_module(f"{_EXTENSIONS}.{name}")
        except ImportError as problem:
            broken[name] = str(problem)
    if broken or not wanted:
        what = "; ".join(f"{name}: {problem}" for name, problem in broken.items()) or "none are there"
        return [
            error(
                "extensions.load",
                f"compiled modules do not load ({what})",
                "build and install again: make clean run, or reinstall the wheel",
            )
        ]
    return [ok("extensions.load", f"{len(wanted)} compiled modules load")]


def shipped_extensions() -> set[str]:
    """Names of the compiled modules: each has a stub beside it."""
    return {entry.name.removesuffix(".pyi") for entry in files(_EXTENSIONS).iterdir() if entry.name.endswith(".pyi")}


def clock_sane(now: float) -> list[Finding]:
    """The clock is not years behind: expiries, sessions and TLS depend on it."""
    if now < _SANE_CLOCK:
        return [error("clock.sane", "the system clock is years behind", "set the clock, by NTP if you can")]
    return [ok("clock.sane", "the system clock is plausible")]


def proxies_spare_loopback(environ: Mapping[str, str]) -> list[Finding]:
    """A proxy for everything would catch the agents' calls to this machine."""
    proxies = [name for name in _PROXY_VARIABLES if environ.get(name) or environ.get(name.lower())]
    if not proxies:
        return [ok("proxy.loopback", "no outbound proxy is set")]
    spared = {part.strip().lower() for part in (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(",")}
    if "*" in spared or {"localhost", "127.0.0.1"} <= spared:
        return [ok("proxy.loopback", f"{', '.join(proxies)} is set, and NO_PROXY spares this machine")]
    return [
        warning(
            "proxy.loopback",
            f"{', '.join(proxies)} is set and NO_PROXY does not spare this machine: agents may send local calls there",
            "export NO_PROXY=localhost,127.0.0.1,::1",
        )
    ]


def providers_configured(file: ConfigFile | None, settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """The catalogue loads, the file's nodes and accounts are right, and which providers the environment connects."""
    try:
        catalogue = load_catalogue()
    except ConfigError as problem:
        return [error("catalogue.load", problem.message, "reinstall OmniRoute")]
    findings = [ok("catalogue.load", f"{len(catalogue.providers)} providers are known")]
    try:
        # Imported here: it needs the compiled modules, and whoever calls the doctor may lack them.
        from omniroute.translation.format import registry

        formats = registry()
    except ImportError as problem:
        return [*findings, error("formats.load", f"the formats do not load: {problem}", "build and install again")]
    if file is not None:
        try:
            said = configured(file, catalogue, formats.names(), environ)
            findings.append(
                ok("config.providers", f"the config file adds {len(said.nodes)} nodes and {len(said.accounts)} accounts")
            )
        except ConfigError as problem:
            findings.append(error("config.providers", problem.message, "correct that line of the config file"))
    if settings.environment_accounts:
        names = [
            account.name for account in environment_accounts(catalogue, environ, lambda provider: provider.format in formats)
        ]
        told = (
            f"accounts come from {', '.join(names)}"
            if names
            else "no provider's variable is set; accounts can be added all the same"
        )
        findings.append(ok("providers.environment", told))
    return findings


def disk_free(data_dir: Path) -> list[Finding]:
    """There is room for the ledger."""
    place = data_dir
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as problem:
        return [warning("disk.free", f"the free space at {place} cannot be read: {problem}", "look at the file system")]
    told = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < _NO_DISK:
        return [error("disk.free", f"the disk is full: {told}", "free some space, or choose another --data-dir")]
    if free < _LOW_DISK:
        return [warning("disk.free", f"the disk is nearly full: {told}", "free some space, or choose another --data-dir")]
    return [ok("disk.free", told)]


def bind_protected(settings: Settings, stored: Mapping[str, Any], has_password: bool) -> list[Finding]:
    """What others can reach needs a password and required keys."""
    if is_loopback(settings.host):
        return [ok("bind.protected", f"the server listens on this machine only ({settings.host})")]
    required = settings.require_api_key
    if settings.origin("require_api_key") == "default":
        required = bool(stored.get("require_api_key", required))
    missing = [] if required else ["REQUIRE_API_KEY=true"]
    if not has_password and not settings.initial_password:
        missing.append("INITIAL_PASSWORD")
    if missing:
        return [
            error(
                "bind.protected",
                f"{settings.host} is reachable by others, unprotected",
                f"set {' and '.join(missing)}, or listen on 127.0.0.1",
            )
        ]
    return [ok("bind.protected", f"{settings.host} is reachable by others; password and API keys protect it")]


def server_and_port(settings: Settings, data_dir: Path) -> list[Finding]:
    """Our own server answers, or the port is free for it."""
    server = runtime.running(data_dir)
    if server is not None:
        if runtime.answers(server.url):
            running = ok("server.alive", f"a server (process {server.pid}) answers at {server.url}")
            if urlsplit(server.url).port == settings.port:
                return [running, ok("port.free", f"port {settings.port} is held by that server")]
            return [running, *_port(settings)]
        return [
            error(
                "server.alive",
                f"process {server.pid} should serve {server.url} but does not answer",
                f"look at its log; if it hangs, stop it (kill {server.pid}) and start again",
            )
        ]
    return [ok("server.alive", "no server is running for this data directory"), *_port(settings)]


def _port(settings: Settings) -> list[Finding]:
    if settings.port == 0:
        return [ok("port.free", "any free port is taken")]
    where = f"port {settings.port} on {settings.host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return [error("port.free", f"{where} is held by another program", "stop that program, or choose another --port")]
        return [error("port.free", f"{where} cannot be used: {problem.strerror or problem}", "choose another --port or --host")]
    return [ok("port.free", f"{where} is free")]
