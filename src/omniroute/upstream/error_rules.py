"""A provider's own rules about its errors: data of the catalogue, tried in order before the vocabulary that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from omniroute.catalog.schema import FaultRule, Reset
from omniroute.upstream import reset_time
from omniroute.upstream.call import Headers
from omniroute.upstream.error_body import details


class Evidence(NamedTuple):
    """What an answer shows. ``status``: as it came, below 400 where the error stood inside a success; ``kind``: what the shared
    vocabulary makes of it."""

    status: int
    codes: Sequence[str]
    message: str
    headers: Headers
    body: bytes
    kind: str


def first_match(rules: Sequence[FaultRule], evidence: Evidence) -> FaultRule | None:
    """The first rule all of whose conditions hold."""
    if not rules:
        return None
    codes = {code.strip().lower() for code in evidence.codes}
    message = evidence.message.lower()
    return next((rule for rule in rules if _holds(rule, evidence, codes, message)), None)


def reset_seconds(word: Reset, now: float) -> float:
    """Seconds from ``now`` until a limit of that calendar comes back."""
    if word == "next_month":
        return reset_time.next_month(now)
    return reset_time.midnight(_ZONES[word], now)


_ZONES: Mapping[Reset, str] = {
    "midnight_utc": "UTC",
    "midnight_pacific": "America/Los_Angeles",
    "midnight_china": "Asia/Shanghai",
}


def _holds(rule: FaultRule, evidence: Evidence, codes: set[str], message: str) -> bool:
    if rule.statuses and evidence.status not in rule.statuses and not (evidence.status < 400 and 200 in rule.statuses):
        return False
    if rule.given and evidence.kind not in rule.given:
        return False
    if rule.code and codes.isdisjoint(word.lower() for word in rule.code):
        return False
    if rule.text and not any(phrase.lower() in message for phrase in rule.text):
        return False
    if rule.has is not None and not any(rule.has in item for item in details(evidence.body)):
        return False
    return not rule.headers or _headers_hold(rule.headers, evidence.headers)


def _headers_hold(wanted: Mapping[str, str], headers: Headers) -> bool:
    given = {name.lower(): value.strip().lower() for name, value in reversed(headers)}
    return all(fnmatchcase(given.get(name.lower(), ""), pattern.lower()) for name, pattern in wanted.items())
