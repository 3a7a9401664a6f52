"""Clients that are signed in at a provider by themselves and merely call us: their requests go to that provider as they came,
with their own token, and elsewhere only when it refuses them.

How such a client is recognised is the provider's data. The token is in the request and nowhere else: it is not kept, logged or
shown; what rests for a while after a refusal is known by the keyed hash of its token.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from msgspec.structs import replace

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.core import json
from omniroute.core.errors import Fault, OmniRouteError, Verdict
from omniroute.core.ids import Clock
from omniroute.gateway.attempt import Deliver, Try
from omniroute.gateway.context import Context
from omniroute.gateway.pipeline import Pipeline
from omniroute.gateway.policy import Digest, bearer_token
from omniroute.gateway.prepare import Prepared
from omniroute.routing.plan import Attempt
from omniroute.routing.resolve import Target, allows, target
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.request import Translated
from omniroute.translation.response import passes
from omniroute.upstream.call import Call, Timers
from omniroute.upstream.executor import Executor

ACCOUNT = Account(id="client's own", provider="", name="the client's own login", source="client")
DECISION = "the client's own login"
LONGEST_REST = 60.0
"""Seconds: after a refusal that says how long it holds, the provider is asked again no later than this."""
_MOST_RESTING = 1024
_NOBODY_ELSES = frozenset({"bad_request", "context_overflow", "content_filter"})
"""Faults of the request: another provider would say the same, and the client knows what its own one's words mean."""


class Own:
    """A recognised request: whom it is for, the body as it came, the headers that go along (the token among them).

    ``refused``: why its provider did not answer it. ``beside``: headers of the provider's answer that the client gets as well.
    """

    __slots__ = ("beside", "body", "compact", "headers", "refused", "target", "token_hash")

    def __init__(
        self, target: Target, body: bytes, headers: tuple[tuple[str, str], ...], token_hash: bytes, *, compact: bool
    ) -> None:
        self.target = target
        self.body = body
        self.headers = headers
        self.token_hash = token_hash
        self.compact = compact
        self.refused: Fault | None = None
        self.beside: Sequence[tuple[str, str]] = ()

    def __repr__(self) -> str:
        return f"<{DECISION} at {self.target.name}>"

    @property
    def attempt(self) -> Attempt:
        return Attempt(target=self.target, account=replace(ACCOUNT, provider=self.target.provider.id))

    def call(self, context: Context, executor: Executor, path: str, *, stream: bool, timers: Timers | None = None) -> Call:
        """The call with nothing of ours in it but what carries it."""
        attempt = self.attempt
        return executor.forward(
            attempt.target.provider,
            attempt.account,
            self.body,
            context.snapshot.settings,
            model=self.target.profile.model,
            path=path,
            stream=stream,
            headers=self.headers,
            timers=timers,
        )


class OwnCredentials:
    """``digest``: the keyed hash by which tokens that rest are known."""

    def __init__(self, pipeline: Pipeline, executor: Executor, digest: Digest, clock: Clock) -> None:
        self._pipeline = pipeline
        self._executor = executor
        self._digest = digest
        self._clock = clock
        self._resting: OrderedDict[tuple[str, bytes], tuple[float, Fault]] = OrderedDict()

    def recognised(self, context: Context, *, provider: str | None = None, compact: bool = False) -> Own | None:
        """The request as its own provider is to get it; None when it is to go the usual way. ``provider``: it came by the route
        of that one. Off, or without a bearer token, it costs two checks."""
        snapshot = context.snapshot
        if snapshot.settings.own_credentials == "off":
            return None
        token = bearer_token(context.exchange)
        if token is None:
            return None
        for known in issuers(snapshot):
            own = known.own_credentials
            if own is None or not token.startswith(own.begins) or known.format != context.format.name:
                continue
            if any(context.exchange.header(name) is None for name in own.needs):
                continue
            model = _meant_for(snapshot, known, own.models, context.model)
            if model is None or (provider is not None and provider not in known.prefixes()):
                return None
            if context.grant is not None and not allows(context.grant, known, model):
                return None
            names = frozenset(own.forward)
            headers = (*context.exchange.forwardable(names), ("authorization", f"Bearer {token}"))
            hashed = self._digest(token)
            return Own(target(snapshot, known, model), _with_model(context, model), headers, hashed, compact=compact)
        return None

    async def serve(self, context: Context, own: Own) -> bool:
        """Ask the client's own provider. True when it answered; False when it refused what others may grant: then
        ``own.refused`` says why. Raises Fault for a request that it found wrong."""
        key = (own.target.provider.id, own.token_hash)
        resting = self._rests(key)
        if resting is not None:
            context.own = own
            own.refused = resting
            return False
        context.own, context.decision, context.attempt = own, DECISION, own.attempt
        try:
            await self._forward(context, own)
        except Fault as fault:
            if context.committed or fault.verdict is Verdict.RETURN or fault.kind in _NOBODY_ELSES:
                raise
            self._let_rest(key, fault)
            own.refused, own.beside, context.attempt = fault, (), None
            return False
        return True

    async def _forward(self, context: Context, own: Own) -> None:
        wants_usage = context.format.wants_usage(context.envelope)
        stream = context.stream and not own.compact
        body = Translated(body=own.body, tool_names={}, request=None, include_usage=wants_usage, stream=stream)
        await self._pipeline.forward(context, own.attempt, Prepared(body, None), partial(_ForwardedTry, own))

    def _rests(self, key: tuple[str, bytes]) -> Fault | None:
        """The refusal that still holds."""
        until, fault = self._resting.get(key, (0.0, None))
        left = until - self._clock.monotonic()
        if fault is None or left <= 0:
            self._resting.pop(key, None)
            return None
        fault.retry_after = left
        return fault

    def _let_rest(self, key: tuple[str, bytes], fault: Fault) -> None:
        if not fault.retry_after:
            return
        self._resting[key] = (self._clock.monotonic() + min(fault.retry_after, LONGEST_REST), fault)
        while len(self._resting) > _MOST_RESTING:
            self._resting.popitem(last=False)


def issuers(snapshot: Snapshot) -> tuple[Provider, ...]:
    """The providers whose own clients can be recognised."""
    known = snapshot.memo.of(snapshot)
    found: tuple[Provider, ...] | None = known.get(issuers)
    if found is None:
        found = known[issuers] = tuple(p for p in snapshot.catalogue.providers if p.own_credentials is not None)
    return found


def told(context: Context | None, error: OmniRouteError) -> OmniRouteError:
    """What the client should hear of ``error``: what its own provider said, where nobody else could be asked."""
    own = context.own if context is not None else None
    if context is None or own is None or own.refused is None or context.attempt is not None:
        return error
    return own.refused


def _meant_for(snapshot: Snapshot, provider: Provider, patterns: tuple[str, ...], name: str) -> str | None:
    """The provider's own id of the model ``name``; None when the operator's combos and aliases, or others, are meant."""
    if name in snapshot.combos or name in snapshot.aliases:
        return None
    prefix, slash, rest = name.partition("/")
    if slash:
        owner = snapshot.catalogue.by_prefix(prefix)
        return rest if owner is provider and rest else None
    listed = snapshot.catalogue.model(provider.id, name) is not None
    if listed or any(fnmatchcase(name, pattern) for pattern in patterns):
        return None if any(fnmatchcase(name, alias.pattern) for alias in snapshot.wildcards) else name
    return None


def _with_model(context: Context, model: str) -> bytes:
    """The body, byte for byte where it names the model as its provider does."""
    envelope = context.envelope
    return envelope.body if envelope.model == model else envelope.splice({"model": json.dumps(model)})


class _ForwardedTry(Try):
    """A try in which nothing is ours but the connection."""

    def __init__(self, own: Own, context: Context, *rest: Any) -> None:
        self._own = own
        super().__init__(context, *rest)

    def _call(self, executor: Executor) -> Call:
        path = "compact" if self._own.compact else "chat"
        return self._own.call(self.context, executor, path, stream=self.translated.stream)

    async def open(self) -> Deliver:
        try:
            return await super().open()
        finally:
            self._hand_back()

    def _hand_back(self) -> None:
        own = self.attempt.target.provider.own_credentials
        if self._reply is not None and own is not None:
            self._own.beside = [(n, text) for n, text in self._reply.headers if n.lower().startswith(own.hand_back)]

    def _finish(self, body: bytes) -> Deliver:
        if not self._own.compact:
            return super()._finish(body)
        self._refuse_error(body)
        self.report.answered(passes(body, self.upstream)[1], "stop")
        return partial(self._send, body)
