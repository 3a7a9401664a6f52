"""Gemini generateContent streams."""

from collections.abc import Mapping

from omniroute._fast.gemini_decoder import GeminiDecoder as GeminiDecoder
from omniroute._fast.stream import Encoder

__all__ = ["GeminiDecoder", "GeminiEncoder"]

class GeminiEncoder(Encoder):
    """Writes ``data: {GenerateContentResponse}`` events separated by CRLF CRLF: deltas of text as they come, function calls
    whole, a last chunk with finish reason and usage. Nothing ends the stream but the connection.

    ``tool_names`` maps names sent upstream back to the client's own, only those that were changed.
    """

    def __init__(self, id: str, model: str, tool_names: Mapping[str, str] | None = None) -> None: ...
