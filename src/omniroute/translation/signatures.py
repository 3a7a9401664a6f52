"""Proofs of reasoning that travel in another vendor's field.

A vendor signs or encrypts what its model thought and wants it back byte for byte. A client of another dialect has one opaque
field for that; what we put there says whose it is, so that it goes back to that vendor and to no other. Nothing is kept here.

The text is ``PREFIX`` and the base64 of ``{"vendor": …, "text": …, "signature": …}`` or ``{"vendor": …, "redacted": …}``; the
stream encoders write the same (``_fast/signature.pxd``).
"""

from __future__ import annotations

import base64
import binascii

from omniroute.core import json
from omniroute.ir.request import Thinking

PREFIX = "omniroute.v1."


def wrap(part: Thinking, *, text: bool) -> str | None:
    """The proof of ``part`` for a field of another dialect, None if it has none.

    ``text``: put the thinking in as well, for dialects whose clients may not give it back unchanged.
    """
    if not part.vendor or (not part.signature and part.redacted is None):
        return None
    fields: dict[str, str] = {"vendor": part.vendor}
    if part.redacted is not None:
        fields["redacted"] = part.redacted
    else:
        if text and part.text:
            fields["text"] = part.text
        fields["signature"] = part.signature or ""
    return PREFIX + base64.b64encode(json.dumps(fields)).decode()


def unwrap(proof: str) -> Thinking | None:
    """What :func:`wrap` put in, None for anything else."""
    if not proof.startswith(PREFIX):
        return None
    try:
        fields = json.loads(base64.b64decode(proof[len(PREFIX) :], validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        return None
    vendor, signature, redacted = fields.get("vendor"), fields.get("signature"), fields.get("redacted")
    if not vendor or not (signature or redacted is not None):
        return None
    return Thinking(text=fields.get("text", ""), signature=signature or None, redacted=redacted, vendor=vendor)


def own(part: Thinking) -> Thinking:
    """``part`` as the vendor that thought it knows it; one whose wrapping is damaged has no proof left."""
    proof = part.signature if part.redacted is None else part.redacted
    if proof is None or not proof.startswith(PREFIX):
        return part
    return unwrap(proof) or Thinking(text=part.text)


def is_foreign(proof: object, vendor: str) -> bool:
    """Whether a field of ``vendor``'s dialect holds another vendor's proof (or a damaged one)."""
    if not isinstance(proof, str) or not proof.startswith(PREFIX):
        return False
    found = unwrap(proof)
    return found is None or found.vendor != vendor
