"""JSON over HTTP/1.1, answered in AWS event-stream frames: what is framed is the body, which the format's decoder reads."""

from __future__ import annotations

from omniroute.core.ids import Clock
from omniroute.upstream.call import Transport
from omniroute.upstream.pool import PooledTransport


class AwsEventStream:
    name = "aws_eventstream"

    def make(self, clock: Clock) -> Transport:
        return PooledTransport(clock=clock)


WIRE = AwsEventStream()
