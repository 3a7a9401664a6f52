"""CodeWhisperer streams, read."""

from omniroute._fast.framed import FramedDecoder

class KiroDecoder(FramedDecoder):
    """Reads the frames of a CodeWhisperer upstream: text, reasoning, tool calls, counts, exceptions.

    A frame that is damaged or too large is an error; so is an end of data before anything came, in the middle of a frame, or in
    the middle of a call's arguments.
    """
