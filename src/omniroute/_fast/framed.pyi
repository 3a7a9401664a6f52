"""What the decoders of binary streams share."""

from omniroute._fast.stream import Decoder

class FramedDecoder(Decoder):
    """Blocks, tool calls and the end of an answer that comes in binary frames; a base.

    ``input_estimate``: tokens of the input, told to the client where the upstream never counts them; not to the accounting.
    """

    input_estimate: int
