"""OpenAI Chat Completions streams, read."""

from omniroute._fast.stream import Decoder

class OpenAIChatDecoder(Decoder):
    """Reads the stream of an OpenAI-compatible upstream, with the deviations seen in the field.

    Only the first choice becomes events; of others the text is counted.
    """
