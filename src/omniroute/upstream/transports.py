"""The transports in use, by the wire they carry: made on first use, closed together."""

from __future__ import annotations

from omniroute.core.ids import Clock
from omniroute.upstream import wires
from omniroute.upstream.call import Transport


class Transports:
    """``for_wire`` gives the one transport of a wire name; KeyError names an unknown wire and those there are."""

    def __init__(self, clock: Clock) -> None:
        # All are imported now: the first request of a wire must not stop the event loop for it.
        self._wires = wires.registry()
        self._clock = clock
        self._made: dict[str, Transport] = {}

    def for_wire(self, name: str) -> Transport:
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._wires[name].make(self._clock)
        return found

    async def close(self) -> None:
        for transport in self._made.values():
            await transport.close()
        self._made.clear()

    def describe(self) -> dict[str, object]:
        return {name: transport.describe() for name, transport in self._made.items()}
