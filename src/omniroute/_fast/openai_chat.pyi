"""OpenAI Chat Completions streams."""

from collections.abc import Mapping

from omniroute._fast.openai_chat_decoder import OpenAIChatDecoder as OpenAIChatDecoder
from omniroute._fast.stream import Encoder

__all__ = ["OpenAIChatDecoder", "OpenAIChatEncoder"]

class OpenAIChatEncoder(Encoder):
    """Writes ``chat.completion.chunk`` events: role, deltas, finish chunk, usage chunk (``include_usage``), ``[DONE]``.

    ``tool_names`` maps names sent upstream back to the client's own, only those that were changed.
    """

    def __init__(
        self, id: str, model: str, created: int, include_usage: bool = False, tool_names: Mapping[str, str] | None = None
    ) -> None: ...
