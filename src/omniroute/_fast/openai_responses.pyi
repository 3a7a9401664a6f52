"""OpenAI Responses streams."""

from collections.abc import Callable, Mapping

from omniroute._fast.openai_responses_decoder import OpenAIResponsesDecoder as OpenAIResponsesDecoder
from omniroute._fast.stream import Encoder

__all__ = ["OpenAIResponsesDecoder", "OpenAIResponsesEncoder"]

class OpenAIResponsesEncoder(Encoder):
    """Writes response.created, strictly sequential items with all their events, and the terminal event with the whole response.

    echo          members of the response that repeat the request: a JSON object
    input_tokens  the estimate for an upstream that never says
    tool_names    names sent upstream → the client's own, only those that were changed
    tools         the client's names of tools that are not plain functions → (name inside of its namespace, the namespace or
                  None, whether the item can be made only when all arguments are there)
    finish        for those: (client's name, arguments as plain text) → (item type, prefix of its id, its members as JSON
                  without braces, the free-form input of a custom call or None); must not raise
    """

    def __init__(
        self,
        id: str,
        model: str,
        created: int,
        echo: bytes = b"{}",
        input_tokens: int = 0,
        tool_names: Mapping[str, str] | None = None,
        tools: Mapping[str, tuple[str, str | None, bool]] | None = None,
        finish: Callable[[str, str], tuple[str, str, bytes, str | None]] | None = None,
    ) -> None: ...
