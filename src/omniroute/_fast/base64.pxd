# cython: language_level=3
"""Base64, read."""


cdef inline int sextet(unsigned char c) noexcept nogil:
    """The six bits a character of base64 stands for, -1 for any other."""
    if c'A' <= c <= c'Z':
        return c - c'A'
    if c'a' <= c <= c'z':
        return c - c'a' + 26
    if c'0' <= c <= c'9':
        return c - c'0' + 52
    return 62 if c == c'+' else 63 if c == c'/' else -1


cdef inline const unsigned char *read_base64(
    const unsigned char *p, const unsigned char *end, unsigned char **out
) noexcept nogil:
    """Past the base64 text at ``p`` and its padding; the bytes go to ``out``, which moves on."""
    cdef unsigned int bits = 0
    cdef int held = 0
    cdef int value
    while p < end:
        value = sextet(p[0])
        if value < 0:
            break
        bits = bits << 6 | value
        held += 6
        if held >= 8:
            held -= 8
            out[0][0] = <unsigned char> (bits >> held)
            out[0] += 1
        p += 1
    while p < end and p[0] == c'=':
        p += 1
    return p
