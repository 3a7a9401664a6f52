"""Who a login belongs to: what stays the same when the same person signs in again, and what people call it."""

from __future__ import annotations

import hashlib

from omniroute.upstream.login import Tokens
from omniroute.upstream.login.replies import claims_of

_PLACE_FACTS = ("account_id", "organization_id")


def subject_of(tokens: Tokens) -> str:
    """Stable over logins of one person in one workspace; without any sign of either, of these very tokens only."""
    facts = tokens.facts
    said = (facts.get("user_id"), claims_of(tokens.id_token).get("sub"), facts.get("email"), claims_of(tokens.access).get("sub"))
    user = next((text for text in (*said, facts.get("user")) if isinstance(text, str) and text), "")
    place = next((facts[name] for name in _PLACE_FACTS if facts.get(name)), "")
    if user or place:
        return f"{user}@{place}" if place else user  # one person may have several workspaces, each with a plan of its own
    return "token:" + hashlib.sha256((tokens.refresh or tokens.access).encode()).hexdigest()[:32]


def label_of(tokens: Tokens) -> str | None:
    """What its owner would call it: the address or name they sign in with."""
    facts = tokens.facts
    claims = claims_of(tokens.id_token)
    for found in (
        facts.get("email"),
        claims.get("email"),
        facts.get("user"),
        claims.get("preferred_username"),
        claims.get("name"),
    ):
        if isinstance(found, str) and found:
            return found[:80]
    return None
