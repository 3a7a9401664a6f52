# cython: language_level=3
"""A vendor's proof of reasoning put into another dialect's field, so that it finds its way back (``translation.signatures``)."""

from omniroute._fast.buffer cimport Buffer, fresh, put_buffer, put_bytes, put_string, puts, release, reserve
from omniroute._fast.events cimport Slice
from omniroute._fast.scan cimport same


cdef inline void put_base64(Buffer *out, const char *text, Py_ssize_t n) noexcept nogil:
    cdef const char *letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    cdef const unsigned char *p = <const unsigned char *> text
    cdef unsigned int bits
    cdef Py_ssize_t i = 0
    cdef char *to
    if not reserve(out, (n + 2) // 3 * 4):
        return
    to = out.data + out.size
    while i < n:
        bits = <unsigned int> p[i] << 16
        if i + 1 < n:
            bits |= <unsigned int> p[i + 1] << 8
        if i + 2 < n:
            bits |= p[i + 2]
        to[0] = letters[bits >> 18]
        to[1] = letters[(bits >> 12) & 63]
        to[2] = letters[(bits >> 6) & 63] if i + 1 < n else c'='
        to[3] = letters[bits & 63] if i + 2 < n else c'='
        to += 4
        i += 3
    out.size = to - out.data


cdef inline void put_proof(
    Buffer *out, const char *own, const Slice *vendor, const char *key, const Slice *proof, const Buffer *text
) noexcept nogil:
    """``proof`` as JSON string content for a field of dialect ``own``: as it is when it is that vendor's, else wrapped.

    ``key`` is ``signature`` or ``redacted``; ``text`` (JSON string content) is what was thought, NULL to leave it out. Nothing
    is written for a proof whose vendor is not known.
    """
    cdef Buffer inner = fresh()
    if vendor.n == 0 or proof.n == 0:
        return
    if same(vendor.p, vendor.n, own):
        put_string(out, proof)
        return
    puts(&inner, b'{"vendor":"')
    put_string(&inner, vendor)
    if text != NULL and text.size:
        puts(&inner, b'","text":"')
        put_buffer(&inner, text)
    puts(&inner, b'","')
    puts(&inner, key)
    puts(&inner, b'":"')
    put_string(&inner, proof)
    puts(&inner, b'"}')
    puts(out, b"omniroute.v1.")
    put_base64(out, inner.data, inner.size)
    if inner.failed:
        out.failed = True
    release(&inner)
