"""Token counts without a vocabulary: a calibrated estimate from the shape of the text."""

def estimate(text: bytes) -> int:
    """Tokens of plain UTF-8 text: at least 0, exactly 0 only for empty text."""

def estimate_body(body: bytes) -> int:
    """Prompt tokens of a JSON chat request body: all string values (keys and base64 media data counted by their own rules)
    plus a small constant per message and tool. At least 1."""
