"""Providers that answer at several addresses: a try in place goes to the next of them."""

from __future__ import annotations

import msgspec

from omniroute.catalog.schema import Provider


def at_address(provider: Provider, retry: int) -> Provider:
    """``provider`` as try number ``retry`` in place asks it (0 = the first): at its base URL, then at its fallbacks in order, and
    from the beginning."""
    bases = (provider.base_url, *provider.base_url_fallbacks)
    base = bases[retry % len(bases)]
    return provider if base == provider.base_url else msgspec.structs.replace(provider, base_url=base)
