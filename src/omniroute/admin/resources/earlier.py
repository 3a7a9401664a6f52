"""Paths of version 1 that people's scripts call: thin views of settings, routing and the ledger, which have better places of
their own."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import UNSET

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.aliases import ChainBody, ChainQuery, delete_chain, list_chains, put_chain
from omniroute.admin.resources.providers import check_url_vars, checked_secret, connectable
from omniroute.admin.resources.routing import dry_run
from omniroute.admin.resources.settings import change
from omniroute.admin.resources.usage import HistoryQuery, read_history
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.earlier import (
    CacheState,
    ComboTest,
    Forgotten,
    IpFilter,
    IpFilterChange,
    LoginRequired,
    LoginRequiredChange,
    OutboundProxies,
    OutboundProxyChange,
    ProviderMetrics,
    SystemPrompt,
    SystemPromptChange,
    TargetLatency,
    ThinkingBudget,
    ThinkingBudgetChange,
    UnavailableModel,
    Unlock,
    Unlocked,
    Validate,
    Validated,
)
from omniroute.admin.shapes.routing import ChainEntry, DeletedChain, DryRun
from omniroute.catalog.account import Account, Secret
from omniroute.core.errors import BadRequest, Conflict
from omniroute.core.ids import new_id
from omniroute.core.ledger import LedgerRow
from omniroute.core.proxy_url import shown_proxy
from omniroute.routing.facts import Facts


class SinceQuery(msgspec.Struct):
    """``since``: unix seconds."""

    since: float | None = None


async def read_ip_filter(request: AdminRequest) -> Answer:
    """The settings ``ip_allow`` and ``ip_block``."""
    values = request.services.settings()
    allow, block = list(values.ip_allow), list(values.ip_block)
    mode = "both" if allow and block else "allowlist" if allow else "blocklist" if block else "off"
    return Answer({"mode": mode, "allowlist": allow, "blocklist": block})


async def update_ip_filter(request: AdminRequest) -> Answer:
    """Change the settings ``ip_allow`` and ``ip_block``."""
    body = request.decode(IpFilterChange)
    given: dict[str, Any] = {}
    if body.mode in ("off", "blocklist"):
        given["ip_allow"] = None
    if body.mode in ("off", "allowlist"):
        given["ip_block"] = None
    for name, value in (("ip_allow", body.allowlist), ("ip_block", body.blocklist)):
        if value is not UNSET:
            given[name] = value or None
    await change(request, given)
    return await read_ip_filter(request)


async def read_thinking_budget(request: AdminRequest) -> Answer:
    """The settings ``reasoning_mode``, ``reasoning_budget`` and ``reasoning_effort``."""
    values = request.services.settings()
    return Answer({"mode": values.reasoning_mode, "custom_budget": values.reasoning_budget, "effort": values.reasoning_effort})


async def update_thinking_budget(request: AdminRequest) -> Answer:
    """Change how much models think."""
    body = request.decode(ThinkingBudgetChange)
    names = {"mode": "reasoning_mode", "custom_budget": "reasoning_budget", "effort": "reasoning_effort"}
    await change(request, {names[name]: value for name, value in _given(body).items()})
    return await read_thinking_budget(request)


async def read_system_prompt(request: AdminRequest) -> Answer:
    """The settings ``system_prompt`` and ``system_prompt_position``."""
    values = request.services.settings()
    prompt = values.system_prompt
    return Answer({"enabled": bool(prompt), "prompt": prompt, "position": values.system_prompt_position})


async def update_system_prompt(request: AdminRequest) -> Answer:
    """Change the prompt that goes with every chat request."""
    body = request.decode(SystemPromptChange)
    given: dict[str, Any] = {}
    if body.prompt is not UNSET:
        given["system_prompt"] = body.prompt or None
    if body.enabled is False:
        given["system_prompt"] = None
    elif body.enabled is True and not given.get("system_prompt", request.services.settings().system_prompt):
        raise BadRequest("give the prompt that is to be enabled", param="prompt")
    if body.position is not UNSET:
        given["system_prompt_position"] = body.position
    await change(request, given)
    return await read_system_prompt(request)


async def read_outbound_proxy(request: AdminRequest) -> Answer:
    """The setting ``outbound_proxy``, and the proxies of providers and nodes."""
    own = request.services.settings().outbound_proxy
    providers = {p.id: shown_proxy(p.proxy) for p in request.services.catalogue().providers if p.proxy is not None}
    return Answer({"proxy": None if own is None else shown_proxy(own), "providers": providers})


async def update_outbound_proxy(request: AdminRequest) -> Answer:
    """Change the proxy of all calls to upstreams."""
    await change(request, {"outbound_proxy": request.decode(OutboundProxyChange).proxy})
    return await read_outbound_proxy(request)


async def read_login_required(request: AdminRequest) -> Answer:
    """Whether the dashboard asks for a password: it always does."""
    del request
    return Answer({"require_login": True})


async def update_login_required(request: AdminRequest) -> Answer:
    """Nothing can be changed: an admin API without a login would hand every credential to whoever can reach it."""
    if not request.decode(LoginRequiredChange).require_login:
        raise Conflict("the login cannot be switched off", param="require_login", code="unsafe")
    return await read_login_required(request)


async def test_combo(request: AdminRequest) -> Answer:
    """Who would be asked for a combo now, in order, and why. Nobody is called."""
    body = request.decode(ComboTest)
    now = request.services.clock.now()
    return dry_run(request, Facts(model=body.name, stream=body.stream), random.Random(int(now)))


async def validate_credential(request: AdminRequest) -> Answer:
    """Try a credential with one live request for one token, before an account is made of it."""
    body = request.decode(Validate)
    services = request.services
    provider = connectable(request, body.provider)
    secret = checked_secret(body.api_key)
    check_url_vars(request, provider, body.url_vars)
    account = Account(id=new_id("try"), provider=provider.id, name="tried", secret=Secret(secret or ""), url_vars=body.url_vars)
    try:
        result = await services.try_account(provider, account)
    finally:
        services.health.unlock(("account", account.id))
    await services.audit.append(request.actor, "credential.try", provider.id, {"address": request.address, "ok": result.ok})
    return Answer(asdict(result))


async def read_telemetry(request: AdminRequest) -> Answer:
    """Latencies of every target since the start, the busiest first."""
    rows = []
    for told in request.services.status().get("latency", ()):
        count = sum(told["outcomes"].values())
        rows.append(
            {
                "provider": told["provider"],
                "model": told["model"],
                "count": count,
                "errors": count - told["outcomes"].get("ok", 0),
                "total_ms": told["total_ms"],
                "ttft_ms": told["ttft_ms"],
            }
        )
    return listing(rows)


async def read_provider_metrics(request: AdminRequest) -> Answer:
    """Sums of every provider that was asked, ``?since`` a moment."""
    services = request.services
    breakers = services.health.describe(services.clock.now())["providers"]
    totals = await services.usage.totals(since=request.number("since"), group_by="provider")
    return listing(
        [
            {
                "provider": one.group,
                "requests": one.requests,
                "attempts": one.attempts,
                "errors": one.errors,
                "success_rate": None if not one.attempts else 1 - one.errors / one.attempts,
                "input_tokens": one.input_tokens,
                "output_tokens": one.output_tokens,
                "cost_usd": one.cost_usd,
                "shadow_cost_usd": one.shadow_cost_usd,
                "breaker": breakers.get(one.group, {"state": "closed"})["state"],
            }
            for one in totals
        ]
    )


async def read_cache(request: AdminRequest) -> Answer:
    """Answers that are kept for equal requests."""
    return Answer(request.services.status()["idempotency"])


async def clear_cache(request: AdminRequest) -> Answer:
    """Forget the answers that are kept for equal requests."""
    removed = request.services.forget_answers()
    await request.services.audit.append(request.actor, "cache.clear", "answers", {"address": request.address, "removed": removed})
    return Answer({"removed": removed})


async def read_account_usage(request: AdminRequest) -> Answer:
    """The ledger's rows of one account, newest first."""
    request.query["account_id"] = request.params["account"]
    return await read_history(request)


async def read_availability(request: AdminRequest) -> Answer:
    """Models that accounts cannot be asked for at the moment, and until when."""
    services = request.services
    now = services.clock.now()
    accounts = {a.id: a for known in services.snapshot().accounts.values() for a in known}
    rows = []
    for account_id, state in services.health.describe(now)["accounts"].items():
        account = accounts.get(account_id)
        for model, lock in state["models"].items():
            rows.append(
                {
                    "provider": None if account is None else account.provider,
                    "model": model,
                    "account": account_id if account is None else account.name,
                    "reason": lock["reason"],
                    "until": lock["until"],
                }
            )
    return listing(rows)


async def make_available(request: AdminRequest) -> Answer:
    """Forget what is held against a model at every account of a provider."""
    body = request.decode(Unlock)
    services = request.services
    provider = services.catalogue().by_prefix(body.provider)
    if provider is None:
        raise BadRequest(f"there is no provider {body.provider!r}", param="provider", code="unknown_provider")
    accounts = services.snapshot().accounts.get(provider.id, ())
    count = sum(services.health.unlock(("model", account.id, body.model)) for account in accounts)
    scope = f"{provider.id}/{body.model}"
    await services.audit.append(request.actor, "resilience.reset", scope, {"address": request.address, "unlocked": count})
    return Answer({"provider": provider.id, "model": body.model, "unlocked": count})


def _given(body: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}


ROUTES = (
    Route("GET", "/api/settings/ip-filter", read_ip_filter, answer=IpFilter),
    Route("PUT", "/api/settings/ip-filter", update_ip_filter, body=IpFilterChange, answer=IpFilter),
    Route("GET", "/api/settings/thinking-budget", read_thinking_budget, answer=ThinkingBudget),
    Route("PUT", "/api/settings/thinking-budget", update_thinking_budget, body=ThinkingBudgetChange, answer=ThinkingBudget),
    Route("GET", "/api/settings/system-prompt", read_system_prompt, answer=SystemPrompt),
    Route("PUT", "/api/settings/system-prompt", update_system_prompt, body=SystemPromptChange, answer=SystemPrompt),
    Route("GET", "/api/settings/proxy", read_outbound_proxy, answer=OutboundProxies),
    Route("PUT", "/api/settings/proxy", update_outbound_proxy, body=OutboundProxyChange, answer=OutboundProxies),
    Route("GET", "/api/settings/require-login", read_login_required, answer=LoginRequired),
    Route("PUT", "/api/settings/require-login", update_login_required, body=LoginRequiredChange, answer=LoginRequired),
    Route("POST", "/api/providers/validate", validate_credential, body=Validate, answer=Validated),
    Route("POST", "/api/combos/test", test_combo, body=ComboTest, answer=DryRun),
    Route("GET", "/api/policies", list_chains, answer=Listing[ChainEntry]),
    Route("POST", "/api/policies", put_chain, body=ChainBody, answer=ChainEntry, statuses=(200, 201)),
    Route("DELETE", "/api/policies", delete_chain, query=ChainQuery, answer=DeletedChain),
    Route("GET", "/api/telemetry/summary", read_telemetry, answer=Listing[TargetLatency]),
    Route("GET", "/api/provider-metrics", read_provider_metrics, query=SinceQuery, answer=Listing[ProviderMetrics]),
    Route("GET", "/api/cache", read_cache, answer=CacheState),
    Route("DELETE", "/api/cache", clear_cache, answer=Forgotten),
    Route("GET", "/api/usage/logs", read_history, query=HistoryQuery, answer=Listing[LedgerRow]),
    Route("GET", "/api/usage/request-logs", read_history, query=HistoryQuery, answer=Listing[LedgerRow]),
    Route("GET", "/api/usage/{account}", read_account_usage, query=HistoryQuery, answer=Listing[LedgerRow]),
    Route("GET", "/api/models/availability", read_availability, answer=Listing[UnavailableModel]),
    Route("POST", "/api/models/availability", make_available, body=Unlock, answer=Unlocked),
)
