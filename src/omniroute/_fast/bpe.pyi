"""Token counts with a whole vocabulary: the merges and the cutting of o200k_base and cl100k_base, exactly."""

from typing import Literal

class Vocabulary:
    """Ranks of a byte-pair encoding, immutable: any number of threads may count with one.

    ``ranks`` is the text such vocabularies are published as: a line for each token, its bytes in base64, a space, its rank,
    counting up from 0; the first 256 are the single bytes, every later one is merged from two before it. ``rules`` say how text
    is cut first. Raises ValueError naming what is wrong with the ranks. Building lets other threads run.
    """

    def __init__(self, ranks: bytes, rules: Literal["o200k", "cl100k"]) -> None: ...
    def __len__(self) -> int:
        """Tokens in the vocabulary."""
    def count(self, *texts: bytes) -> int:
        """Tokens of all texts together, each a text of its own. Other threads run meanwhile; memory grows by 64 kB, and by four
        bytes for each byte of the longest unbroken word. Bytes that are no UTF-8 count as single symbols. Special tokens
        (``<|endoftext|>``) count as the text they are."""
    def encode(self, text: bytes) -> list[int]:
        """The ranks themselves."""
