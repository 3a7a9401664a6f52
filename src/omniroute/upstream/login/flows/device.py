"""Device code (RFC 8628): a code is entered in any browser, and the token endpoint is asked until it was."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.flows import Begun, Method, Pending, Unfinished, refused
from omniroute.upstream.login.flows.code import challenge, said_of
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.replies import error_of, tokens_from
from omniroute.upstream.login.way import Way, fill

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5.0  # seconds, RFC 8628 section 3.5
_LEAST, _MOST = 1.0, 60.0


class Device(Unfinished):
    name = "device"

    def methods(self, way: Way) -> tuple[Method, ...]:
        del way
        return ("device",)

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        del redirect_uri
        oauth, chosen, now = way.oauth, way.chosen(options), way.clock.now()
        facts = {**way.kept(chosen), **way.machine_facts()}
        verifier = secrets.token_urlsafe(64)
        asked = said_of(way.client())
        asked.pop("client_secret", None)
        if oauth.scopes:
            asked["scope"] = " ".join(oauth.scopes)
        if oauth.pkce:
            asked |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
        answer = await way.http.post(fill(oauth.device_url or "", chosen), way.headers(facts), form=asked)
        found = answer.json()
        if not answer.ok or not found.get("device_code"):
            raise refused(way, "to begin a login", *error_of(answer), answer.status)
        return Begun(
            method=method,
            user_code=str(found.get("user_code") or ""),
            verification_uri=str(found.get("verification_uri") or found.get("verification_url") or ""),
            verification_uri_complete=_text(found.get("verification_uri_complete")),
            interval=seconds(found.get("interval"), 5.0),
            expires_at=now + seconds(found.get("expires_in"), 600.0, most=3600.0),
            verifier=verifier,
            device_code=str(found["device_code"]),
            options=chosen,
            facts=facts,
        )

    async def poll(self, way: Way, begun: Begun) -> Tokens | Pending:
        oauth = way.oauth
        asked = {"grant_type": GRANT, "device_code": begun.device_code, **said_of(way.client())}
        if oauth.pkce:
            asked["code_verifier"] = begun.verifier
        answer = await way.http.post(fill(oauth.token_url or "", begun.options), way.headers(begun.facts), form=asked)
        pending = still_pending(way, begun, answer)
        if pending is not None:
            return pending
        return tokens_from(answer, oauth, way.provider.name, way.clock.now(), Tokens(access="", facts=begun.facts))


def still_pending(way: Way, begun: Begun, answer: Answer) -> Pending | None:
    """None: ``answer`` is a yes. LoginRefused: it is a no. Some servers tell errors with status 200."""
    code, said = error_of(answer)
    word = code.replace("Exception", "").replace("_", "").lower()
    if word == "authorizationpending":
        return Pending(interval=begun.interval)
    if word == "slowdown" or (answer.status == 429 and not word):
        return Pending(interval=max(begun.interval + SLOWER, answer.retry_after or 0.0))
    if word in ("expiredtoken", "accessdenied"):
        raise denied(way) if word == "accessdenied" else over(way)
    if answer.status >= 500:
        return Pending(interval=min(begun.interval * 2, _MOST))
    if not answer.ok or code:
        raise refused(way, "the login", code, said, answer.status)
    return None


def denied(way: Way) -> LoginRefused:
    return LoginRefused(f"the login was denied at {way.provider.name}")


def over(way: Way) -> LoginRefused:
    return LoginRefused(f"the code of {way.provider.name} has expired: begin again")


def seconds(value: object, otherwise: float, *, least: float = _LEAST, most: float = _MOST) -> float:
    """A duration out of a reply, within reason."""
    try:
        number = float(str(value))
    except ValueError:
        return otherwise
    return min(max(number, least), most) if number > 0 else otherwise


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


FLOW = Device()
