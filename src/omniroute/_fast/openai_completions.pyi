"""Streams of OpenAI's old completions API."""

from omniroute._fast.stream import Encoder

class OpenAICompletionsEncoder(Encoder):
    """Writes ``text_completion`` chunks: texts, the finish chunk, the usage chunk (``include_usage``), ``[DONE]``.

    Text and refusals are all there is; thinking and tool calls have no place in this dialect.
    """

    def __init__(self, id: str, model: str, created: int, include_usage: bool = False) -> None: ...
