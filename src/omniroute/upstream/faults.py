"""What an upstream's error means: its class, what it speaks about, where the request may go next, and when to come back.

The order of evidence: the provider's own rules (data of the catalogue), machine-readable codes, then the message (only where the
status agrees, so that a quoted word decides nothing), then the status alone. Scope and verdict follow from the class and the
status, in one table, unless a rule says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from omniroute.catalog.schema import FaultRule, Provider
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.core.ids import Clock, SystemClock
from omniroute.upstream import reset_time
from omniroute.upstream.call import Headers
from omniroute.upstream.error_body import details, error_text, is_html, presentable
from omniroute.upstream.error_rules import Evidence, first_match, reset_seconds
from omniroute.upstream.signals import by_code, by_message, speaks_of_one_model, status_of

__all__ = ["classify_reply", "classify_stream_error", "error_text"]


class Consequence(NamedTuple):
    """``status`` None: the upstream's own, brought to one that a client understands."""

    scope: Scope
    verdict: Verdict
    status: int | None = None
    code: str | None = None


CONSEQUENCES: Mapping[str, Consequence] = {
    "rate_limit": Consequence(Scope.MODEL, Verdict.NEXT_ACCOUNT, 429, "rate_limit_exceeded"),
    "quota_exhausted": Consequence(Scope.ACCOUNT, Verdict.NEXT_ACCOUNT, 429, "insufficient_quota"),
    "billing": Consequence(Scope.ACCOUNT, Verdict.NEXT_ACCOUNT, 402, "payment_required"),
    "auth": Consequence(Scope.ACCOUNT, Verdict.NEXT_ACCOUNT, None, "invalid_api_key"),
    "permission": Consequence(Scope.MODEL, Verdict.NEXT_ACCOUNT, 403, "permission_denied"),
    "account_suspended": Consequence(Scope.ACCOUNT, Verdict.NEXT_ACCOUNT, 403, "permission_denied"),
    "account_action_needed": Consequence(Scope.ACCOUNT, Verdict.NEXT_ACCOUNT, 403, "permission_denied"),
    "model_not_found": Consequence(Scope.MODEL, Verdict.NEXT_ACCOUNT, 404, "model_not_found"),
    "bad_request": Consequence(Scope.REQUEST, Verdict.RETURN, None, None),
    "context_overflow": Consequence(Scope.REQUEST, Verdict.NEXT_TARGET, None, "context_length_exceeded"),
    "content_filter": Consequence(Scope.REQUEST, Verdict.RETURN, 400, "content_filter"),
    "overloaded": Consequence(Scope.MODEL, Verdict.RETRY, None, "service_unavailable"),
    "server_error": Consequence(Scope.PROVIDER, Verdict.RETRY, None, "bad_gateway"),
    "transient": Consequence(Scope.MODEL, Verdict.RETRY, None, "upstream_error"),
    "edge_block": Consequence(Scope.MODEL, Verdict.NEXT_ACCOUNT, 502, "bad_gateway"),
    "misconfiguration": Consequence(Scope.PROVIDER, Verdict.NEXT_TARGET, 502, "misconfigured"),
}
_BY_STATUS: Mapping[int, str] = {
    401: "auth", 402: "billing", 403: "permission", 404: "model_not_found", 408: "transient", 409: "transient",
    410: "model_not_found", 413: "context_overflow", 425: "transient", 429: "rate_limit", 451: "permission", 499: "transient",
    503: "overloaded", 529: "overloaded",
}  # fmt: skip
_ABOUT_THE_REQUEST = frozenset({"bad_request", "context_overflow", "content_filter"})
_ABOUT_LIMITS = frozenset({"rate_limit", "quota_exhausted", "billing"})
_KEPT = frozenset({400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529})
_FOR_CLIENTS: Mapping[int, int] = {408: 504, 425: 503, 498: 503, 499: 502, 522: 504, 524: 504}
_CHALLENGE = re.compile(rb"cloudflare|just a moment|captcha|attention required|access denied|request blocked|akamai", re.I)
_PROVIDER_WIDE = frozenset({502, 504, *range(520, 528)})


def classify_reply(
    status: int, headers: Headers, body: bytes, provider: Provider, *, clock: Clock | None = None
) -> UpstreamStatus:
    """The fault that an error answer stands for; also for redirects, which are never followed."""
    now = (clock or SystemClock()).now()
    if 300 <= status < 400:
        return _fault("misconfiguration", status, "it redirects, and a redirect is never followed with a credential", provider)
    message, code, kind_word = error_text(body)
    if is_html(body):
        kind = _html_kind(status, body)
        return _fault(kind, status, message, provider, wait=_wait(kind, headers, body, message, now))
    codes = _codes(body, code, kind_word)
    kind = by_code(status, codes) or by_message(status, message) or _default(status)
    rule = first_match(provider.error_rules, Evidence(status, codes, message, headers, body, kind))
    if rule is None and _daily_pool(body):
        tomorrow = reset_time.midnight("America/Los_Angeles", now)
        return _fault("quota_exhausted", status, message, provider, scope=Scope.MODEL, wait=tomorrow)
    kind = (rule and rule.kind) or kind
    wait = _wait(kind, headers, body, message, now)
    return _fault(kind, status, message, provider, wait=_at_calendar(wait, rule, now), code=code, rule=rule)


def classify_stream_error(
    status: int, code: str, message: str, provider: Provider, *, clock: Clock | None = None
) -> UpstreamStatus:
    """The same for an error that came inside a stream or a 200: ``status`` is what it stands for (0 or a success = not known)."""
    now = (clock or SystemClock()).now()
    stated = status
    if status < 400:
        status = status_of(code) or 502
    kind = by_code(status, [code]) or by_message(status, message) or _default(status)
    rule = first_match(provider.error_rules, Evidence(stated, [code], message, [], b"", kind))
    if rule is None and stated < 400:
        rule = first_match(provider.error_rules, Evidence(status, [code], message, [], b"", kind))
    kind = (rule and rule.kind) or kind
    wait = _at_calendar(_wait(kind, [], b"", message, now), rule, now)
    return _fault(kind, status, presentable(message), provider, wait=wait, code=code or None, rule=rule)


def _at_calendar(wait: float | None, rule: FaultRule | None, now: float) -> float | None:
    """The rule's calendar speaks where the answer does not."""
    if wait is not None or rule is None or rule.reset is None:
        return wait
    return min(reset_seconds(rule.reset, now), reset_time.LONGEST)


def _wait(kind: str, headers: Headers, body: bytes, message: str, now: float) -> float | None:
    if kind in _ABOUT_THE_REQUEST:
        return None
    wait = reset_time.retry_after(headers, body, message, now, limited=kind in _ABOUT_LIMITS)
    if wait is None and kind == "quota_exhausted" and "month" in message.lower():
        return min(reset_time.next_month(now), reset_time.LONGEST)
    return wait


def _codes(body: bytes, code: str | None, kind: str | None) -> list[str]:
    """Every machine word of the body, the most specific first."""
    found = [word for word in (code, kind) if word]
    for item in details(body):
        for key in ("code", "error_code", "reason", "status", "status_code", "type", "__type", "quotaId"):
            word = item.get(key)
            if isinstance(word, (str, int)) and not isinstance(word, bool):
                found.append(str(word).rpartition("#")[2])
    return found


def _default(status: int) -> str:
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind
    return "server_error" if status >= 500 else "bad_request"


def _html_kind(status: int, body: bytes) -> str:
    """A web page is never the provider's word about a credential or a model."""
    if status == 429:
        return "rate_limit"
    if status in (401, 403) or _CHALLENGE.search(body):
        return "edge_block"
    return _default(status) if status >= 500 else "misconfiguration"


def _daily_pool(body: bytes) -> bool:
    """Google's free pools are per project, model and day: waiting for the stated seconds does not help."""
    if b"quotaId" not in body:
        return False
    quotas = (str(item.get("quotaId", "")).lower() for item in details(body))
    return any("perday" in quota or "daily" in quota for quota in quotas)


def _fault(
    kind: str,
    status: int,
    message: str,
    provider: Provider,
    *,
    scope: Scope | None = None,
    wait: float | None = None,
    code: str | None = None,
    rule: FaultRule | None = None,
) -> UpstreamStatus:
    consequence = CONSEQUENCES[kind]
    if rule is not None and rule.scope is not None:
        scope = Scope(rule.scope)
    if scope is None:
        scope = consequence.scope
        one_server = kind == "server_error" and status not in _PROVIDER_WIDE
        if one_server or (kind == "quota_exhausted" and speaks_of_one_model(message)):
            scope = Scope.MODEL
    return UpstreamStatus(
        _sentence(kind, status, message, provider),
        kind=kind,
        http_status=consequence.status or _status_for_clients(kind, status),
        error_code=_error_code(kind, code) or UpstreamStatus.code,
        scope=scope,
        verdict=Verdict(rule.verdict) if rule is not None and rule.verdict is not None else consequence.verdict,
        retry_after=wait,
        cooldown=rule.cooldown if rule is not None else None,
        upstream_status=status,
    )


def _status_for_clients(kind: str, status: int) -> int:
    if kind == "auth":
        return status if status in (401, 403) else 401
    if kind == "overloaded" and status not in (503, 529):
        return 503
    if kind == "context_overflow" and status != 413:
        return 400
    if status in _FOR_CLIENTS:
        return _FOR_CLIENTS[status]
    if status in _KEPT:
        return status
    return 502 if status >= 500 or status < 400 else 400


def _error_code(kind: str, code: str | None) -> str | None:
    """Our own word for the class; of a bad request the upstream's, which often says more."""
    fixed = CONSEQUENCES[kind].code
    if kind == "bad_request":
        return code if code and re.fullmatch(r"[A-Za-z][\w.-]{0,63}", code) else "bad_request"
    return fixed


def _sentence(kind: str, status: int, message: str, provider: Provider) -> str:
    name = provider.name or provider.id
    if kind == "auth":
        return f"{name} refused the credential stored for it (HTTP {status}); check or replace the key of this account"
    if kind == "edge_block":
        title = f" ({message})" if message else ""
        return f"{name} is behind an edge server that blocked the call with a web page, HTTP {status}{title}"
    if kind == "misconfiguration":
        return f"{name}: HTTP {status}, {message or 'a web page instead of an answer'}; check the base URL"
    if kind in ("permission", "account_suspended", "account_action_needed"):
        return f"{name} does not allow this with the credential stored for it (HTTP {status}): {message or 'no reason given'}"
    return f"{name}: {message or f'HTTP {status} without a message'}"
