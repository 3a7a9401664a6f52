"""What is counted beside a stream: opaque to Python."""

class Tap:
    """What is counted beside a stream."""
