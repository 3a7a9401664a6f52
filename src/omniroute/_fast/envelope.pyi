"""Top-level scan of a JSON request body: what routing needs, without building objects."""

class Envelope:
    """What stands at the top level of a JSON object. Offsets are byte positions in ``body``.

    ``model``, ``stream``, ``max_tokens``: None when missing or null. ``max_tokens`` is read from ``max_tokens``,
    ``max_completion_tokens`` or ``max_output_tokens``, whichever is there first, when it is a non-negative integer.
    ``keys`` are the top-level key names in order, each once. Made by :func:`scan` only.
    """

    body: bytes
    model: str | None
    stream: bool | None
    max_tokens: int | None
    messages: int
    tools: int
    keys: tuple[str, ...]

    def span(self, key: str) -> tuple[int, int] | None:
        """Byte range of that top-level value, None when absent. A repeated key counts by its last value."""
    def raw(self, key: str) -> bytes | None:
        """That value's raw JSON, None when absent."""
    def holds(self, fragment: bytes) -> bool:
        """Whether these bytes stand anywhere in the body."""
    def splice(self, changes: dict[str, bytes | None]) -> bytes:
        """The body with top-level values replaced by raw JSON (None removes the key, new keys are appended); every other byte
        is untouched. Of a repeated key that changes only the last occurrence stays, so that no reader can see an old value.
        Returns ``body`` itself when nothing changes. The new values are trusted to be JSON."""

def scan(body: bytes) -> Envelope:
    """Validate the whole body as JSON (structure, strings, numbers, UTF-8) and find the top-level keys.

    ``messages``/``tools`` are the lengths of those arrays (``input`` and ``contents`` count as messages), 0 when absent.
    Raises ValueError with a sentence naming line and column: not JSON, not an object, ``model`` not a string, ``stream`` not a
    boolean, nested deeper than 512, invalid UTF-8, a lone surrogate escape.
    """
