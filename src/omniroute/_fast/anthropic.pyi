"""Anthropic Messages streams."""

from collections.abc import Mapping

from omniroute._fast.anthropic_decoder import AnthropicDecoder as AnthropicDecoder
from omniroute._fast.stream import Encoder

__all__ = ["AnthropicDecoder", "AnthropicEncoder"]

class AnthropicEncoder(Encoder):
    """Writes message_start, strictly sequential blocks, message_delta and message_stop.

    ``input_tokens`` is the estimate stated in message_start while the upstream has not said better; ``tool_names`` maps names
    sent upstream back to the client's own, only those that were changed.
    """

    def __init__(self, id: str, model: str, input_tokens: int = 0, tool_names: Mapping[str, str] | None = None) -> None: ...
