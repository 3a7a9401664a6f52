"""Which account a conversation is with: its prompt cache is there, and stays warm for a while."""

from __future__ import annotations

import msgspec

from omniroute.routing.state import StatePort

WARM = 300.0
"""Seconds that vendors keep a prompt cache by default, counted from its last use."""
MOST_SESSIONS = 50_000


class Bond(msgspec.Struct, frozen=True):
    """``until``: unix seconds when the cache has gone cold."""

    account: str
    until: float


class Affinity:
    """Sessions by provider; the least recently used is forgotten first."""

    def __init__(self, port: StatePort, most: int = MOST_SESSIONS) -> None:
        self._bonds = port.table("affinity", Bond, most)

    def get(self, session: str, provider_id: str, now: float) -> str | None:
        """The account, or None when there is none or the cache has gone cold."""
        bond = self._bonds.get(f"{provider_id} {session}")
        return bond.account if bond is not None and now < bond.until else None

    def items(self, now: float, most: int) -> list[tuple[str, str, str, float]]:
        """(provider, session, account, until) of those that are warm, the last used first."""
        found = []
        for key, bond in reversed(list(self._bonds.items())):
            if now < bond.until:
                provider, _, session = key.partition(" ")
                found.append((provider, session, bond.account, bond.until))
                if len(found) == most:
                    break
        return found

    def bind(self, session: str, provider_id: str, account_id: str, now: float, warm: float = WARM) -> None:
        """The session was served by the account, whose cache stays warm for ``warm`` seconds."""
        self._bonds.put(f"{provider_id} {session}", Bond(account_id, now + warm))

    def release(self, session: str, provider_id: str) -> bool:
        """Forget; whether there was anything."""
        return self._bonds.drop(f"{provider_id} {session}")

    def __len__(self) -> int:
        return len(self._bonds)
