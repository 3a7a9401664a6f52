"""Between a request and routing: the facts that routing may know, the place at an account, and what became of a try."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from omniroute.core.errors import Fault, OmniRouteError, TooManyRequests
from omniroute.core.ids import Clock
from omniroute.gateway.context import Context
from omniroute.gateway.conversation_key import conversation_key
from omniroute.gateway.fitting import fitted_target
from omniroute.gateway.queue import Lines
from omniroute.routing.facts import Capability, Facts
from omniroute.routing.health import Health, Lease
from omniroute.routing.plan import Attempt, Plan, first_try, sole
from omniroute.routing.resolve import Group, Leaf, Resolution, Target, resolve
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.state import Block
from omniroute.upstream.call import Headers
from omniroute.upstream.quota_headers import windows_from_headers

_ANONYMOUS = "anonymous"
_BYTES_PER_TOKEN = 4
_QUEUEABLE = ("rate", "concurrency")
_VISION_SIGNS = (b'"image_url"', b'"input_image"', b'"image"', b'"inline_data"', b'"inlineData"', b'"images"')


class Course:
    """One request on its way through routing. ``lease`` is the place of the try that :meth:`Dispatch.next` gave last. ``until``
    (the loop's time): how long it may stand in line; ``queue_ms``: how long it has waited so far, None = not at all."""

    __slots__ = ("facts", "lease", "plan", "queue_ms", "resolution", "until")

    def __init__(self, resolution: Resolution, facts: Facts, plan: Plan, until: float) -> None:
        self.resolution = resolution
        self.facts = facts
        self.plan = plan
        self.until = until
        self.queue_ms: float | None = None
        self.lease: Lease | None = None


class Dispatch:
    """The gateway's side of :class:`Health`. ``rng`` throws what strategies and delays need; ``pause`` sleeps so many seconds."""

    def __init__(
        self, health: Health, clock: Clock, rng: random.Random, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self.health = health
        self.lines = Lines()
        self._clock = clock
        self._rng = rng
        self._pause = pause

    def begin(self, context: Context) -> Course:
        """Resolve the request's model and plan its tries. Raises ModelNotFound, Forbidden."""
        resolution = resolve(context.snapshot, context.model, context.grant)
        context.decision = resolution.decision
        facts = self._facts(context, resolution)
        context.session = facts.session
        until = asyncio.get_running_loop().time() + context.snapshot.settings.queue_wait
        return Course(resolution, facts, self._plan(context, resolution, facts), until)

    def _plan(self, context: Context, resolution: Resolution, facts: Facts) -> Plan:
        patience = context.snapshot.settings.cooldown_wait
        return Plan(resolution, context.snapshot, self.health, facts, self._clock.now(), self._rng, patience=patience)

    def begun(self, context: Context, resolution: Resolution, leaf: Leaf, attempt: Attempt, lease: Lease) -> Course:
        """The course of a request whose first try, at the sole leaf there is, is under way already."""
        facts = Facts(model=context.model, session=context.session, stream=context.stream)
        until = asyncio.get_running_loop().time() + context.snapshot.settings.queue_wait
        course = Course(resolution, facts, self._plan(context, resolution, facts), until)
        course.plan.begun(leaf, attempt)
        course.lease = lease
        return course

    async def next(self, context: Context, course: Course) -> Attempt | None:
        """The next try, after whatever must be waited for, with its place taken (``course.lease``, to be released); None when
        nothing is left (see :meth:`give_up`).

        When every account is merely busy the request stands in line for one, once for as long as ``queue_wait``.
        """
        while True:
            attempt = course.plan.next(self._clock.now())
            if attempt is not None:
                if attempt.delay > 0:
                    await self._sleep(context, course, attempt.delay)
                course.lease = self.lease(attempt)  # at once: what let it pass holds for this moment
                context.attempt = attempt
                return attempt
            busy = self._busy(course)
            if busy is None:
                return None
            await self._stand(context, course, busy)
            course.plan = self._plan(context, course.resolution, course.facts)

    def give_up(self, course: Course) -> OmniRouteError:
        """What to tell the client when :meth:`next` had nothing."""
        return course.plan.exhausted(self._clock.now())

    def failed(self, course: Course, attempt: Attempt, fault: Fault) -> None:
        """A try came to nothing, and the client has seen nothing of it."""
        course.plan.failed(attempt, fault, self._clock.now())

    def warm(self, session: str, attempt: Attempt) -> bool:
        """The session's prompt cache is with the attempt's account."""
        return self.health.affinity(session, attempt.target.provider.id, self._clock.now()) == attempt.account.id

    def waited(self, attempt: Attempt, seconds: float) -> None:
        """The attempt was given up, unpunished, after so long without a token: that much is known of its target's speed."""
        self.health.waited(attempt.target, seconds)

    # -- one try -------------------------------------------------------------------------------------------------------

    def lease(self, attempt: Attempt) -> Lease:
        return self.health.lease(attempt.target, attempt.account, self._clock.now(), probe=attempt.probe)

    def release(self, course: Course) -> None:
        """The try is over: the next one in line has its turn."""
        lease, course.lease = course.lease, None
        if lease is not None:
            self.free(lease)

    def free(self, lease: Lease) -> None:
        """Give one place back."""
        lease.release()
        if self.lines:
            self.lines.released(lease.account.id)

    def beside(self, course: Course) -> tuple[Attempt, Lease] | None:
        """A second try for a request whose first is under way, with its place taken; None when nothing is free at this moment."""
        attempt = course.plan.beside(self._clock.now())
        return None if attempt is None else (attempt, self.lease(attempt))

    def read_headers(self, attempt: Attempt, headers: Headers) -> None:
        """What the answer says of quotas and rates; of one that failed, after :meth:`done`. Nothing of a client's own login."""
        if attempt.account.source == "client":
            return
        now = self._clock.now()
        found = windows_from_headers(headers, now, attempt.target.model)
        if found.windows or found.rates:
            self.health.observed(attempt.account.id, found.windows, found.rates, now)

    def useful(self, lease: Lease) -> None:
        """The first useful event came: the account works."""
        self.health.answering(lease.target, lease.account, self._clock.now(), started=lease.started)

    def done(self, context: Context, lease: Lease, *, fault: Fault | None, ttft: float | None, tokens: int) -> None:
        """The try's end. ``ttft`` in seconds from its own beginning, None = nothing useful came; ``tokens``: all that it used."""
        now = self._clock.now()
        target, account = lease.target, lease.account
        if fault is not None:
            self.health.failed(target, account, fault, now)
            return
        self.health.succeeded(target, account, now, ttft=ttft, usage_tokens=tokens, started=lease.started)
        if context.session is not None:
            self.health.bind(context.session, target.provider.id, account.id, now)

    def foresee(self, context: Context) -> Attempt:
        """Who would be asked now, where nobody is to be asked yet: the first target where nobody can serve. Raises
        ModelNotFound, Forbidden."""
        resolution = resolve(context.snapshot, context.model, context.grant)
        root = resolution.root
        leaf = sole(resolution)
        if leaf is not None:
            return first_try(leaf)
        facts = self._facts(context, resolution)
        return self._plan(context, resolution, facts).next() or _first(root)

    def target(self, context: Context) -> Target:
        """Likewise, where the account is of no interest."""
        resolution = resolve(context.snapshot, context.model, context.grant)
        if isinstance(resolution.root, Leaf) and not resolution.chain:
            return resolution.root.target
        return self.foresee(context).target

    def targets(self, context: Context) -> tuple[Target, ...]:
        """Everybody who may be asked. Raises ModelNotFound, Forbidden."""
        return resolve(context.snapshot, context.model, context.grant).targets

    def choose(self, snapshot: Snapshot, model: str, dialect: str) -> Target:
        """Likewise, of a request of which only its model and its dialect are known."""
        resolution = resolve(snapshot, model)
        plan = Plan(resolution, snapshot, self.health, None, self._clock.now(), self._rng)
        attempt = plan.next() or _first(resolution.root)
        return fitted_target(snapshot, attempt.target, attempt.account, dialect)

    def describe(self) -> dict[str, object]:
        return {**self.health.describe(self._clock.now()), "lines": self.lines.describe()}

    # -- within --------------------------------------------------------------------------------------------------------

    def _facts(self, context: Context, resolution: Resolution) -> Facts:
        """For a single model of a single account nothing needs to be known."""
        root = resolution.root
        alone = isinstance(root, Leaf) and not resolution.chain
        session = context.session_id
        if alone and isinstance(root, Leaf):
            if session is None and len(context.snapshot.accounts.get(root.target.provider.id, ())) < 2:
                return Facts(model=context.model, stream=context.stream)
            session = session or self._key(context)
            return Facts(model=context.model, session=session, stream=context.stream)
        return Facts(
            model=context.model,
            session=session or self._key(context),
            needs=_needs(context),
            input_tokens=len(context.envelope.body) // _BYTES_PER_TOKEN,
            stream=context.stream,
        )

    def _key(self, context: Context) -> str:
        return conversation_key(context.envelope, context.grant.id if context.grant is not None else _ANONYMOUS)

    def _busy(self, course: Course) -> tuple[str, Block] | None:
        """The account to wait for, where only our own limits stand in the way: the one that is free first."""
        if not isinstance(course.plan.exhausted(self._clock.now()), TooManyRequests):
            return None
        found = [
            (account.id, block) for _, account, block in course.plan.skipped if account is not None and block.reason in _QUEUEABLE
        ]
        # One that waits for another request to end has no moment of its own; it is as good as now.
        return min(found, key=lambda pair: pair[1].until or 0.0, default=None)

    async def _stand(self, context: Context, course: Course, busy: tuple[str, Block]) -> None:
        account_id, block = busy
        seconds = None if block.until is None else max(0.0, block.until - self._clock.now())
        client = context.grant.id if context.grant is not None else _ANONYMOUS
        began = self._clock.monotonic()
        try:
            await self.lines.wait(account_id, client, seconds, deadline=course.until, again=course.queue_ms is not None)
        except TooManyRequests as refused:
            told = course.plan.exhausted(self._clock.now())
            raise told if isinstance(told, TooManyRequests) and told.retry_after else refused from None
        finally:
            self._waited(context, course, began)

    async def _sleep(self, context: Context, course: Course, seconds: float) -> None:
        began = self._clock.monotonic()
        await self._pause(seconds)
        self._waited(context, course, began)

    def _waited(self, context: Context, course: Course, began: float) -> None:
        context.queued += self._clock.monotonic() - began
        course.queue_ms = context.queued * 1000


def _first(node: Leaf | Group) -> Attempt:
    """The first as written."""
    while isinstance(node, Group):
        node = (*node.members, *node.fallback)[0]
    return Attempt(target=node.target, account=node.accounts[0])


def _needs(context: Context) -> frozenset[Capability]:
    """What the request cannot do without, as its body shows at a glance."""
    needs: set[Capability] = set()
    if context.envelope.tools:
        needs.add("tools")
    if any(sign in context.envelope.body for sign in _VISION_SIGNS):
        needs.add("vision")
    return frozenset(needs)
