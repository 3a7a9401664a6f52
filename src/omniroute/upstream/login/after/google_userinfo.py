"""Who signed in with Google: its account number, which never changes, and its address, which people know it by."""

from __future__ import annotations

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import at, error_of


async def read_userinfo(step: Step) -> Tokens:
    """The tokens with ``user_id``, ``email`` and ``name``. LoginRefused when somebody just signed in and cannot be told apart
    from others; a renewal goes on with what was known."""
    if not step.fresh and "user_id" in step.tokens.facts:
        return step.tokens
    answer = await step.http.get(step.oauth.userinfo_url or "", step.bearer())
    found = answer.json()
    user_id = at(found, "/id") or at(found, "/sub")
    if not answer.ok or user_id is None:
        _, said = error_of(answer)
        raise LoginRefused(
            f"{step.provider.name} did not say who signed in: {said or f'status {answer.status}'}",
            final=answer.status in (401, 403),
        )
    return step.with_facts(user_id=user_id, email=at(found, "/email"), name=at(found, "/name"))


AFTER = read_userinfo
