"""Whose plan and which workspace it is, as the ID token says. It is not verified: it came from the token endpoint itself, and
nobody is let in by it.
"""

from __future__ import annotations

from typing import Any

from omniroute.upstream.login import Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import claims_of

_CLAIMS = "https://api.openai.com/auth"


async def read_claims(step: Step) -> Tokens:
    """The tokens with ``account_id``, ``plan``, ``user_id`` and ``email``; of the access token where there is no ID token."""
    claims = claims_of(step.tokens.id_token) or claims_of(step.tokens.access)
    told = claims.get(_CLAIMS)
    inner: dict[str, Any] = told if isinstance(told, dict) else {}
    return step.with_facts(
        account_id=_text(inner.get("chatgpt_account_id")),
        plan=_text(inner.get("chatgpt_plan_type")),
        user_id=_text(inner.get("chatgpt_user_id")) or _text(inner.get("user_id")),
        email=_text(claims.get("email")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


AFTER = read_claims
