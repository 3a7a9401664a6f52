"""The words by which upstreams say what is wrong: machine codes first, phrases of a message second."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def _table(**kinds: str) -> dict[str, str]:
    return {word: kind for kind, words in kinds.items() for word in words.split()}


# Lower case. Numbers are the vendors' documented error numbers.
_CODES = _table(
    quota_exhausted="""insufficient_quota billing_hard_limit_reached usage_limit_reached usage_not_included quota_exceeded
        exceeded_current_quota_error monthly_request_count quota_exhausted token_quota_exceeded request_quota_exceeded
        freeusagelimiterror subscriptionusagelimiterror enforced_spend_limit_reached insufficient_g1_credits_balance
        throttling.allocationquota servicequotaexceededexception user_weekly_rate_limited free-models-per-day
        1308 1310 2056 4006 3036""",
    billing="""billing_error payment_required insufficient_credits creditserror not_enough_balance arrearage accountoverdueerror
        allocationquota.freetieronly asr_payment_required insufficient_balance 1113 1008 30001""",
    rate_limit="""rate_limit_exceeded rate_limit_reached_error throttlingexception too_many_requests rate_limited limit_requests
        user_global_rate_limited dynamic_request_limited dynamic_token_limited rpm_rate_limit_exceeded tpm_rate_limit_exceeded
        throttling.ratequota too_many_concurrent_requests ratelimitreached 1302 1303 1300 1002 1039""",
    overloaded="""overloaded_error engine_overloaded_error server_is_overloaded model_capacity_exhausted
        insufficient_model_capacity
        queue_exceeded system_busy serveroverloaded modelnotreadyexception
        serviceunavailableexception 1305 3505 3040 50505""",
    auth="""invalid_api_key api_key_invalid invalid_authentication invalid_grant expired_token expiredtokenexception
        unrecognizedclientexception account_deactivated refresh_token_reused refresh_token_expired refresh_token_revoked 1004 2049
        1000 1001 1003""",
    account_suspended="temporarily_suspended organization_disabled key_blocked account_suspended",
    account_action_needed="validation_required service_disabled",
    model_not_found="""model_not_found model_not_supported unsupported_api_for_model invalid_model_id invalid_model modelnotopen
        invalidendpointormodel deploymentnotfound unknown_model modelerror 1211 1220 1500 20012 5007 7000""",
    context_overflow="""context_length_exceeded model_max_prompt_tokens_exceeded tokens_limit_reached tokens_too_long
        characters_too_long
        content_length_exceeds_threshold request_too_large""",
    content_filter="content_filter data_inspection_failed content_policy_violation responsibleaipolicyviolation",
    transient="tool_use_failed malformed_function_call",
)

_STATUS_OF: Mapping[str, int] = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "insufficient_quota": 429,
    "api_error": 500, "server_error": 500, "timeout_error": 504, "overloaded_error": 529,
    "invalid_argument": 400, "failed_precondition": 400, "unauthenticated": 401, "permission_denied": 403, "not_found": 404,
    "resource_exhausted": 429, "internal": 500, "unavailable": 503, "deadline_exceeded": 504,
}  # fmt: skip

_LIMITS = (400, 402, 403, 429)
_PHRASES: tuple[tuple[str, tuple[int, ...], str], ...] = (
    (
        "context_overflow",
        (400, 413, 422, 500),
        r"""maximum\ context
        | context[ _](?:length|window|size)[^.]{0,40}(?:exceed|limit|too)
        | exceeds?\ the\ (?:model'?s?\ )?(?:maximum\ )?context
        | (?:prompt|input|request)(?:\ \w+)?\ (?:is|are)\ too\ long
        | too\ many\ (?:input\ )?tokens
        | input\ token\ count.{0,40}exceed
        | current\ length\ is\ \d+\ while\ limit\ is\ \d+
        | context_length_exceeded | tokens_limit_reached""",
    ),
    (
        "billing",
        _LIMITS,
        r"""credit\ balance\ is\ too\ low
        | insufficient\ (?:account\ )?(?:balance|credits|funds|points)
        | 余额不足 | not\ enough\ (?:balance|credits) | payment\ required | out\ of\ credits
        | spend(?:ing)?\ limit | balance\ is\ zero | account\ (?:is\ )?(?:overdue|in\ arrears)""",
    ),
    (
        "quota_exhausted",
        _LIMITS,
        r"""insufficient_quota | billing_hard_limit_reached | MONTHLY_REQUEST_COUNT
        | exceeded\ your\ (?:current\ |monthly\ )?quota
        | usage[ _]limit[ _]reached
        | (?:weekly|monthly|daily)(?:/\w+)?\ (?:usage\ )?limit\ (?:exhausted|reached)
        | reached\ for\ this\ month | credits\ (?:are\ )?exhausted | monthly\ included\ credits
        | free\ allocated\ quota\ exceeded | daily\ free\ allocation | free-models-per-day
        | api\ calls\ ?/\ ?month | tokens\ per\ day | requests\ per\ day | per\ 86400s | limit:\ 0\b""",
    ),
    (
        "content_filter",
        (400, 403, 422),
        r"""content\ (?:filter|management\ policy|moderation|policy)
        | violates?\ (?:our\ )?(?:usage|content)
        | (?:input|prompt)\ (?:was\ )?flagged
        | data\ may\ contain\ inappropriate""",
    ),
    (
        "overloaded",
        (400, 429, 500, 502, 503, 504, 529),
        r"""overloaded | at\ (?:maximum\ )?capacity | no\ capacity | capacity\ (?:temporarily\ )?exceeded
        | server\ (?:is\ )?(?:too\ )?busy | system\ (?:is\ )?too\ busy | no\ instances\ available
        | high\ demand | high\ traffic | model\ is\ loading | loading\ model | DEGRADED\ function""",
    ),
    (
        "rate_limit",
        (403, 503),
        r"rate\ limit | too\ many\ requests | requests\ per\ minute | tokens\ per\ minute | slow\ down | throttl",
    ),
    (
        "account_suspended",
        (400, 401, 403),
        r"""TEMPORARILY_SUSPENDED | account\ (?:has\ been\ |is\ )?(?:suspended|deactivated|disabled)
        | organization\ has\ been\ disabled | key\ (?:is\ )?blocked""",
    ),
    (
        "auth",
        (400, 403),
        r"""api\ key\ not\ valid | (?:invalid|incorrect|expired|missing)\ api[ _-]?key
        | token\ (?:has\ |is\ )?expired | expired\ token | invalid\ access\ token
        | bearer\ token\ (?:included\ in\ the\ request\ )?is\ invalid | \bUNAUTHENTICATED\b""",
    ),
    (
        "model_not_found",
        (400, 401, 403, 404, 422),
        r"""model\b.{0,80}?(?:does\ not\ exist|not\ found|is\ not\ supported|not\ supported\ when|is\ not\ available)
        | model\b.{0,80}?decommissioned
        | (?:no\ such|unknown|invalid)\ model | model\ identifier\ is\ invalid | model_not_found
        | on-demand\ throughput\ isn.t\ supported""",
    ),
    ("transient", (400,), r"tool_use_failed | failed\ to\ call\ a\ function"),
)
_SIGNALS = tuple((kind, frozenset(statuses), re.compile(words, re.I | re.X)) for kind, statuses, words in _PHRASES)
_MODEL_POOL = re.compile(r"limit: 0\b|per day|per 86400s|free-models", re.I)


def by_code(status: int, codes: Iterable[str]) -> str | None:
    """The class that a machine word names, None when none of ``codes`` is known. Numbers count only beside an error status."""
    for code in codes:
        word = code.strip().lower()
        if word.isdigit() and status < 400:
            continue
        kind = _CODES.get(word)
        if kind is not None:
            return kind
    return None


def by_message(status: int, message: str) -> str | None:
    """The class that a phrase names, where ``status`` makes that phrase believable."""
    for kind, statuses, pattern in _SIGNALS:
        if status in statuses and pattern.search(message):
            return kind
    return None


def status_of(word: str) -> int | None:
    """The HTTP status that an error type of one of the dialects stands for."""
    return _STATUS_OF.get(word.strip().lower())


def speaks_of_one_model(message: str) -> bool:
    """Whether a used-up quota is the pool of one model rather than the account's."""
    return _MODEL_POOL.search(message) is not None
