"""Anthropic Messages streams, read."""

from omniroute._fast.stream import Decoder

class AnthropicDecoder(Decoder):
    """Reads the stream of an Anthropic-compatible upstream. What only Anthropic knows (server tools) becomes EXTRA events."""
