"""Whose plan it is: read from the profile page, whose address is the provider's path ``profile``."""

from __future__ import annotations

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import at

_BETA = "anthropic-beta"


async def read_profile(step: Step) -> Tokens:
    """The tokens with ``email``, ``account_id``, ``organization_id`` and ``plan``, as far as they are told; calls need none."""
    path = step.provider.paths.get("profile")
    if path is None:
        return step.tokens
    betas = {name.lower(): text for name, text in step.provider.headers.items()}.get(_BETA)
    headers = {**step.bearer(), **({_BETA: betas} if betas else {})}
    try:
        answer = await step.http.get(f"{step.provider.base_url}{path}", headers)
    except LoginRefused:
        return step.tokens
    if not answer.ok:
        return step.tokens
    found = answer.json()
    return step.with_facts(
        email=at(found, "/account/email"),
        account_id=at(found, "/account/uuid"),
        organization_id=at(found, "/organization/uuid"),
        plan=_plan(at(found, "/organization/organization_type")),
    )


def _plan(kind: str | None) -> str | None:
    """``claude_max`` is called max."""
    return kind.removeprefix("claude_") if kind is not None else None


AFTER = read_profile
