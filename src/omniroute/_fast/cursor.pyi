"""StreamUnifiedChatWithTools, read."""

from omniroute._fast.framed import FramedDecoder

class CursorDecoder(FramedDecoder):
    """Reads the envelopes of a Cursor upstream: text, thinking, tool calls, and the trailer that ends them or says why not.

    A message that is damaged, too large or no protobuf is an error; so is an end of data without a trailer, unless a tool call
    was complete by then and said to be the last.
    """
