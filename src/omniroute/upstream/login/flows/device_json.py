"""A device login of its own shape: a code is made by POST, and its address is read until the code was approved."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.flows import Begun, Method, Pending, Unfinished, refused
from omniroute.upstream.login.flows.device import SLOWER, denied, over, seconds
from omniroute.upstream.login.replies import error_of, tokens_from
from omniroute.upstream.login.way import Way, fill

_INTERVAL = 3.0


class DeviceJson(Unfinished):
    name = "device_json"

    def methods(self, way: Way) -> tuple[Method, ...]:
        del way
        return ("device",)

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        del redirect_uri
        chosen, now = way.chosen(options), way.clock.now()
        facts = {**way.kept(chosen), **way.machine_facts()}
        answer = await way.http.post(fill(way.oauth.device_url or "", chosen), way.headers(facts), body={})
        found = answer.json()
        if answer.status == 429:
            raise LoginRefused(f"{way.provider.name} has too many codes of yours open: wait a few minutes", final=False)
        if not answer.ok or not found.get("code"):
            raise refused(way, "to begin a login", *error_of(answer), answer.status)
        page = str(found.get("verificationUrl") or found.get("verification_uri") or "")
        return Begun(
            method=method,
            user_code=str(found["code"]),
            verification_uri=page,
            verification_uri_complete=page or None,
            interval=seconds(found.get("interval"), _INTERVAL),
            expires_at=now + seconds(found.get("expiresIn"), 600.0, most=3600.0),
            device_code=str(found["code"]),
            options=chosen,
            facts=facts,
        )

    async def poll(self, way: Way, begun: Begun) -> Tokens | Pending:
        url = fill(way.oauth.token_url or "", {**begun.options, "code": quote(begun.device_code, safe="")})
        answer = await way.http.get(url, way.headers(begun.facts))
        status, found = answer.status, answer.json()
        if status == 202 or (status == 200 and found.get("status") == "pending"):
            return Pending(interval=begun.interval)
        if status == 429:
            return Pending(interval=max(begun.interval + SLOWER, answer.retry_after or 0.0))
        if status >= 500:
            return Pending(interval=begun.interval * 2)
        if status == 403 or found.get("status") == "denied":
            raise denied(way)
        if status in (404, 410) or found.get("status") == "expired":
            raise over(way)
        if not answer.ok:
            raise refused(way, "the login", *error_of(answer), status)
        return tokens_from(answer, way.oauth, way.provider.name, way.clock.now(), Tokens(access="", facts=begun.facts))


FLOW = DeviceJson()
