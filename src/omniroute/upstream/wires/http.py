"""JSON over HTTP/1.1, finished or as server-sent events."""

from __future__ import annotations

from omniroute.core.ids import Clock
from omniroute.upstream.call import Transport
from omniroute.upstream.pool import PooledTransport


class Http:
    name = "http"

    def make(self, clock: Clock) -> Transport:
        return PooledTransport(clock=clock)


WIRE = Http()
