# cython: language_level=3
"""Arguments of a tool call for dialects that want them as an object, whatever text the model wrote.

The same rules as for finished answers (``translation.calls.arguments_object``): nothing → {}, null → {}, another value →
{"value": …}, what is no JSON or nested too deep → {"_raw": "…"}.
"""

from libc.string cimport memcmp

from omniroute._fast.buffer cimport Buffer, put_bytes, put_string, put_value, puts
from omniroute._fast.envelope cimport DEPTH, Fault, skip_space, skip_value
from omniroute._fast.events cimport JSON, Slice, utf8
from omniroute._fast.scan cimport Member, Value, Walk, enter, key_is, next_member, text_of


cdef enum:
    DEEPEST = 200               # levels an object of arguments may have


cdef inline void put_arguments(Buffer *out, const Buffer *plain) noexcept nogil:
    """``plain``: the whole text of the arguments, not escaped."""
    cdef const unsigned char *end = <const unsigned char *> plain.data + plain.size
    cdef const unsigned char *p = skip_space(<const unsigned char *> plain.data, end)
    cdef const unsigned char *behind
    cdef Py_ssize_t elements = 0
    cdef Fault fault
    cdef Slice text
    if p == end:
        puts(out, b"{}")
        return
    behind = skip_value(p, end, DEPTH - DEEPEST, &elements, &fault)
    if behind == NULL or skip_space(behind, end) != end:
        text = utf8(plain.data, plain.size)
        puts(out, b'{"_raw":"')
        put_string(out, &text)
        puts(out, b'"}')
        return
    text.form = JSON
    text.p = <const char *> p
    text.n = behind - p
    if p[0] == c'{':
        put_value(out, &text)
    elif text.n == 4 and memcmp(p, b"null", 4) == 0:
        put_bytes(out, b"{}", 2)
    else:
        puts(out, b'{"value":')
        put_value(out, &text)
        puts(out, b"}")


cdef inline void put_input(Buffer *out, const Buffer *plain) noexcept nogil:
    """The input of a free-form tool that travelled as ``{"input": "…"}``, as JSON string content; other text as it is.

    The same as ``translation.calls.unwrap_input``.
    """
    cdef const unsigned char *end = <const unsigned char *> plain.data + plain.size
    cdef const unsigned char *p = skip_space(<const unsigned char *> plain.data, end)
    cdef const unsigned char *behind
    cdef Py_ssize_t elements = 0
    cdef int members = 0
    cdef Fault fault
    cdef Slice text = utf8(plain.data, plain.size)
    cdef Slice inner
    cdef Value value
    cdef Walk walk
    cdef Member member
    cdef bint found = False
    if p == end:
        return
    behind = skip_value(p, end, DEPTH - DEEPEST, &elements, &fault) if p[0] == c'{' else NULL
    if behind != NULL and skip_space(behind, end) == end:
        value.p = <const char *> p
        value.end = <const char *> behind
        enter(&walk, &value)
        while next_member(&walk, &member):
            members += 1
            found = key_is(&member, b"input") and text_of(&member.value, &inner)
        if members == 0:
            return
        if members == 1 and found:
            text = inner
    put_string(out, &text)
