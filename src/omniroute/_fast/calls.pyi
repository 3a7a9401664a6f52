"""Assembly of tool calls from fragments. C only: the decoders use it, Python sees the name."""

class Calls:
    """The calls of one answer."""
