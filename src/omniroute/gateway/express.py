"""A try in a lane: carried from callback to callback, without a task, for as long as nothing unusual happens.

It is the first try of a request whose lane says everything that the normal way would find out (``gateway.lanes``). When the
answer is not a plain success it leaves the lane: what was begun goes on as the first try of the normal way, which then does
whatever is to be done. After the commit point only the stream is to be carried to its end.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from omniroute._fast.codec import Bridge
from omniroute.core.errors import Fault, RequestError
from omniroute.gateway.attempt import Try, is_decided, looks_like_stream
from omniroute.gateway.attendance import Guest, stopped
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Course
from omniroute.gateway.egress import timing
from omniroute.gateway.ports import ClientGone, Direct
from omniroute.gateway.prepare import Prepared
from omniroute.gateway.relay import Pushing
from omniroute.gateway.report import Report
from omniroute.gateway.visit import Visit
from omniroute.translation.repeat import Repeat
from omniroute.translation.request import Translated
from omniroute.translation.response import passes
from omniroute.translation.stream import bridge_for
from omniroute.upstream.call import Call, Reply
from omniroute.upstream.exchange import Connection, PooledReply

if TYPE_CHECKING:
    from omniroute.gateway.lanes import Lane, Lanes

log = structlog.get_logger("omniroute.gateway")

_MOST = 128 * 1024
"""Bytes of a finished answer that are waited for; a longer one leaves the lane, where it is bounded in its own way."""


_SENT = Translated(body=b"", tool_names={}, request=None, include_usage=False, stream=True)


class Express(Try):
    """One request. ``over``: everything it held has been given back."""

    # Beside the dictionary of what every try has: streams are many, and are open for long.
    __slots__ = (
        "_aborted", "_bridge", "_connected", "_connection", "_direct", "_error", "_fault", "_finishing", "_lane", "_lanes",
        "_opened", "_opening", "_pushing", "_repeat", "_serial", "_visit", "_waits", "body", "guest", "left_lane", "over",
    )  # fmt: skip

    def __init__(
        self,
        lanes: Lanes,
        lane: Lane,
        context: Context,
        visit: Visit,
        guest: Guest,
        repeat: Repeat,
        connection: Connection | None,
        exchange: Direct,
    ) -> None:
        pipeline = lanes.pipeline
        self.context = context
        self.attempt = lane.attempt
        self.upstream = lane.format
        self.heartbeat = pipeline.heartbeat
        self._watch = None
        self._ops = None
        self._dispatch = pipeline.dispatch
        self._reply: Reply | None = None
        self.runner = None
        self.refusal = None
        self._deadline = None
        self._lanes = lanes
        self._lane = lane
        self._visit = visit
        self._repeat = repeat
        self._opening: asyncio.Task[None] | None = None
        self._fault: Fault | None = None
        self._connected = 0.0
        if connection is not None:
            self._connection = connection
        self._opened = connection is not None
        self._direct = exchange
        self._serial = 0
        self._bridge: Bridge | None = None
        self._pushing: Pushing | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._aborted = False
        self._waits = False
        self.guest = guest
        guest.stop = self._stop
        self.left_lane = False
        self.over = False
        context.attempts = 1
        self.report = Report(context, lane.attempt, lane.format.name, pipeline.clock)
        self.lease = self._dispatch.lease(lane.attempt)

    def begin(self, body: bytes) -> None:
        """Ask the upstream. Everything else follows from its answer, or the client's leaving."""
        self.body = body
        self.report.begin(self._lanes.pipeline.recorder)
        self.report.upstream.__enter__()
        self._waits = True
        self._direct.flight = self
        if self._repeat.stream:
            self.heartbeat.begin(self.context)
            self.translated = self._repeat.translated(body)
        if self._opened:
            self._ask()
        else:
            self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        """No connection was open: the one thing on the way that needs a task, for as long as that takes."""
        began = self.report.began
        try:
            self._connection = await self._lane.track.open(began)
        except Fault as fault:
            self._opening, self._fault = None, fault
            self._leave()
            return
        except Exception as error:
            self._opening = None
            self._broken(error)
            return
        self._opening, self._opened = None, True
        self._connected = self.report.running
        self._ask(began)

    def _ask(self, began: float | None = None) -> None:
        connection = self._connection
        self.report.connect_ms = self._connected * 1000
        self._lane.track.begin(connection, self.context.exchange.request_id.encode(), self.body, self._news, began)
        self._serial = connection.serial

    # -- what the connection tells -------------------------------------------------------------------------------------

    def _news(self) -> None:
        """More of the answer is here, or its end, or a failure."""
        if self.over or self.left_lane:
            return
        try:
            if self._bridge is not None:
                self._ended(self._bridge)
            elif self._connection.status != 200 or self._connection.encoding is not None or self._connection.failure:
                self._leave()
            elif self._repeat.stream:
                self._begin_stream()
            elif self._connection.whole:
                self._answer()
            elif self._connection.waiting > _MOST:
                self._leave()
        except Exception as error:
            self._broken(error)

    def _answer(self) -> None:
        connection, context = self._connection, self.context
        body = connection.peek()
        certain, usage = passes(body, self.upstream)
        if not certain or len(body) > context.snapshot.settings.max_answer_size:
            self._leave()
            return
        report = self.report
        self._stop_waiting()
        self._dispatch.read_headers(self.attempt, connection.headers)
        connection.finish(self._serial)
        report.answered(usage, "stop")
        context.committed = True
        self._direct.answer(self._lines(), body)
        self._settle()

    def _begin_stream(self) -> None:
        """The head is here, and perhaps the first events. Until they are useful nothing is committed."""
        connection, context = self._connection, self.context
        first = connection.peek()
        if not first.strip() and not connection.whole:
            if connection.waiting > _MOST:
                self._leave()
            return
        reply = self._lane.track.reply(connection)
        if not (looks_like_stream(reply, first) or self._looks_like_lines(first)):
            self._leave()
            return
        hide = not self.translated.include_usage
        bridge = bridge_for(context.format, self.upstream, self.meta(), hide_usage=hide)
        head = bridge.feed(first)
        if not is_decided(bridge) or bridge.error_status or not (bridge.useful or bridge.stopped):
            self._leave()
            return
        self._commit_stream(bridge, reply, head)

    def _commit_stream(self, bridge: Bridge, reply: PooledReply, head: bytes) -> None:
        report, context, exchange = self.report, self.context, self._direct
        self._stop_waiting()
        self._dispatch.read_headers(self.attempt, reply.headers)
        report.watch(bridge)
        report.first_token()
        if self.lease is not None:
            self._dispatch.useful(self.lease)
        context.committed = True
        self._bridge = bridge
        self.body, self.translated = b"", _SENT  # a long prompt need not be kept twice for as long as its answer takes
        if not exchange.started:
            exchange.begin(self._lines(), head)
        elif head:  # keep-alives have begun it
            exchange.push(head)
        if context.beat is not None:
            context.beat.source = bridge
            context.beat.touch()
            self._pushing = Pushing(exchange, reply, bridge, context.beat)
            self._connection.flow(self._pushing.take)
        if self._connection.whole:
            self._ended(bridge)

    def _ended(self, bridge: Bridge, fault: Fault | None = None) -> None:
        """A committed stream is at its end, well or not; ``fault``: we end it."""
        if self._pushing is not None:
            self._pushing.stop()
        failure = self._connection.failure
        self._connection.finish(self._serial)
        if fault is None and failure is not None:
            fault = self._connection.fault(failure)
        self._close_stream(self._tail(bridge, fault))

    def _close_stream(self, tail: bytes) -> None:
        if self._direct.end(tail):
            self._settle()
            return
        self._finishing = asyncio.ensure_future(self._close(tail))
        self._finishing.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("request failed", exc_info=task.exception())
        if not self.over:
            self._settle()

    def _lines(self) -> bytes:
        """The header lines of the answer."""
        ours, told = timing(self.context, self.report.upstream)
        return b"%bx-omniroute-overhead-ms: %b\r\nserver-timing: %b\r\n" % (self._lane.lines, ours.encode(), told.encode())

    # -- how it ends ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Written down and known to routing; the places it took are free."""
        self.over = True
        pipeline = self._lanes.pipeline
        if self._aborted:
            self.report.settle(pipeline.recorder, aborted=True)
        else:
            pipeline.settle(self)
        if self.lease is not None:
            self._dispatch.free(self.lease)
        self._let_go()
        self._direct.landed()

    def _let_go(self) -> None:
        if self.context.beat is not None:
            self.heartbeat.end(self.context.beat)
        self.guest.close()
        self._lanes.leave(self._visit)

    def left(self) -> None:
        """The client has gone."""
        if self.over:
            return
        if self._pushing is not None:
            self._pushing.stop()
        if self._finishing is not None:
            self._finishing.cancel()
        self._hang_up()
        self._aborted = True
        self._settle()

    def _hang_up(self) -> None:
        """Whatever goes on between us and the upstream is not wanted any more."""
        if self._opening is not None:
            self._opening.cancel()
        if self._opened:
            self._connection.finish(self._serial)

    def _stop(self, error: RequestError) -> None:
        """The operator wants it to end."""
        if self._bridge is None:
            self._broken(error)
        elif not self.over:
            self._aborted = True
            self._ended(self._bridge, stopped(self.context))

    # -- how it leaves the lane ------------------------------------------------------------------------------------------

    def _stop_waiting(self) -> None:
        if self._waits:
            self._waits = False
            self.report.upstream.__exit__()

    def _leave(self) -> None:
        """Go on in the normal way, as a try that is under way."""
        self.left_lane = True
        self._lanes.left += 1
        self._stop_waiting()
        if self.context.beat is not None:
            self.heartbeat.end(self.context.beat)
        self._direct.hand_over(partial(self._lanes.resume, one=self))

    def _broken(self, error: Exception) -> None:
        """A defect of ours, which the normal way tells of."""
        self._error = error
        if self._pushing is not None:
            self._pushing.stop()
        if not self.left_lane:
            self._leave()

    def enter(self) -> Prepared:
        """The normal way takes over; what has been prepared. ClientGone when the client left before that."""
        if self.over:
            raise ClientGone
        self._direct.flight = self.guest.stop = None
        self.report.connect_ms = None
        if self._error is not None:
            self._hang_up()
            end = stopped(self.context)
            if end is not None:
                self.report.fail(end)
                self.report.settle(self._lanes.pipeline.recorder, aborted=True)
            raise self._error
        prepared = Prepared(self._repeat.translated(self.body), None)
        self.translated = prepared.translated
        self.transport = _Begun(self)
        self.call = self._call(self._lanes.pipeline.executor)
        self.first_token = self.call.timers.first_byte
        return prepared

    async def take_up(self, call: Call) -> Reply:
        """What came of the call."""
        if self._fault is not None:
            raise self._fault
        return await self._lane.track.take_up(self._connection, call, self._connected)

    def course(self) -> Course:
        """The request's way through routing, of which this is the first step."""
        lane = self._lane
        if self.lease is None:
            raise RuntimeError("a try without a place")
        return self._dispatch.begun(self.context, lane.resolution, lane.leaf, self.attempt, self.lease)

    def leave_way(self) -> None:
        """The normal way is done with it, however."""
        if not self.over:
            self.over = True
            self.guest.close()
            self._lanes.leave(self._visit)


class _Begun:
    """The transport of a try whose call is under way."""

    def __init__(self, one: Express) -> None:
        self._one = one

    async def send(self, call: Call) -> Reply:
        return await self._one.take_up(call)

    async def close(self) -> None:
        """The connection belongs to the pool."""

    def describe(self) -> dict[str, object]:
        return {}
