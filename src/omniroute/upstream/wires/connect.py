"""Connect streams over HTTP/2: what stands in the envelopes is the body, which the format's decoder reads."""

from __future__ import annotations

from omniroute.core.ids import Clock
from omniroute.upstream.call import Transport
from omniroute.upstream.http2_transport import Http2Transport


class Connect:
    name = "connect"

    def make(self, clock: Clock) -> Transport:
        return Http2Transport(clock=clock)


WIRE = Connect()
