"""A look at a finished answer that is handed on as it is: is it one, and where does it state its usage."""

def glance(body: bytes, answer: bytes, holders: tuple[bytes, ...], usage: bytes) -> bytes | None:
    """The raw JSON of the top-level member ``usage`` (b"" when there is none) of a body that is certainly an answer.

    None when it is not certain and the body must be parsed: not valid JSON, not an object, no array under ``answer``,
    an ``error`` or ``base_resp`` that is not null, a ``type`` of "error", a ``status`` of "failed", a ``response`` around the
    whole, a key with escapes. With ``holders`` the array must not be empty and each of its elements must be an object with a
    filled object under one of those names (and under none of them anything else).
    """
