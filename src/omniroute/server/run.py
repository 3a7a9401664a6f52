"""``serve``: from flags to a running server and back to an exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
import uvloop

from omniroute.core.errors import ConfigError
from omniroute.core.ids import SystemClock
from omniroute.core.loopback import is_loopback
from omniroute.core.settings import Settings
from omniroute.operations import runtime
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from omniroute.server.lifecycle import Listener, bind_all
from omniroute.telemetry.logs import configure_logs

log = structlog.get_logger("omniroute.server")

_WARM_AFTER = 1.0
# Requests leave hardly any cycles behind: with Python's own 700 objects the collector ran every twenty requests for nothing.
_COLLECT_AFTER = (10_000, 20, 20)


def serve(flags: Mapping[str, Any], config: Path | None, open_browser: bool) -> int:
    """Serve until told to stop; 0 after an orderly stop. ConfigError or StorageError come before anything changed on disk."""
    launch = Launch(flags=flags, environ=os.environ, config=config)
    settings = launch.settings()
    configure_logs(settings.log_level, settings.log_format)
    _check_exposure(settings, launch)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(launch, settings, open_browser))


async def _serve(launch: Launch, settings: Settings, open_browser: bool) -> int:
    socks = bind_all(settings.host, settings.port)
    try:
        port = socks[0].getsockname()[1]
        clock = SystemClock()
        app = await OmniRoute.open(launch, clock, host=settings.host, port=port)
    except BaseException:
        for sock in socks:
            sock.close()
        raise
    async with app:
        await _check_password(app, settings)
        url = f"http://{_shown_host(settings.host)}:{port}"
        listener = Listener(
            app.front, socks, drain=app.drain, busy=app.busy, settled=app.settled, deadline=settings.drain_timeout
        )
        app.on_shutdown(listener.stop)
        _reread_on_hangup(app)
        data_dir = app.installation.data_dir
        warming: asyncio.Task[None] | None = None
        runtime.write(data_dir, runtime.RunningServer(pid=os.getpid(), url=url, started_at=clock.now()))
        try:
            await _greet(app, url)
            if open_browser and sys.stdout.isatty():
                # Some browsers start slowly; the loop must not wait for them.
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
            # What lives now lives until the end: keep the collector from walking it again and again. No full run before: it
            # would be 20 ms before the first answer, for little garbage.
            gc.freeze()
            gc.set_threshold(*_COLLECT_AFTER)
            warming = asyncio.create_task(_warm(app), name="warm-up")
            await listener.run()
        finally:
            if warming is not None:
                warming.cancel()
            runtime.remove(data_dir, os.getpid())
    log.info("stopped")
    return 0


async def _warm(app: OmniRoute) -> None:
    """Load the admin API and the pages once the first requests have had their answers, so that the dashboard opens at once."""
    await asyncio.sleep(_WARM_AFTER)
    await app.site.load()
    gc.freeze()


def _reread_on_hangup(app: OmniRoute) -> None:
    """SIGHUP takes the config file over anew; open streams keep the snapshot they began with."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None:
        return
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()
    lock = asyncio.Lock()

    async def reread() -> None:
        async with lock:
            try:
                await app.installation.reread()
            except ConfigError as error:
                log.error("config file not taken over", reason=error.message)
            except Exception:
                log.exception("config file not taken over")
            else:
                log.info("config file taken over", version=app.installation.snapshot.version)

    def begin() -> None:
        task = loop.create_task(reread())
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(hangup, begin)


async def _greet(app: OmniRoute, url: str) -> None:
    """Tell on stdout where to connect; a fresh installation gets its first API key here, shown this once."""
    key = await app.installation.first_key()
    say = sys.stdout.write
    say(f"\nOmniRoute is ready at {url}/v1 (OpenAI clients) and {url} (Anthropic clients)\n")
    if key is not None:
        say(f"First API key (shown once, keep it): {key}\n")
    say("Try it:\n\n")
    header = f" -H 'Authorization: Bearer {key}'" if key is not None else ""
    if key is None and app.installation.snapshot.settings.require_api_key:
        header = " -H 'Authorization: Bearer YOUR_KEY'"
    say(f"  curl -N {url}/v1/chat/completions{header} \\\n")
    say("    -H 'Content-Type: application/json' \\\n")
    say(
        '    -d \'{"model": "demo/echo", "stream": true, "messages": [{"role": "user", "content": "Hello from OmniRoute"}]}\'\n\n'
    )
    sys.stdout.flush()


def _check_exposure(settings: Settings, launch: Launch) -> None:
    """Refuse to be reachable from elsewhere without protection, before the data directory is touched."""
    if is_loopback(settings.host):
        return
    missing = []
    if not settings.require_api_key and not launch.database_exists():
        missing.append("REQUIRE_API_KEY=true")
    if not settings.initial_password and not launch.database_exists():
        missing.append("INITIAL_PASSWORD=…")
    if missing:
        raise ConfigError(_exposed(settings.host, missing))


async def _check_password(app: OmniRoute, settings: Settings) -> None:
    """The same check with the database at hand, whose password and settings count too."""
    if is_loopback(settings.host):
        return
    missing = []
    if not app.installation.snapshot.settings.require_api_key:
        missing.append("REQUIRE_API_KEY=true")
    if not await app.installation.password.exists():
        missing.append("INITIAL_PASSWORD=…")
    if missing:
        raise ConfigError(_exposed(settings.host, missing))


def _exposed(host: str, missing: list[str]) -> str:
    return (
        f"Listening on {host} makes this server reachable from other machines: set {' and '.join(missing)} first, "
        "or stay on loopback with --host 127.0.0.1."
    )


def _shown_host(host: str) -> str:
    """The name a person on this machine types."""
    if is_loopback(host) or host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "localhost" if host in ("127.0.0.1", "localhost", "0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"[{host}]" if ":" in host else host
