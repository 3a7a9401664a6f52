"""What is asked once the tokens of a login are there: one module per word of the catalogue, each with an ``AFTER``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from functools import cache

import msgspec

from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider
from omniroute.core.registry import Registry
from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.http import Http
from omniroute.upstream.login.way import Way

__all__ = ["After", "Step", "registry", "take_steps"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """``fresh``: somebody has just signed in; False: a renewal, where facts that cannot be read stay as they were.

    ``client`` is who asks (None: nobody in particular), ``now`` unix seconds.
    """

    http: Http
    provider: Provider
    oauth: OAuth
    tokens: Tokens
    client: Client | None
    now: float
    fresh: bool

    def __repr__(self) -> str:
        return f"Step({self.provider.id!r}, fresh={self.fresh!r})"

    def bearer(self) -> dict[str, str]:
        """The header that proves the login to its provider."""
        return {"authorization": f"Bearer {self.tokens.access}"}

    def with_facts(self, **facts: str | None) -> Tokens:
        """The tokens with these facts; None or an empty text leaves what was known."""
        known = {**self.tokens.facts, **{name: text for name, text in facts.items() if text}}
        return msgspec.structs.replace(self.tokens, facts=known)


After = Callable[[Step], Awaitable[Tokens]]


async def take_steps(way: Way, tokens: Tokens, *, fresh: bool) -> Tokens:
    """``tokens`` after all the steps of ``way``, each of which sees what the ones before it found. LoginRefused."""
    for word in way.oauth.after:
        after = registry().get(word)
        if after is None:
            raise LoginRefused(f"the login of {way.provider.name} needs {word!r}, which this version does not know", final=False)
        tokens = await after(
            Step(
                http=way.http,
                provider=way.provider,
                oauth=way.oauth,
                tokens=tokens,
                client=way.client(tokens.client),
                now=way.clock.now(),
                fresh=fresh,
            )
        )
    return msgspec.structs.replace(tokens, pending=False)


@cache
def registry() -> Registry[After]:
    """All steps by their word, imported once on first use."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    return Registry("login step", [(name, importlib.import_module(f"{__name__}.{name}").AFTER) for name in names])
