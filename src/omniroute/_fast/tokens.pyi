"""Token counts without a vocabulary: a calibrated estimate from the shape of the text.

Beside o200k on a few kilobytes or more: English prose, source code, JSON within 12 %, Chinese, Japanese and Korean within 15 %,
other languages and random identifiers within 30 %. Vocabularies differ among each other by as much. About 2.5 ns per byte.
"""

def estimate(text: bytes) -> int:
    """Tokens of plain UTF-8 text: at least 0, exactly 0 only for empty text. Bytes that are no UTF-8 count one by one."""

def estimate_body(body: bytes) -> int:
    """Prompt tokens of a JSON chat request body of any dialect, at least 1.

    The string values of the messages and the system prompt count as text, tool schemas, arguments and results as JSON with keys;
    the dialect's own keys, ids and signatures count nothing. An image, file or recording (a data URL, an unbroken base64 text of
    512 bytes or more, a link where a picture stands) counts 1,300 whatever its size. Each message adds 4, each tool 8.
    A body that is no JSON object counts as plain text.
    """
