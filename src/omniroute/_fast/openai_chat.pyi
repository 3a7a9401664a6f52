"""OpenAI Chat Completions streams."""

from collections.abc import Mapping

from omniroute._fast.stream import Decoder, Encoder

class OpenAIChatDecoder(Decoder):
    """Reads the stream of an OpenAI-compatible upstream, with the deviations seen in the field.

    Only the first choice becomes events.
    """

class OpenAIChatEncoder(Encoder):
    """Writes ``chat.completion.chunk`` events: role, deltas, finish chunk, usage chunk (``include_usage``), ``[DONE]``.

    ``tool_names`` maps names sent upstream back to the client's own, only those that were changed.
    """

    def __init__(
        self, id: str, model: str, created: int, include_usage: bool = False, tool_names: Mapping[str, str] | None = None
    ) -> None: ...
