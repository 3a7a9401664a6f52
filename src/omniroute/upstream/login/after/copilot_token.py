"""The token that signs calls is fetched with the login's own one, lasts half an hour, and says which host to call.

The login's ``key_url`` is asked, with the headers by which an editor shows itself.
"""

from __future__ import annotations

import msgspec

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.replies import at, error_of, host_of, moment

_GONE = (401, 403, 404)


async def fetch_token(step: Step) -> Tokens:
    """The tokens with ``key`` and its end, and the facts ``api_host``, ``plan``, ``user_id`` and ``email``. LoginRefused, for
    good when the login may not use the service (any more)."""
    url = step.oauth.key_url
    if url is None:
        raise LoginRefused(f"the data of {step.provider.name} does not say where its tokens are fetched", final=False)
    headers = {**step.provider.headers, "authorization": f"token {step.tokens.access}"}
    answer = await step.http.get(url, headers)
    found = answer.json()
    key = at(found, "/token")
    if not answer.ok or key is None:
        code, said = error_of(answer)
        reason = said or code or f"status {answer.status}"
        raise LoginRefused(f"{step.provider.name} gave no token to call with: {reason}", final=answer.status in _GONE)
    tokens = step.with_facts(api_host=host_of(at(found, "/endpoints/api") or ""), plan=_plan(at(found, "/sku")))
    tokens = msgspec.structs.replace(tokens, key=key, expires_at=_end(step, answer))
    if not step.fresh and tokens.facts.get("user_id"):
        return tokens
    return msgspec.structs.replace(tokens, facts={**tokens.facts, **await _person(step, headers)})


async def _person(step: Step, headers: dict[str, str]) -> dict[str, str]:
    """Who signed in, as far as it is told."""
    try:
        answer = await step.http.get(step.oauth.userinfo_url or "", headers)
    except LoginRefused:
        return {}
    if not answer.ok:
        return {}
    found = answer.json()
    told = {"user_id": at(found, "/id"), "user": at(found, "/login"), "email": at(found, "/email")}
    return {name: text for name, text in told.items() if text}


def _end(step: Step, answer: Answer) -> float | None:
    """When the fetched token ends by our clock."""
    told = moment(answer.json().get("expires_at"))
    return None if told is None else told - answer.skew


def _plan(kind: str | None) -> str | None:
    return kind.removeprefix("copilot_") if kind is not None else None


AFTER = fetch_token
