"""Renewal by refresh token: what is sent, and which answers mean that nothing but signing in again can help."""

from __future__ import annotations

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.replies import error_of, holds_tokens, tokens_from
from omniroute.upstream.login.way import Way, fill

_PASSING = frozenset(
    {"slow_down", "temporarily_unavailable", "server_error", "internal_error", "SlowDownException", "rate_limited"}
)
_OUR_FAULT = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})


async def renewed(way: Way, tokens: Tokens) -> Tokens:
    """New tokens for the refresh token of ``tokens``, which must not be used again afterwards.

    LoginRefused: final when the refresh token is not good any more, else it may be tried again later.
    """
    if tokens.refresh is None:
        raise LoginRefused("there is no refresh token")
    oauth = way.oauth
    client = way.client(tokens.client)
    if oauth.refresh_fields == "camel":
        body = {"refreshToken": tokens.refresh}
        if client is not None:
            body |= {"clientId": client.id, "clientSecret": client.secret or "", "grantType": "refresh_token"}
    else:
        body = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
        if client is not None:
            body |= {"client_id": client.id, **({"client_secret": client.secret} if client.secret else {})}
    body |= oauth.refresh_extra
    values = {**oauth.defaults, **tokens.facts}
    as_json = oauth.refresh_body == "json"
    answer = await way.http.post(
        fill(_url(way, tokens), values),
        {**way.headers(tokens.facts), **way.basic(client)},
        form=None if as_json else body,
        body=body if as_json else None,
    )
    if answer.ok and holds_tokens(answer, oauth):
        return tokens_from(answer, oauth, way.provider.name, way.clock.now(), tokens)
    raise _refused(way, tokens, answer, *error_of(answer))


def _url(way: Way, tokens: Tokens) -> str:
    """A login with a client of its own is renewed where that client was registered."""
    oauth = way.oauth
    if tokens.client is not None:
        own = next((other.token_url for other in (way.provider.oauth or oauth).ways() if other.register_url), None)
        if own is not None:
            return own
    url = oauth.refresh_url or oauth.token_url
    if url is None:
        raise LoginRefused("nothing renews this login")
    return url


def _refused(way: Way, tokens: Tokens, answer: Answer, code: str, said: str) -> LoginRefused:
    reason = said or code.replace("_", " ") or f"status {answer.status}"
    text = f"{way.provider.name} did not renew the login: {reason}"
    passing = answer.status in (408, 425, 429) or answer.status >= 500 or code in _PASSING
    ours = code in _OUR_FAULT and tokens.client is None
    unclear = not code and (answer.ok or not answer.json())  # an edge that asks for a browser says nothing of the login
    return LoginRefused(text, final=not (passing or ours or unclear), retry_after=answer.retry_after)
