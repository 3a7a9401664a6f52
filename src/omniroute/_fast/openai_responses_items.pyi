"""Output items of Responses streams."""

from omniroute._fast.stream import Encoder

class ItemWriter(Encoder):
    """The half of the Responses encoder that writes items."""
