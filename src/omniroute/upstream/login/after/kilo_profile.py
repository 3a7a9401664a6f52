"""Who signed in, and in which organisation: read where the account has a page for it, left alone where it has none."""

from __future__ import annotations

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import at


async def read_profile(step: Step) -> Tokens:
    """The tokens with ``email``, ``user_id`` and, of somebody who belongs to exactly one, ``organization_id``."""
    try:
        answer = await step.http.get(step.oauth.userinfo_url or "", step.bearer())
    except LoginRefused:
        return step.tokens  # calls are signed without it
    if not answer.ok:
        return step.tokens
    found = answer.json()
    organisations = found.get("organizations")
    only = organisations[0] if isinstance(organisations, list) and len(organisations) == 1 else {}
    return step.with_facts(
        email=at(found, "/user/email") or at(found, "/email"),
        user_id=at(found, "/user/id") or at(found, "/id"),
        organization_id=at(only, "/id"),
    )


AFTER = read_profile
