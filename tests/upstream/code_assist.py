"""Google's Code Assist as its tools know it: Gemini inside an envelope, accounts with tiers and projects, what is left of quotas.

Written from the public behaviour of those tools, independently of the product's own code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from upstream.dialects import Event, compact
from upstream.gemini_dialect import Gemini
from upstream.script import Script

FREE = {"id": "free-tier", "name": "Gemini Code Assist for individuals", "isDefault": True}
STANDARD = {
    "id": "standard-tier",
    "name": "Gemini Code Assist Standard",
    "isDefault": True,
    "userDefinedCloudaicompanionProject": True,
}
NEEDS_VALIDATION = {
    "tierId": "free-tier",
    "reasonCode": "VALIDATION_REQUIRED",
    "reasonMessage": "Verify your account to continue.",
    "validationUrl": "https://accounts.google.com/signin/continue?continue=x",
}


class CodeAssist(Gemini):
    """Its answers, each chunk in an envelope; errors stand bare."""

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        chunks = super().stream(script, request)
        return [(None, f'{{"response":{data},"traceId":"trace-{n}"}}') for n, (_, data) in enumerate(chunks)]

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"response": super().finished(script, request), "traceId": "trace"}


@dataclass
class Service:
    """One account there. ``project``: what it has; ``tier``: the one it joined, None = it is new; ``allowed``: those it may join,
    ``ineligible`` why not others. ``looks``: how often an operation is not done yet; ``granted``: the project a tier brings.
    ``models``: model → what is left of it, 0 to 1. ``asked``: verb and body of every question beside the chats."""

    project: str | None = "project-of-old"
    tier: Mapping[str, Any] | None = field(default_factory=lambda: FREE)
    allowed: list[Mapping[str, Any]] = field(default_factory=lambda: [FREE])
    ineligible: list[Mapping[str, Any]] = field(default_factory=list)
    looks: int = 1
    granted: str | None = "project-brought"
    models: dict[str, float | None] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((verb, body))
        match verb:
            case "loadCodeAssist":
                return self._load(body)
            case "onboardUser":
                return self._onboard(body)
            case "retrieveUserQuota":
                buckets = [
                    {"modelId": model, "tokenType": "REQUESTS", "resetTime": _tomorrow(), **_left(left)}
                    for model, left in self.models.items()
                ]
                return 200, {"buckets": buckets}
            case "fetchAvailableModels":
                models = {model: {"quotaInfo": {"resetTime": _tomorrow(), **_left(left)}} for model, left in self.models.items()}
                return 200, {"models": models}
        return refused(404, f"no method {verb}", "NOT_FOUND")

    def _load(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if set(body) - {"metadata", "cloudaicompanionProject"} or body.get("metadata", {}).get("pluginType") != "GEMINI":
            return refused(400, "metadata is not right", "INVALID_ARGUMENT")
        told: dict[str, Any] = {"allowedTiers": self.allowed, "ineligibleTiers": self.ineligible}
        if self.tier is not None:
            told["currentTier"] = self.tier
        if self.project is not None:
            told["cloudaicompanionProject"] = self.project
        return 200, told

    def _onboard(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        tier = next((tier for tier in self.allowed if tier["id"] == body.get("tierId")), None)
        if tier is None:
            return refused(400, "no such tier", "INVALID_ARGUMENT")
        if tier["id"] == "free-tier" and "cloudaicompanionProject" in body:
            return refused(412, "Precondition Failed", "FAILED_PRECONDITION")
        if tier.get("userDefinedCloudaicompanionProject") and "cloudaicompanionProject" not in body:
            return refused(400, "a project is needed", "INVALID_ARGUMENT")
        operation = {"name": "operations/onboard.1"}
        if self.looks > 0:
            self.looks -= 1
            return 200, {**operation, "done": False}
        self.tier = tier
        project = body.get("cloudaicompanionProject") or self.granted
        response = {} if project is None else {"cloudaicompanionProject": {"id": project, "name": project}}
        return 200, {**operation, "done": True, "response": response}


def _tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _left(share: float | None) -> dict[str, float]:
    """Nought is left out of this kind of JSON."""
    return {} if not share else {"remainingFraction": share}


def refused(
    status: int, message: str, word: str, *, reason: str | None = None, metadata: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """An error as Google words it."""
    details = []
    if reason is not None:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "cloudcode-pa.googleapis.com"}
        details.append({**info, "metadata": dict(metadata or {})})
    return status, {"error": {"code": status, "message": message, "status": word, "details": details}}


def complaints(body: Mapping[str, Any], project: str) -> list[str]:
    """What the service refuses of a chat's envelope."""
    found = [f"no {name}" for name in ("model", "project", "request") if not body.get(name)]
    if body.get("project") not in (None, project):
        found.append("a project of somebody else")
    if "userAgent" in body:
        if body["userAgent"] != "antigravity" or body.get("requestType") != "agent":
            found.append("an agent that is not known")
        if not re.fullmatch(r"agent-[0-9a-f-]{36}", str(body.get("requestId"))):
            found.append("no requestId")
        if not re.fullmatch(r"-\d{1,19}", str(body["request"].get("sessionId"))):
            found.append("no sessionId")
    elif not body.get("user_prompt_id") or not body["request"].get("session_id"):
        found.append("no ids")
    return found


def chat_of(body: bytes, verb: str) -> dict[str, Any]:
    """The Gemini request inside of an envelope, as the scripted dialect wants it."""
    fields = json.loads(body)
    return {**fields.get("request", {}), "model": fields.get("model"), "stream": verb == "streamGenerateContent"}


def body_of(answer: Mapping[str, Any]) -> bytes:
    return compact(dict(answer)).encode()
