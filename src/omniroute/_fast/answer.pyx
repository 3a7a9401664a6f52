# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A look at a finished answer that is handed on as it is. See the stub.

The whole body is validated (``envelope.pxd``); of its members only the top level is told apart, and one level of the answer's
own elements where a dialect has it so that an answer without them is none.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from omniroute._fast.envelope cimport Fault, skip_key, skip_space, skip_value


cdef bint _names(const unsigned char *key, Py_ssize_t n, bytes word) noexcept:
    """Whether the quoted text of ``n`` bytes at ``key`` is ``word``, without the quotes."""
    return n == PyBytes_GET_SIZE(word) + 2 and memcmp(key + 1, PyBytes_AS_STRING(word), n - 2) == 0


cdef inline Py_ssize_t _key_size(const unsigned char *key, const unsigned char *value) noexcept nogil:
    """Size of a key with its quotes; between it and its value stand only space and a colon."""
    while (value - 1)[0] != c'"':
        value -= 1
    return value - key


cdef bint _is_filled(const unsigned char *p, const unsigned char *end) noexcept:
    """Whether the valid value at ``p`` is an object with at least one member."""
    return p[0] == c'{' and skip_space(p + 1, end)[0] != c'}'


cdef bint _may_fail(const unsigned char *value, Py_ssize_t n, bytes word) noexcept:
    """Whether the value is ``word``, or written in a way that only a parser can tell."""
    return memchr(value, c'\\', n) != NULL or (value[0] == c'"' and _names(value, n, word))


cdef bint _is_null(const unsigned char *value) noexcept:
    return value[0] == c'n'


cdef const unsigned char *_skip_elements(const unsigned char *p, const unsigned char *end, tuple holders, Fault *fault):
    """Past an array of one or more objects, each with a filled object under one of ``holders``; NULL when it is anything else.
    ``p`` stands at its bracket."""
    cdef const unsigned char *key
    cdef const unsigned char *value
    cdef Py_ssize_t n, ignored
    cdef bint escaped = False, held
    p = skip_space(p + 1, end)
    while True:
        if p >= end or p[0] != c'{':
            return NULL
        held = False
        p = skip_space(p + 1, end)
        while True:
            key = p
            p = skip_key(p, end, &escaped, fault)
            if p == NULL or escaped or p >= end:
                return NULL
            n = _key_size(key, p)
            value = p
            p = skip_value(p, end, 3, &ignored, fault)
            if p == NULL:
                return NULL
            for word in holders:
                if _names(key, n, <bytes> word):
                    if not _is_filled(value, end):
                        return NULL
                    held = True
            p = skip_space(p, end)
            if p >= end:
                return NULL
            if p[0] == c'}':
                break
            if p[0] != c',':
                return NULL
            p = skip_space(p + 1, end)
        if not held:
            return NULL
        p = skip_space(p + 1, end)
        if p >= end:
            return NULL
        if p[0] == c']':
            return p + 1
        if p[0] != c',':
            return NULL
        p = skip_space(p + 1, end)


def glance(bytes body not None, bytes answer not None, tuple holders not None, bytes usage not None):
    cdef const unsigned char *base = <const unsigned char *> PyBytes_AS_STRING(body)
    cdef const unsigned char *end = base + PyBytes_GET_SIZE(body)
    cdef const unsigned char *p = skip_space(base, end)
    cdef const unsigned char *key
    cdef const unsigned char *value
    cdef const unsigned char *told = NULL
    cdef Py_ssize_t n, told_size = 0, ignored
    cdef bint escaped = False, answered = False
    cdef Fault fault
    if p >= end or p[0] != c'{':
        return None
    p = skip_space(p + 1, end)
    while True:
        key = p
        p = skip_key(p, end, &escaped, &fault)
        if p == NULL or escaped or p >= end:
            return None
        n = _key_size(key, p)
        value = p
        if _names(key, n, answer):
            if p[0] != c'[':
                return None
            answered = True
            p = _skip_elements(p, end, holders, &fault) if holders else skip_value(p, end, 1, &ignored, &fault)
            if p == NULL:
                return None
        else:
            p = skip_value(p, end, 1, &ignored, &fault)
            if p == NULL:
                return None
            if _names(key, n, usage):
                told, told_size = value, p - value
            elif _names(key, n, b"error") or _names(key, n, b"base_resp") or _names(key, n, b"response"):
                if not _is_null(value):
                    return None
            elif _names(key, n, b"type"):
                if _may_fail(value, p - value, b"error"):
                    return None
            elif _names(key, n, b"status") and _may_fail(value, p - value, b"failed"):
                return None
        p = skip_space(p, end)
        if p >= end:
            return None
        if p[0] == c'}':
            break
        if p[0] != c',':
            return None
        p = skip_space(p + 1, end)
    if not answered or skip_space(p + 1, end) < end:
        return None
    return b"" if told == NULL else PyBytes_FromStringAndSize(<const char *> told, told_size)
