"""The bytes of an HTTP/1.1 request head."""

def request_head(method: str, target: bytes, host: bytes, headers: list[tuple[str, str]], body_size: int, extra: bytes) -> bytes:
    """The head of a request, with its empty line.

    Host, Connection, Content-Length and Transfer-Encoding in ``headers`` are left out: they are ours. ``body_size`` -1 sends no
    Content-Length. ``extra`` are header lines to add as they are. ValueError for a method, target, name or value that could
    break out of its place or that HTTP cannot carry.
    """
