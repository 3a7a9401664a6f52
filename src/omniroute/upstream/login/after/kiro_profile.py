"""Which CodeWhisperer profile a login works with, where it is served, and what plan is behind it.

Organisations have profiles; a personal login has none and needs none. Both questions go to the API itself. Calls can be signed
without the answers, so that a login never fails for want of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.replies import at
from omniroute.upstream.login.way import fill

_SERVICE = "AmazonCodeWhispererService"
_REGION_AT = 3  # of the parts of an ARN


async def read_profile(step: Step) -> Tokens:
    """The tokens with ``profile_arn`` and ``api_region`` of the profile, and ``email``, ``user_id`` and ``plan`` of its user."""
    facts = step.tokens.facts
    arn = facts.get("profile_arn") or _first_arn(await _ask(step, "ListAvailableProfiles", {"maxResults": 10}))
    asked: dict[str, Any] = {"origin": "AI_EDITOR", "resourceType": "AGENTIC_REQUEST", "isEmailRequired": True}
    usage = await _ask(step, "GetUsageLimits", asked | ({"profileArn": arn} if arn else {}), _region(arn))
    return step.with_facts(
        profile_arn=arn,
        api_region=_region(arn),
        email=at(usage, "/userInfo/email"),
        user_id=at(usage, "/userInfo/userId"),
        plan=at(usage, "/subscriptionInfo/subscriptionTitle") or at(usage, "/subscriptionInfo/type"),
    )


async def _ask(step: Step, operation: str, body: Mapping[str, Any], region: str | None = None) -> dict[str, Any]:
    """The API's answer; empty when it has none for this login."""
    known = {**step.provider.url_defaults, **step.tokens.facts, **({"api_region": region} if region else {})}
    headers = {**step.bearer(), "content-type": "application/x-amz-json-1.0", "x-amz-target": f"{_SERVICE}.{operation}"}
    try:
        answer = await step.http.post(f"{fill(step.provider.base_url, known)}/", headers, body=body)
    except LoginRefused:
        return {}
    return answer.json() if answer.ok else {}


def _first_arn(listed: Mapping[str, Any]) -> str | None:
    profiles = listed.get("profiles")
    return at(profiles[0], "/arn") if isinstance(profiles, list) and profiles else None


def _region(arn: str | None) -> str | None:
    """The region in an ARN: where the profile is served, which need not be where its people sign in."""
    parts = (arn or "").split(":")
    return parts[_REGION_AT] if len(parts) > _REGION_AT else None


AFTER = read_profile
