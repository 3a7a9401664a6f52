"""The two halves of a stream codec, as Python sees them: opaque parts that a Bridge joins."""

class Encoder:
    """Turns events into one client's bytes. One instance per stream."""

class Decoder:
    """Turns one upstream's bytes into events. One instance per stream."""
