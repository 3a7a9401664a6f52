"""Calls are signed by an API key that the user-info reply holds, never by the access token it is asked with."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import at, error_of
from omniroute.upstream.login.way import fill


async def read_key(step: Step) -> Tokens:
    """The tokens with ``key``, and with ``email`` or ``user`` where they are told. LoginRefused when there is no key."""
    url = fill(step.oauth.userinfo_url or "", {"access_token": quote(step.tokens.access, safe="")})
    answer = await step.http.get(url)
    found = answer.json()
    key = at(found, "/data/apiKey")
    if not answer.ok or key is None:
        _, said = error_of(answer)
        raise LoginRefused(
            f"{step.provider.name} gave no API key: {said or f'status {answer.status}'}", final=400 <= answer.status < 404
        )
    tokens = step.with_facts(email=at(found, "/data/email"), user=at(found, "/data/phone"), user_id=at(found, "/data/userId"))
    return msgspec.structs.replace(tokens, key=key)


AFTER = read_key
