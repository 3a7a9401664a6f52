"""Token counts (``…/count_tokens``, ``:countTokens``): the upstream's own where it has one, ours everywhere else.

A failing count says nothing about the account's health, so nothing here is classified, retried or recorded.
"""

from __future__ import annotations

import asyncio

from omniroute._fast.tokens import estimate_body
from omniroute.core import json
from omniroute.core.errors import Fault
from omniroute.gateway.context import Context
from omniroute.gateway.own_credentials import Own
from omniroute.gateway.vocabularies import Vocabularies
from omniroute.routing.plan import Attempt
from omniroute.routing.resolve import Target
from omniroute.translation.format import Format
from omniroute.translation.tokens import count_request, family_of
from omniroute.upstream.call import Call, Timers, Transport
from omniroute.upstream.executor import Executor

_LIMIT = 64 * 1024
_TIMERS = Timers(connect=5.0, first_byte=10.0, between=5.0, total=15.0)


async def count_tokens(
    context: Context,
    upstream: Format,
    attempt: Attempt,
    transport: Transport,
    executor: Executor,
    vocabularies: Vocabularies,
    own: Own | None = None,
) -> bytes:
    """The count in the client's dialect (Anthropic: ``{"input_tokens": n}``), n ≥ 1; by the target and account of ``attempt``, or
    with the client's ``own`` login. The operator may want it to be ours always."""
    counted, target = None, attempt.target
    here = context.snapshot.settings.local_warmups
    if upstream is context.format and "count_tokens" in target.provider.paths and not here:
        counted = await _native(context, upstream, attempt, transport, executor, own)
    if counted is None:
        counted = await _ours(context, upstream, target, vocabularies)
    return json.dumps({**context.format.count_fields, context.format.count_key: counted})


async def _ours(context: Context, upstream: Format, target: Target, vocabularies: Vocabularies) -> int:
    """By the vocabulary of the model's family; the estimate where there is none."""
    family = family_of(target.profile.model, upstream.dialect)
    vocabulary = await vocabularies.get(family.rules)
    if vocabulary is None:
        return estimate_body(context.envelope.body)
    request = context.format.decode_request(context.envelope.body)
    return await asyncio.to_thread(count_request, request, family, vocabulary)


async def _native(
    context: Context, upstream: Format, attempt: Attempt, transport: Transport, executor: Executor, own: Own | None
) -> int | None:
    try:
        call = _call(context, upstream, attempt, executor, own)
        reply = await transport.send(call)
        try:
            if reply.status != 200:
                return None
            value = json.loads(await reply.read(_LIMIT))
        finally:
            await asyncio.shield(reply.close())
    except (Fault, ValueError):
        return None
    counted = value.get(upstream.count_key) if isinstance(value, dict) else None
    return counted if isinstance(counted, int) and counted > 0 else None


def _call(context: Context, upstream: Format, attempt: Attempt, executor: Executor, own: Own | None) -> Call:
    if own is not None:
        return own.call(context, executor, "count_tokens", stream=False, timers=_TIMERS)
    target = attempt.target
    return executor.prepare(
        target.provider,
        attempt.account,
        context.envelope.splice(upstream.adjust(context.envelope, target.profile)),
        context.snapshot.settings,
        model=target.profile.model,
        path="count_tokens",
        stream=False,
        timers=_TIMERS,
        client_headers=context.exchange.forwardable(upstream.forward_headers),
        default_headers=upstream.default_headers,
        request_id=context.exchange.request_id,
        asked=context,
    )
