"""Takes the pictures of the dashboard that the documents show: ``make screenshots`` writes docs/images/*.png.

A server with two weeks of invented traffic before the scripted upstream of the tests; no account of anybody is asked.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browser.chromium import NoChromium, launched  # noqa: E402 - the tests are found only now
from browser.furnished import lived_in  # noqa: E402
from browser.visitor import visit  # noqa: E402
from upstream.server import ScriptedUpstream  # noqa: E402

SIZE = (1440, 900)
PICTURES = {"home": "/", "combos": "/combos?model=always-on", "logs": "/logs", "quotas": "/quotas", "costs": "/costs"}


def _afternoon() -> str:
    """A time zone in which it is about five in the afternoon, so that "today" has something to show."""
    ahead = (17 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


async def take(target: Path) -> list[Path]:
    """The files written. Raises NoChromium."""
    written: list[Path] = []
    async with launched() as browser, ScriptedUpstream().run() as upstream:
        with tempfile.TemporaryDirectory() as scratch:
            async with lived_in(Path(scratch, "data"), upstream, hourly=2.5, pace=0.02) as server:
                visitor = await visit(browser, server.url, size=SIZE, timezone=_afternoon())
                await visitor.log_in()
                for name, path in PICTURES.items():
                    await visitor.open(path)
                    written.append(target / f"{name}.png")
                    await visitor.page.screenshot(path=written[-1])
                await visitor.context.close()
    return written


def main() -> None:
    (HERE / "images").mkdir(exist_ok=True)
    try:
        written = asyncio.run(take(HERE / "images"))
    except NoChromium as missing:
        raise SystemExit(str(missing)) from None
    for file in written:
        sys.stdout.write(f"{file.relative_to(HERE.parent)}: {file.stat().st_size / 1024:.0f} KiB\n")


if __name__ == "__main__":
    main()
