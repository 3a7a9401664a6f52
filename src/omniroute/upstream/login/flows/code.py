"""Authorization code, with PKCE where the provider takes it: the browser comes back to a port here, or its address is pasted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.flows import Begun, Method, Unpolled, refused
from omniroute.upstream.login.replies import error_of, holds_tokens, json_in_base64, tokens_from, tokens_in
from omniroute.upstream.login.way import Way, fill
from omniroute.upstream.templates import filled_all

_ANY_PORT = 54545  # of a redirect that nobody listens for: the browser fails to open it and its address is pasted


class Code(Unpolled):
    name = "code"

    def methods(self, way: Way) -> tuple[Method, ...]:
        return ("paste",) if way.oauth.redirect_uri is not None else ("browser", "paste")

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        oauth, chosen = way.oauth, way.chosen(options)
        client = way.client()
        redirect = redirect_uri or pasted_redirect(way)
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(64)
        values = {**chosen, "redirect_uri": redirect, "state": state, "client_id": client.id if client is not None else ""}
        asked = {oauth.redirect_param: redirect, "state": state}
        if client is not None:
            asked |= {"response_type": "code", "client_id": client.id}
        if oauth.scopes:
            asked["scope"] = " ".join(oauth.scopes)
        if oauth.pkce:
            asked |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
        asked |= filled_all(oauth.params, values.get)
        base = way.http.place(fill(oauth.authorize_url or "", values))
        return Begun(
            method=method,
            url=f"{base}{'&' if '?' in base else '?'}{urlencode(asked)}",
            redirect_uri=redirect,
            state=state,
            verifier=verifier,
            options=chosen,
            facts={**way.kept(chosen), **way.machine_facts()},
        )

    async def finish(self, way: Way, begun: Begun, code: str, state: str | None) -> Tokens:
        oauth, now = way.oauth, way.clock.now()
        if state is not None and not hmac.compare_digest(state.encode(), begun.state.encode()):
            raise LoginRefused("this answer belongs to another login: begin again and use the newest window")
        before = Tokens(access="", facts=begun.facts)
        if oauth.code_holds_tokens:
            found = json_in_base64(code)
            if isinstance(found, dict):
                return tokens_in(found, oauth, way.provider.name, now, before=before)
        client = way.client()
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": begun.redirect_uri or ""}
        body |= said_of(client)
        if oauth.pkce:
            body["code_verifier"] = begun.verifier
        agreed = {**begun.options, "state": begun.state, "redirect_uri": begun.redirect_uri or ""}
        body |= filled_all(oauth.token_extra, agreed.get)
        as_json = oauth.token_body == "json"
        answer = await way.http.post(
            fill(oauth.token_url or "", begun.options),
            {**way.headers(begun.facts), **way.basic(client)},
            form=None if as_json else body,
            body=body if as_json else None,
        )
        if not answer.ok or not holds_tokens(answer, oauth):
            raise refused(way, "the login", *error_of(answer), answer.status)
        return tokens_from(answer, oauth, way.provider.name, now, before)


def said_of(client: Client | None) -> dict[str, str]:
    """How a client names itself in a body."""
    if client is None:
        return {}
    return {"client_id": client.id, **({"client_secret": client.secret} if client.secret else {})}


def challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def pasted_redirect(way: Way) -> str:
    """The redirect of a login whose answer is pasted."""
    oauth = way.oauth
    port = oauth.redirect_port or _ANY_PORT
    return oauth.redirect_uri or oauth.paste_redirect or f"http://{oauth.redirect_host}:{port}{oauth.redirect_path}"


FLOW = Code()
