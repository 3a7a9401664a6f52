"""Terms of providers: read once before anybody signs in there, and again when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from omniroute.catalog.schema import Provider


def digest_of(terms: str) -> str:
    """What is remembered of a text that was acknowledged."""
    return hashlib.sha256(terms.encode()).hexdigest()


def is_acknowledged(provider: Provider, acknowledged: Mapping[str, str]) -> bool:
    """``acknowledged``: provider → digest. True as well where there is nothing to read."""
    return provider.terms is None or acknowledged.get(provider.id) == digest_of(provider.terms)
