"""The head of a request that comes again."""

def cut(data: bytes) -> tuple[bytes, int, int] | None:
    """What a read that begins with a request's head says: the head without the digits of its one Content-Length, its size in
    bytes, and the length it states.

    None where the head is not whole, has more than 8 kB, no Content-Length or several, or a line that is not plainly one. Nothing
    is checked beyond that: two heads with the same first part mean the same but for the length of their bodies, if a parser took
    one of them.
    """
