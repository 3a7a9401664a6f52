"""The machine's own Chromium, driven by Playwright. Nothing is downloaded here."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

VARIABLE = "CHROME_BIN"
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_ARGUMENTS = (
    "--disable-quic",
    # What a page would fetch from elsewhere fails here already; a sign-in comes back to localhost by name.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--font-render-hinting=none",
)


class NoChromium(Exception):
    """There is none; the message says what to do."""


def find(managed: str) -> str:
    """The path of a Chromium: the one ``CHROME_BIN`` names, the first on the PATH, the one Playwright itself has installed
    (``managed``). Raises NoChromium."""
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoChromium(f"{VARIABLE} names {named}, which cannot be run")
        return found
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    if Path(managed).is_file():
        return managed
    raise NoChromium(
        f"the tests of the dashboard need Chromium and found none: 'apt install chromium' on Debian and Ubuntu, "
        f"'playwright install chromium' elsewhere, or {VARIABLE}=/path/to/chromium"
    )


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A headless Chromium. Raises NoChromium."""
    async with async_playwright() as playwright:
        path = find(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()
