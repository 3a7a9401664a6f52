"""JSON over HTTP like the wire ``http``, carried by curl in a browser's manner: the operator's choice, and an extra."""

from __future__ import annotations

from omniroute.core.ids import Clock
from omniroute.upstream.call import Transport
from omniroute.upstream.curl_transport import CurlTransport


class Browser:
    name = "browser"

    def make(self, clock: Clock) -> Transport:
        return CurlTransport()


WIRE = Browser()
