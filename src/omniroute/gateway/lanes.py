"""Lanes: what is decided once for all requests that are alike, so that the next of them is only carried.

A lane is nothing but results of the normal way, kept: the resolution of a model, the only try it stands for, the signed call,
what translation does to such bodies. It is taken where nothing else could happen on the way to the upstream; whatever is unusual
is left to the normal way, before anything was done for the request, or with the try under way (see ``gateway.express``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from omniroute._fast.envelope import Envelope, scan
from omniroute._fast.http_head import response_head
from omniroute.core.errors import RequestError
from omniroute.core.ids import Clock
from omniroute.core.registry import Registry
from omniroute.gateway.addresses import AddressGate
from omniroute.gateway.attendance import Attendance
from omniroute.gateway.context import Context, Said, said_by
from omniroute.gateway.egress import JSON_TYPE, choice_headers, stream_headers
from omniroute.gateway.express import Express
from omniroute.gateway.fitting import fitted
from omniroute.gateway.ingress import check_media_type
from omniroute.gateway.own_credentials import OwnCredentials
from omniroute.gateway.pipeline import Pipeline
from omniroute.gateway.policy import Digest, authenticate
from omniroute.gateway.ports import Direct, Exchange
from omniroute.gateway.prepare import Prepared
from omniroute.gateway.steps.effort import effort_changes_of
from omniroute.gateway.steps.idempotency import concerns
from omniroute.gateway.steps.system_prompt import has_system_prompt
from omniroute.gateway.steps.window import safe_size
from omniroute.gateway.visit import Gate, Presence, Visit
from omniroute.routing.plan import first_try, sole
from omniroute.routing.resolve import Leaf, Resolution, resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot
from omniroute.translation.format import Format
from omniroute.translation.repeat import Repeat, repeat_of

if TYPE_CHECKING:
    from omniroute.upstream.track import Track

_MOST_LANES = 64
"""Models that one caller's lanes are kept of."""
_MOST_REPEATS = 4


class Lane:
    """A model, asked for by one caller, with or without a stream. ``lines``: the header lines that every answer has;
    ``largest``: bytes of a body that needs no look at the context window."""

    __slots__ = ("_repeats", "attempt", "format", "largest", "leaf", "lines", "resolution", "track")

    def __init__(self, format: Format, resolution: Resolution, leaf: Leaf, track: Track, lines: bytes, largest: float) -> None:
        self.format = format
        self.resolution = resolution
        self.leaf = leaf
        self.attempt = first_try(leaf)
        self.track = track
        self.lines = lines
        self.largest = largest
        self._repeats: list[Repeat] = []

    def repeat(self, envelope: Envelope) -> Repeat | None:
        """How such a body is translated; None when that must be found out for each."""
        for known in self._repeats:
            if known.fits(envelope):
                return known
        if len(self._repeats) == _MOST_REPEATS:
            return None
        found = repeat_of(envelope, self.format, self.attempt.target.profile)
        if found is not None:
            self._repeats.append(found)
        return found


class Caller:
    """Everybody whose requests have one and the same head. ``lanes`` hold while ``snapshot`` does: model and stream switch →
    lane, None where there is none."""

    __slots__ = ("format", "grant", "lanes", "said", "snapshot")

    def __init__(self, format: Format, said: Said) -> None:
        self.format = format
        self.said = said
        self.grant: KeyGrant | None = None
        self.snapshot: Snapshot | None = None
        self.lanes: dict[tuple[str | None, bool | None], Lane | None] = {}


class Lanes:
    """One for all requests."""

    def __init__(
        self,
        *,
        formats: Registry[Format],
        snapshot: Callable[[], Snapshot],
        digest: Digest,
        clock: Clock,
        gate: Gate,
        presence: Presence,
        pipeline: Pipeline,
        own: OwnCredentials,
        attendance: Attendance,
        addresses: AddressGate,
        resume: Callable[..., Awaitable[None]],
    ) -> None:
        self._formats = formats
        self._snapshot = snapshot
        self._digest = digest
        self._clock = clock
        self._gate = gate
        self._presence = presence
        self._own = own
        self._attendance = attendance
        self._addresses = addresses
        self.pipeline = pipeline
        self.resume = resume
        self.taken = 0  # requests that went by a lane
        self.left = 0  # and those of them that left it

    def caller(self, exchange: Exchange, format_name: str) -> Caller | None:
        """Who asks with such a head for a chat in that dialect; None when each of its requests is one of a kind."""
        format, said = self._formats[format_name], said_by(exchange)
        if format.history is not None or format.model_in_url or said.explain or exchange.header("x-request-id") is not None:
            return None
        return Caller(format, said)

    def take(self, exchange: Direct, caller: Caller, body: bytes) -> bool:
        """Begin to serve the request; False when it is for the normal way, and nothing has been done."""
        snapshot = self._snapshot()
        received, wall = self._clock.monotonic(), self._clock.now()
        if self._presence.draining or (caller.snapshot is not snapshot and not self._admit(caller, exchange, snapshot, wall)):
            return False
        grant, settings = caller.grant, snapshot.settings
        if grant is not None and grant.expires_at is not None and grant.expires_at <= wall:
            return False
        if self._attendance.concerns(grant.id if grant is not None else None):
            return False
        try:
            envelope = scan(body)
        except ValueError:
            return False
        lane = self._lane(exchange, caller, envelope, snapshot)
        if lane is None or len(body) > lane.largest:
            return False
        repeat, attempt = lane.repeat(envelope), lane.attempt
        if repeat is None or self.pipeline.dispatch.health.blocked(attempt.target, attempt.account, wall) is not None:
            return False
        visit = Visit(self._gate)
        if not visit.at_once(grant, settings, len(body), stream=repeat.stream):
            return False
        self._presence.enter()
        self.taken += 1
        context = Context(exchange, lane.format, snapshot, grant, envelope, received=received, wall=wall, said=caller.said)
        context.decision, context.session, context.attempt = lane.resolution.decision, caller.said.session_id, attempt
        guest = self._attendance.enter(context)
        Express(self, lane, context, visit, guest, repeat, lane.track.claim(), exchange).begin(envelope.splice(repeat.changes))
        return True

    def leave(self, visit: Visit) -> None:
        """A request has been served."""
        visit.close()
        self._presence.leave()

    def _admit(self, caller: Caller, exchange: Exchange, snapshot: Snapshot, now: float) -> bool:
        """Look at the head in the light of another snapshot."""
        settings = snapshot.settings
        caller.snapshot, caller.lanes = None, {}
        if settings.cors_origins or self._addresses.rules(settings) is not None or concerns(exchange, settings):
            return False
        if settings.strict_translation or settings.hedge or settings.local_warmups or effort_changes_of(settings):
            return False
        try:
            check_media_type(exchange)
            caller.grant = authenticate(exchange, snapshot, self._digest, now)
        except RequestError:
            return False
        if has_system_prompt(settings, caller.grant):
            return False
        caller.snapshot = snapshot
        return True

    def _lane(self, exchange: Exchange, caller: Caller, envelope: Envelope, snapshot: Snapshot) -> Lane | None:
        lanes, key = caller.lanes, (envelope.model, envelope.stream)
        try:
            return lanes[key]
        except KeyError:
            if len(lanes) >= _MOST_LANES:
                lanes.clear()
            lane = lanes[key] = self._new(exchange, caller, envelope, snapshot)
            return lane

    def _new(self, exchange: Exchange, caller: Caller, envelope: Envelope, snapshot: Snapshot) -> Lane | None:
        """The lane of that model; None where the model may be served by several, or more is to be done than to carry. Whoever has
        something to do on the way is asked for it, with the first of these requests."""
        format = caller.format
        context = Context(exchange, format, snapshot, caller.grant, envelope, received=0.0, wall=0.0, said=caller.said)
        try:
            resolution = resolve(snapshot, context.model, caller.grant)
        except RequestError:
            return None
        leaf = sole(resolution)
        # With other accounts beside it the conversation matters; a login may have to be renewed first.
        if leaf is None or len(snapshot.accounts.get(leaf.target.provider.id, ())) > 1 or leaf.accounts[0].login is not None:
            return None
        target, attempt = leaf.target, first_try(leaf)
        if target.format != format.name or fitted(context, attempt) is not attempt or self._own.recognised(context) is not None:
            return None
        if "n" in target.profile.quirks.drop or not self.pipeline.leaves_nothing(context, target, format):
            return None
        repeat = repeat_of(envelope, format, target.profile)
        if repeat is None:
            return None
        translated = repeat.translated(envelope.splice(repeat.changes))
        track = self.pipeline.track(context, attempt, format, Prepared(translated, None))
        if track is None:
            return None
        context.decision, context.attempts, told = resolution.decision, 1, choice_headers(attempt, resolution.decision, 1)
        head = stream_headers(context, told) if repeat.stream else [JSON_TYPE, *told]
        return Lane(format, resolution, leaf, track, response_head(b"", head, b""), safe_size(target))
