# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The head of a request that comes again. See the stub."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy

cdef enum:
    LONGEST = 8192       # bytes of a head worth a look
    DIGITS = 9           # of a length


cdef bint _is_length(const unsigned char *p, Py_ssize_t n) noexcept nogil:
    """Whether a line of ``n`` bytes begins with ``content-length:`` in any case."""
    cdef const char *word = b"content-length:"
    cdef Py_ssize_t i
    if n < 15:
        return False
    for i in range(15):
        if (p[i] | 0x20) != (<unsigned char> word[i] | 0x20):
            return False
    return p[14] == c':'


def cut(bytes data not None):
    cdef const unsigned char *base = <const unsigned char *> PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const unsigned char *end = base + (size if size < LONGEST else LONGEST)
    cdef const unsigned char *p = base
    cdef const unsigned char *line
    cdef const unsigned char *stop
    cdef const unsigned char *digits = NULL
    cdef const unsigned char *behind = NULL
    cdef Py_ssize_t length = 0, head
    cdef bytes key
    cdef char *out
    while True:
        line = p
        stop = <const unsigned char *> memchr(p, c'\n', end - p)
        if stop == NULL or stop == line or (stop - 1)[0] != c'\r':
            return None
        p = stop + 1
        if stop - 1 == line:
            break
        if memchr(line, c'\r', stop - 1 - line) != NULL or line[0] == c' ' or line[0] == c'\t':
            return None
        if _is_length(line, stop - 1 - line):
            if digits != NULL:
                return None
            digits = line + 15
            if digits[0] == c' ':
                digits += 1
            behind = digits
            while behind < stop - 1 and c'0' <= behind[0] <= c'9':
                length = length * 10 + (behind[0] - c'0')
                behind += 1
            if behind != stop - 1 or not 0 < behind - digits <= DIGITS:
                return None
    if digits == NULL:
        return None
    head = p - base
    key = PyBytes_FromStringAndSize(NULL, head - (behind - digits))
    out = PyBytes_AS_STRING(key)
    memcpy(out, base, digits - base)
    memcpy(out + (digits - base), behind, p - behind)
    return key, head, length
