# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The bytes of HTTP/1.1 heads. See the stub."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcpy

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)


cdef struct Piece:
    const char *p
    Py_ssize_t n


cdef bint _is_token(const char *p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char c
    for i in range(n):
        c = p[i]
        if not (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9' or c == c'-' or c == c'_'
                or (c > 0x20 and c < 0x7F and memchr(b"!#$%&'*+.^`|~", c, 13) != NULL)):
            return False
    return n > 0


cdef bint _is_value(const char *p, Py_ssize_t n) noexcept nogil:
    """No control but the tab, and no blank at either end."""
    cdef Py_ssize_t i
    cdef unsigned char c
    for i in range(n):
        c = p[i]
        if (c < 0x20 and c != 0x09) or c == 0x7F:
            return False
    return n == 0 or (p[0] != 0x20 and p[0] != 0x09 and p[n - 1] != 0x20 and p[n - 1] != 0x09)


cdef bint _is_visible(const char *p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if not 0x20 < <unsigned char> p[i] < 0x7F:
            return False
    return n > 0


cdef bint _same(const char *p, Py_ssize_t n, const char *word, Py_ssize_t length) noexcept nogil:
    """Whether a header name is ``word`` (small letters) in any case."""
    cdef Py_ssize_t i
    if n != length:
        return False
    for i in range(n):
        if (p[i] | 0x20) != word[i] and p[i] != word[i]:
            return False
    return True


cdef bint _is_ours(const char *p, Py_ssize_t n) noexcept nogil:
    return (_same(p, n, b"host", 4) or _same(p, n, b"connection", 10) or _same(p, n, b"content-length", 14)
            or _same(p, n, b"transfer-encoding", 17))


def request_head(
    str method not None, bytes target not None, bytes host not None, list headers not None, Py_ssize_t body_size,
    bytes extra not None
):
    cdef Py_ssize_t count = len(headers)
    cdef Piece *pieces = <Piece *> PyMem_Malloc((2 * count + 1) * sizeof(Piece))
    if pieces == NULL:
        raise MemoryError
    try:
        return _request_head(pieces, method, target, host, headers, body_size, extra)
    finally:
        PyMem_Free(pieces)


cdef bytes _request_head(Piece *pieces, str method, bytes target, bytes host, list headers, Py_ssize_t body_size, bytes extra):
    cdef list kept = []          # encoded values that ``pieces`` point into
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t total = 0
    cdef Py_ssize_t i
    cdef Piece *name
    cdef Piece *value
    cdef bytes first, last
    cdef bytes encoded
    cdef char *out
    first = method.encode("ascii")
    if not _is_token(PyBytes_AS_STRING(first), PyBytes_GET_SIZE(first)):
        raise ValueError(f"{method!r} is not a method")
    if not _is_visible(PyBytes_AS_STRING(target), PyBytes_GET_SIZE(target)):
        raise ValueError("the URL holds blanks, controls or characters that are not ASCII")
    for pair in headers:
        key, text = pair
        name = &pieces[count]
        value = &pieces[count + 1]
        name.p = PyUnicode_AsUTF8AndSize(<str?> key, &name.n)
        if not _is_token(name.p, name.n):
            raise ValueError(f"{key!r} is not a header name")
        if _is_ours(name.p, name.n):
            continue
        if PyUnicode_IS_ASCII(<str?> text):
            value.p = PyUnicode_AsUTF8AndSize(text, &value.n)
        else:
            encoded = (<str> text).encode("latin-1")
            kept.append(encoded)
            value.p = PyBytes_AS_STRING(encoded)
            value.n = PyBytes_GET_SIZE(encoded)
        if not _is_value(value.p, value.n):
            raise ValueError(f"the value of header {key!r} holds a control character or stray blanks")
        count += 2
        total += name.n + value.n + 4
    first = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (first, target, host)
    last = extra + (b"\r\n" if body_size < 0 else b"content-length: %d\r\n\r\n" % body_size)
    total += PyBytes_GET_SIZE(first) + PyBytes_GET_SIZE(last)
    result = PyBytes_FromStringAndSize(NULL, total)
    out = PyBytes_AS_STRING(result)
    out = _put(out, PyBytes_AS_STRING(first), PyBytes_GET_SIZE(first))
    for i in range(0, count, 2):
        out = _put(out, pieces[i].p, pieces[i].n)
        out = _put(out, b": ", 2)
        out = _put(out, pieces[i + 1].p, pieces[i + 1].n)
        out = _put(out, b"\r\n", 2)
    _put(out, PyBytes_AS_STRING(last), PyBytes_GET_SIZE(last))
    return result


cdef char *_put(char *out, const char *p, Py_ssize_t n) noexcept nogil:
    memcpy(out, p, n)
    return out + n


cdef bint _is_line(const char *p, Py_ssize_t n) noexcept nogil:
    """No control but the tab."""
    cdef Py_ssize_t i
    cdef unsigned char c
    for i in range(n):
        c = p[i]
        if (c < 0x20 and c != 0x09) or c == 0x7F:
            return False
    return True


def response_head(bytes first not None, headers not None, bytes more not None):
    cdef list given = list(headers)
    cdef Py_ssize_t count = 2 * len(given)
    cdef Py_ssize_t total = PyBytes_GET_SIZE(first) + PyBytes_GET_SIZE(more)
    cdef Py_ssize_t i = 0
    cdef list kept = []          # encoded values that ``pieces`` point into
    cdef bytes encoded
    cdef bytes result
    cdef char *out
    cdef Piece *pieces = <Piece *> PyMem_Malloc((count + 1) * sizeof(Piece))
    if pieces == NULL:
        raise MemoryError
    try:
        for pair in given:
            key, text = pair
            pieces[i].p = PyUnicode_AsUTF8AndSize(<str?> key, &pieces[i].n)
            if not _is_token(pieces[i].p, pieces[i].n):
                raise ValueError(f"{key!r} is not a header name")
            if PyUnicode_IS_ASCII(<str?> text):
                pieces[i + 1].p = PyUnicode_AsUTF8AndSize(text, &pieces[i + 1].n)
            else:
                encoded = (<str> text).encode("latin-1", "replace")
                kept.append(encoded)
                pieces[i + 1].p = PyBytes_AS_STRING(encoded)
                pieces[i + 1].n = PyBytes_GET_SIZE(encoded)
            if not _is_line(pieces[i + 1].p, pieces[i + 1].n):
                raise ValueError(f"the value of header {key!r} holds a control character")
            total += pieces[i].n + pieces[i + 1].n + 4
            i += 2
        result = PyBytes_FromStringAndSize(NULL, total)
        out = _put(PyBytes_AS_STRING(result), PyBytes_AS_STRING(first), PyBytes_GET_SIZE(first))
        for i in range(0, count, 2):
            out = _put(out, pieces[i].p, pieces[i].n)
            out = _put(out, b": ", 2)
            out = _put(out, pieces[i + 1].p, pieces[i + 1].n)
            out = _put(out, b"\r\n", 2)
        _put(out, PyBytes_AS_STRING(more), PyBytes_GET_SIZE(more))
        return result
    finally:
        PyMem_Free(pieces)
