"""A provider that refuses its own proofs of thinking: the refusal recognised, and the request without them.

Proofs stop being good when a conversation moves between models or accounts of one vendor, or when a history was edited. What
the model thought is lost then, but the conversation goes on.
"""

from __future__ import annotations

import re

from omniroute.translation.format import Format

_PROOF = re.compile(
    r"thought[ _-]?signature|thinking.{0,40}signature|signature.{0,40}thinking|encrypted[ _]content|"
    r"thinking`?(?: or `?redacted_thinking`?)? blocks?|provided without its required .?(?:reasoning|following)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"invalid|corrupt|malformed|not valid|mismatch|expired|could ?n[o']t be|cannot be|unable to|failed to|without its required",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"missing|must start with|expected `?thinking", re.IGNORECASE)
# Calls that another vendor's model made have no signature; Google knows a word for those.
_UNMARKED = re.compile(r"missing.{0,30}thought[ _-]?signature|thought[ _-]?signature.{0,30}missing", re.IGNORECASE)


def refuses_thinking(status: int, message: str, code: str = "") -> bool:
    """Whether an upstream's error says that a proof of thinking in the history is not good: 400 and words to that effect.

    A proof that is missing is another matter: there is nothing to take out. Only a call can be said to have none.
    """
    if status != 400:
        return False
    if code == "invalid_encrypted_content":
        return True
    if _UNMARKED.search(message):
        return True
    return bool(_PROOF.search(message) and _REFUSAL.search(message)) and not _ABSENT.search(message)


def without_thinking(body: bytes, upstream: Format) -> bytes | None:
    """``body``, a request as it was sent to ``upstream``, without the thinking of earlier answers and its proofs; all else stays.

    None when there is none in it, so that asking again would change nothing, and for a body that cannot be read or written.
    """
    if upstream.unsigned is None:
        return None
    try:
        return upstream.unsigned(body)
    except TypeError:  # nested deeper than we write
        return None
