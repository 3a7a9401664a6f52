"""OpenAI Chat Completions streams."""

from collections.abc import Collection, Mapping

from omniroute._fast.openai_chat_decoder import OpenAIChatDecoder as OpenAIChatDecoder
from omniroute._fast.stream import Encoder

__all__ = ["OpenAIChatDecoder", "OpenAIChatEncoder"]

class OpenAIChatEncoder(Encoder):
    """Writes ``chat.completion.chunk`` events: role, deltas, finish chunk, usage chunk (``include_usage``), ``[DONE]``.

    ``tool_names`` maps names sent upstream back to the client's own, only those that were changed. Calls of ``custom_tools``
    (the client's own names) have free-form input, unwrapped from ``{"input": "…"}``.
    """

    def __init__(
        self,
        id: str,
        model: str,
        created: int,
        include_usage: bool = False,
        tool_names: Mapping[str, str] | None = None,
        custom_tools: Collection[str] = (),
    ) -> None: ...
