"""OpenAI Responses streams, read."""

from omniroute._fast.stream import Decoder

class OpenAIResponsesDecoder(Decoder):
    """Reads the stream of a Responses upstream. What only OpenAI knows (hosted tools) becomes EXTRA events."""
