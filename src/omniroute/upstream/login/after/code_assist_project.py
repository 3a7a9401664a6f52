"""The project that Code Assist books an account's requests on: found where the account has one, made where it is new.

``loadCodeAssist`` tells the account's tier and project, or which tiers it may join and why not others; ``onboardUser`` joins one
and is asked again until its operation is done. The free tier brings a project of its own and refuses to be given one; others want
a Google Cloud project of the person's (login option ``project``) unless they bring one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.replies import at, error_of

_FREE, _LEGACY = "free-tier", "legacy-tier"
_VALIDATION = "VALIDATION_REQUIRED"
_PAUSE = 5.0
_MOST_LOOKS = 24
_LONGEST_REASON = 300


class CodeAssistProject:
    """``pause`` sleeps so many seconds between two looks at an operation."""

    def __init__(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._pause = pause

    async def __call__(self, step: Step) -> Tokens:
        """The tokens with ``project`` and ``plan``. LoginRefused says what the person has to do, with the address where."""
        given = step.tokens.facts.get("project")
        if not step.fresh and given:
            return step.tokens
        loaded = await _ask(step, "load", {"cloudaicompanionProject": given, "metadata": _metadata(step, given)})
        tier = _obj(loaded, "currentTier")
        plan = at(loaded, "/paidTier/name") or at(tier, "/name")
        if not tier:
            tier = _joinable(step, loaded)
            _check_project(step, tier, given)
            project = await self._join(step, at(tier, "/id") or _LEGACY, given)
            plan = plan or at(tier, "/name")
        else:
            project = _project(loaded)
        project = project or given
        if project is None:
            _refuse_ineligible(step, loaded)
            raise _needs_project(step)
        return step.with_facts(project=project, plan=plan)

    async def _join(self, step: Step, tier: str, given: str | None) -> str | None:
        """The project of a tier just joined; None when it brings none."""
        project = None if tier == _FREE else given
        body = {"tierId": tier, "cloudaicompanionProject": project, "metadata": _metadata(step, project)}
        for _ in range(_MOST_LOOKS):
            operation = await _ask(step, "onboard", body)
            failed = at(operation, "/error/message")
            if failed is not None:
                raise LoginRefused(f"{step.provider.name} did not take the account: {failed[:_LONGEST_REASON]}")
            if operation.get("done") is True:
                return _project(_obj(operation, "response"))
            await self._pause(_PAUSE)
        raise LoginRefused(f"{step.provider.name} is still setting the account up; sign in again in a few minutes", final=False)


def _metadata(step: Step, project: str | None) -> dict[str, Any]:
    """What the service is told of the program that asks."""
    return {**step.oauth.metadata, **({"duetProject": project} if project else {})}


async def _ask(step: Step, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    provider = step.provider
    url = provider.base_url + provider.paths[path]
    said = {name: value for name, value in body.items() if value is not None}
    answer = await step.http.post(url, {**provider.headers, **step.bearer()}, body=said)
    if not answer.ok:
        raise _refused(step, answer)
    return answer.json()


def _refused(step: Step, answer: Answer) -> LoginRefused:
    code, said = error_of(answer)
    details = _obj(answer.json(), "error").get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("reason") == _VALIDATION:
            return _validation(step, at(detail, "/metadata/validation_link"), at(detail, "/metadata/validation_error_message"))
    passing = answer.status in (408, 429) or answer.status >= 500
    reason = said or code or f"status {answer.status}"
    return LoginRefused(
        f"{step.provider.name} gave the account no project: {reason}", final=not passing, retry_after=answer.retry_after
    )


def _joinable(step: Step, loaded: dict[str, Any]) -> dict[str, Any]:
    """The tier a new account joins: the default one of those it may join. LoginRefused when there is none and it is told why."""
    allowed = loaded.get("allowedTiers")
    tiers = [tier for tier in allowed if isinstance(tier, dict)] if isinstance(allowed, list) else []
    if not tiers:
        _refuse_ineligible(step, loaded)
    default = next((tier for tier in tiers if tier.get("isDefault") is True), None)
    return default or {"id": _LEGACY, "userDefinedCloudaicompanionProject": True}


def _check_project(step: Step, tier: dict[str, Any], given: str | None) -> None:
    if tier.get("userDefinedCloudaicompanionProject") is True and not given and at(tier, "/id") != _FREE:
        raise _needs_project(step)


def _refuse_ineligible(step: Step, loaded: dict[str, Any]) -> None:
    """LoginRefused when the service says what keeps the account out."""
    listed = loaded.get("ineligibleTiers")
    reasons = [tier for tier in listed if isinstance(tier, dict)] if isinstance(listed, list) else []
    for tier in reasons:
        if tier.get("reasonCode") == _VALIDATION:
            raise _validation(step, at(tier, "/validationUrl"), at(tier, "/validationErrorMessage") or at(tier, "/reasonMessage"))
    told = [message for tier in reasons if (message := at(tier, "/reasonMessage") or at(tier, "/reasonCode")) is not None]
    if told:
        raise LoginRefused(f"{step.provider.name} does not take this account: {'; '.join(told)[:_LONGEST_REASON]}")


def _validation(step: Step, url: str | None, message: str | None) -> LoginRefused:
    where = f"open {url} and sign in again" if _is_google(url) else "verify it in your Google account and sign in again"
    return LoginRefused(
        f"{step.provider.name} wants this account verified first ({(message or 'no reason given')[:_LONGEST_REASON]}): {where}"
    )


def _is_google(url: str | None) -> bool:
    """Nobody is sent to an address that is not Google's own."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme == "https" and (host == "google.com" or host.endswith(".google.com"))


def _needs_project(step: Step) -> LoginRefused:
    return LoginRefused(
        f"the plan of this account at {step.provider.name} needs a Google Cloud project: sign in again with the login option "
        "project=YOUR_PROJECT_ID"
    )


def _project(value: dict[str, Any]) -> str | None:
    return at(value, "/cloudaicompanionProject/id") or at(value, "/cloudaicompanionProject")


def _obj(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


AFTER = CodeAssistProject()
