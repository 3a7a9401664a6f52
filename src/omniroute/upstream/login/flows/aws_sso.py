"""AWS SSO OIDC: a client is registered for this login alone, then a code is entered (Builder ID, or an IAM Identity Center of the
person's organisation, told by its start URL and region)."""

from __future__ import annotations

from collections.abc import Mapping

from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.flows import Begun, Method, Pending, Unfinished, refused
from omniroute.upstream.login.flows.device import GRANT, seconds, still_pending
from omniroute.upstream.login.replies import error_of, moment, tokens_from
from omniroute.upstream.login.way import Way, fill

_CLIENT_NAME = "omniroute"


class AwsSso(Unfinished):
    name = "aws_sso"

    def methods(self, way: Way) -> tuple[Method, ...]:
        del way
        return ("device",)

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        del redirect_uri
        oauth, chosen, now = way.oauth, way.chosen(options), way.clock.now()
        facts = {**way.kept(chosen), **way.machine_facts()}
        start_url = fill("{start_url}", chosen)
        client = await _register(way, chosen, own=start_url != oauth.defaults.get("start_url"))
        asked = {"clientId": client.id, "clientSecret": client.secret, "startUrl": start_url}
        answer = await way.http.post(fill(oauth.device_url or "", chosen), way.headers(facts), body=asked)
        found = answer.json()
        if not answer.ok or not found.get("deviceCode"):
            raise refused(way, "to begin a login", *error_of(answer), answer.status)
        return Begun(
            method=method,
            user_code=str(found.get("userCode") or ""),
            verification_uri=str(found.get("verificationUri") or ""),
            verification_uri_complete=str(found.get("verificationUriComplete") or "") or None,
            interval=seconds(found.get("interval"), 5.0),
            expires_at=now + seconds(found.get("expiresIn"), 600.0, most=3600.0),
            device_code=str(found["deviceCode"]),
            client=client,
            options=chosen,
            facts=facts,
        )

    async def poll(self, way: Way, begun: Begun) -> Tokens | Pending:
        client = begun.client
        if client is None:
            raise LoginRefused("this login was begun without a registration: begin again")
        asked = {"clientId": client.id, "clientSecret": client.secret, "deviceCode": begun.device_code, "grantType": GRANT}
        answer = await way.http.post(fill(way.oauth.token_url or "", begun.options), way.headers(begun.facts), body=asked)
        pending = still_pending(way, begun, answer)
        if pending is not None:
            return pending
        before = Tokens(access="", facts=begun.facts, client=client)
        return tokens_from(answer, way.oauth, way.provider.name, way.clock.now(), before)


async def _register(way: Way, chosen: Mapping[str, str], *, own: bool) -> Client:
    """``own``: the start URL of an organisation, which has an issuer of its own."""
    asked = {
        "clientName": way.oauth.params.get("client_name", _CLIENT_NAME),
        "clientType": "public",
        "grantTypes": [GRANT, "refresh_token"],
        "scopes": list(way.oauth.scopes),
    }
    if chosen.get("issuer_url") and not own:
        asked["issuerUrl"] = chosen["issuer_url"]
    answer = await way.http.post(fill(way.oauth.register_url or "", chosen), way.headers({}), body=asked)
    found = answer.json()
    if not answer.ok or not found.get("clientId"):
        raise refused(way, "to register a client", *error_of(answer), answer.status)
    return Client(
        id=str(found["clientId"]),
        secret=str(found.get("clientSecret") or "") or None,
        expires_at=moment(found.get("clientSecretExpiresAt")),
    )


FLOW = AwsSso()
