"""Ollama streams."""

from collections.abc import Mapping

from omniroute._fast.ollama_decoder import OllamaDecoder as OllamaDecoder
from omniroute._fast.stream import Encoder

__all__ = ["OllamaDecoder", "OllamaEncoder"]

class OllamaEncoder(Encoder):
    """Writes lines of text and thinking, all tool calls in one line, and the ``done`` line with the counts.

    ``created_at`` is RFC 3339 text; ``input_tokens`` stands in when the upstream never states its input; ``tool_names`` maps
    names sent upstream back to the client's own, only those that were changed; ``generate`` writes the lines of /api/generate,
    which has no tools. Durations are not measured here and stated as 0.
    """

    def __init__(
        self,
        model: str,
        created_at: str,
        input_tokens: int = 0,
        tool_names: Mapping[str, str] | None = None,
        generate: bool = False,
    ) -> None: ...
