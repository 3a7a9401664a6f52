"""What translation did to one body, to be done again to others like it without going through translation.

Between equal formats a body is asked a few questions and changed at a few places. Translation knows nothing of it but the
answers: a body that answers the same questions alike is changed alike, whatever the questions are for.
"""

from __future__ import annotations

from typing import Any, cast

from omniroute._fast.envelope import Envelope
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.translation.format import Changes, Format
from omniroute.translation.request import Translated, translate_request

_LONGEST = 256
"""Bytes of an answer that is worth remembering: a longer one does not come again."""


class _Unlike(Exception):
    """Something was asked whose answer says nothing about other bodies."""


class _Witness:
    """An envelope that notes what it is asked. Whoever asks for more than its members takes the body for itself."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self.model = envelope.model
        self.stream = envelope.stream
        self.raws: dict[str, bytes | None] = {}
        self.holdings: dict[bytes, bool] = {}
        self.changes: Changes | None = None

    def raw(self, key: str) -> bytes | None:
        found = self.raws[key] = self._envelope.raw(key)
        if found is not None and len(found) > _LONGEST:
            raise _Unlike
        return found

    def span(self, key: str) -> tuple[int, int] | None:
        self.raw(key)
        return self._envelope.span(key)

    def holds(self, fragment: bytes) -> bool:
        found = self.holdings[fragment] = self._envelope.holds(fragment)
        return found

    def splice(self, changes: Changes) -> bytes:
        if self.changes is not None:
            raise _Unlike
        self.changes = dict(changes)
        return self._envelope.splice(changes)

    def __getattr__(self, name: str) -> Any:
        raise _Unlike


class Repeat:
    """The translation of bodies of one model and stream switch that :meth:`fits` finds alike."""

    __slots__ = ("_holdings", "_raws", "changes", "include_usage", "stream")

    def __init__(self, witness: _Witness, translated: Translated) -> None:
        self._raws = tuple((key, answer) for key, answer in witness.raws.items() if key not in ("model", "stream"))
        self._holdings = tuple(witness.holdings.items())
        self.changes: Changes = witness.changes or {}
        self.include_usage = translated.include_usage
        self.stream = translated.stream

    def fits(self, envelope: Envelope) -> bool:
        """The body, of the same model and stream switch, would be translated in the same way."""
        for key, answer in self._raws:
            if envelope.raw(key) != answer:
                return False
        return all(envelope.holds(fragment) is held for fragment, held in self._holdings) if self._holdings else True

    def translated(self, body: bytes) -> Translated:
        """What :func:`translate_request` would have given for a body that became ``body``."""
        return Translated(body=body, tool_names={}, request=None, include_usage=self.include_usage, stream=self.stream)


def repeat_of(envelope: Envelope, format: Format, profile: Profile) -> Repeat | None:
    """How a body goes to an upstream of its own format; None when that is of no use for others."""
    witness = _Witness(envelope)
    try:
        translated = translate_request(cast(Envelope, witness), format, format, profile)
    except (_Unlike, BadRequest):
        return None
    if witness.changes is None or translated.request is not None or translated.tool_names:
        return None
    return Repeat(witness, translated)
