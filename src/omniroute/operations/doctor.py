"""What is wrong with an installation, and how to mend it. Needs no running server and changes nothing unless asked to.

``checks`` looks at the machine and the settings, ``storage_checks`` at the data directory; both speak in :class:`Finding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniroute.core.configfile import ConfigFile, config_path, read_config
from omniroute.core.errors import ConfigError, OmniRouteError
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.operations import checks, storage_checks
from omniroute.operations.finding import Finding, error, ok
from omniroute.storage.directory import data_directory


async def examine(*, flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None, clock: Clock) -> list[Finding]:
    """All findings, good ones too, in the order one would look. Never raises for what is wrong with the installation."""
    findings = [*checks.runtime_found(), *checks.extensions_load()]
    settings, file, about_config = _settings(flags, environ, config)
    findings += about_config
    findings += checks.clock_sane(clock.now())
    findings += checks.proxies_spare_loopback(environ)
    if settings is None:
        return findings
    data_dir = data_directory(settings)
    findings += checks.providers_configured(file, settings, environ)
    findings += storage_checks.directory_usable(data_dir)
    # Modes first: opening the database and the key file tightens them.
    findings += storage_checks.modes_private(data_dir)
    stored = await storage_checks.database_healthy(data_dir, settings, clock)
    findings += stored.findings
    findings += checks.disk_free(data_dir)
    findings += checks.bind_protected(settings, stored.settings, stored.has_password)
    findings += checks.server_and_port(settings, data_dir)
    return findings


def mend(findings: list[Finding]) -> list[str]:
    """Carry out what can be mended safely; a sentence for each thing done or not possible."""
    said = []
    for finding in findings:
        if finding.mend is None:
            continue
        try:
            said.append(finding.mend())
        except (OSError, OmniRouteError) as problem:
            said.append(f"{finding.id}: could not be mended: {problem}")
    return said


def _settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None
) -> tuple[Settings | None, ConfigFile | None, list[Finding]]:
    findings = []
    file = None
    try:
        path = config_path(config, environ)
        file = read_config(path, environ) if path is not None else None
        findings.append(ok("config.file", f"config file {path} parses" if path is not None else "no config file is used"))
    except ConfigError as problem:
        findings.append(
            error("config.file", problem.message, "correct that line; try it with: omniroute config check --config FILE")
        )
    try:
        settings = Settings.load(flags=flags, environ=environ, file=file.settings if file is not None else None)
    except ConfigError as problem:
        return None, file, [*findings, error("config.settings", problem.message, "correct the variable or flag it names")]
    return settings, file, [*findings, ok("config.settings", "flags, environment and config file are valid")]
