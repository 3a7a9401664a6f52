"""The bytes of HTTP/1.1 heads."""

from collections.abc import Iterable

def request_head(method: str, target: bytes, host: bytes, headers: list[tuple[str, str]], body_size: int, extra: bytes) -> bytes:
    """The head of a request, with its empty line.

    Host, Connection, Content-Length and Transfer-Encoding in ``headers`` are left out: they are ours. ``body_size`` -1 sends no
    Content-Length. ``extra`` are header lines to add as they are. ValueError for a method, target, name or value that could
    break out of its place or that HTTP cannot carry.
    """

def response_head(first: bytes, headers: Iterable[tuple[str, str]], more: bytes) -> bytes:
    """``first`` (a status line and header lines), ``headers``, and ``more`` (header lines, with or without the empty one).

    Characters of values that HTTP cannot carry become question marks. ValueError for a name or value that could break out of its
    place.
    """
