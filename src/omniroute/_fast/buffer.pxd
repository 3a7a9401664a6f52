# cython: language_level=3
"""Growable output buffer, and the only writers of JSON string content.

Whatever form a slice has, what leaves here is the inside of one valid JSON string: lone surrogates and invalid UTF-8 become
U+FFFD, raw control characters and U+0085, U+2028, U+2029 become escapes (some clients end a line there).

A failed allocation sets ``failed`` and later writes do nothing: the owner raises MemoryError where it may raise.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, strlen

from omniroute._fast.envelope cimport hex4, plain
from omniroute._fast.events cimport ESCAPED, Event, Slice


cdef enum:
    SMALLEST = 512          # bytes of a first allocation
    KEPT = 64 * 1024        # larger allocations are given back when a buffer is emptied

cdef enum Source:
    FROM_ESCAPED            # the inside of a JSON string
    FROM_PLAIN              # text that is to become the inside of a JSON string
    FROM_VALUE              # a whole JSON value that stays one

cdef struct Buffer:
    char *data
    Py_ssize_t size
    Py_ssize_t room
    bint failed


cdef inline Buffer fresh() noexcept nogil:
    cdef Buffer b
    b.data = NULL
    b.size = b.room = 0
    b.failed = False
    return b


cdef inline void release(Buffer *b) noexcept nogil:
    free(b.data)
    b.data = NULL
    b.size = b.room = 0


cdef inline void clear(Buffer *b) noexcept nogil:
    """Empty it, keeping a small allocation for the next use."""
    b.size = 0
    if b.room > KEPT:
        release(b)


cdef inline bint reserve(Buffer *b, Py_ssize_t more) noexcept nogil:
    """Make room for ``more`` bytes; False (and ``failed``) when there is none."""
    cdef Py_ssize_t room
    cdef char *data
    if b.room - b.size >= more:
        return not b.failed
    if b.failed:
        return False
    room = b.room * 2 if b.room else SMALLEST
    while room - b.size < more:
        room *= 2
    data = <char *> realloc(b.data, <size_t> room)
    if data == NULL:
        b.failed = True
        return False
    b.data = data
    b.room = room
    return True


cdef inline void put_bytes(Buffer *b, const char *p, Py_ssize_t n) noexcept nogil:
    if n > 0 and reserve(b, n):
        memcpy(b.data + b.size, p, <size_t> n)
        b.size += n


cdef inline void puts(Buffer *b, const char *text) noexcept nogil:
    put_bytes(b, text, <Py_ssize_t> strlen(text))


cdef inline void put_buffer(Buffer *b, const Buffer *other) noexcept nogil:
    put_bytes(b, other.data, other.size)


cdef inline void drop_front(Buffer *b, Py_ssize_t n) noexcept nogil:
    """Forget the first ``n`` bytes."""
    if n >= b.size:
        clear(b)
    elif n > 0:
        b.size -= n
        memmove(b.data, b.data + n, <size_t> b.size)


cdef inline void put_int(Buffer *b, long long value) noexcept nogil:
    cdef char digits[20]
    cdef int at = 20
    cdef unsigned long long left = <unsigned long long> value
    if value < 0:
        put_bytes(b, b"-", 1)
        left = 0 - left
    while True:
        at -= 1
        digits[at] = <char> (48 + left % 10)
        left //= 10
        if left == 0:
            break
    put_bytes(b, digits + at, 20 - at)


cdef inline void put_hex(Buffer *b, unsigned long long value, int width) noexcept nogil:
    cdef int shift
    cdef int nibble
    if reserve(b, width):
        for shift in range(4 * (width - 1), -1, -4):
            nibble = <int> ((value >> shift) & 15)
            b.data[b.size] = <char> (48 + nibble if nibble < 10 else 87 + nibble)
            b.size += 1


cdef inline int utf8_length(const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Bytes of the well-formed character at ``p`` (RFC 3629), 0 if there is none."""
    cdef unsigned char c = p[0]
    cdef Py_ssize_t left = end - p
    if c < 0x80:
        return 1
    if 0xC2 <= c <= 0xDF:
        return 2 if left > 1 and (p[1] & 0xC0) == 0x80 else 0
    if 0xE0 <= c <= 0xEF:
        if left < 3 or (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80:
            return 0
        return 0 if (c == 0xE0 and p[1] < 0xA0) or (c == 0xED and p[1] > 0x9F) else 3
    if 0xF0 <= c <= 0xF4:
        if left < 4 or (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80 or (p[3] & 0xC0) != 0x80:
            return 0
        return 0 if (c == 0xF0 and p[1] < 0x90) or (c == 0xF4 and p[1] > 0x8F) else 4
    return 0


cdef inline int unit_at(const unsigned char *p, const unsigned char *end) noexcept nogil:
    """The UTF-16 unit of the escape ``\\uXXXX`` at ``p``, -1 if there is none."""
    if end - p < 6 or p[0] != c'\\' or p[1] != c'u':
        return -1
    return hex4(p + 2)


cdef inline bint simple_escape(unsigned char c) noexcept nogil:
    return c == c'n' or c == c'"' or c == c'\\' or c == c't' or c == c'/' or c == c'r' or c == c'b' or c == c'f'


cdef inline int escape_length(const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Bytes of the escape at ``p`` that may be copied: 2, 6, 12 for a surrogate pair; 0 for none, -6 for a lone surrogate."""
    cdef int unit
    if end - p > 1 and simple_escape(p[1]):
        return 2
    unit = unit_at(p, end)
    if unit < 0:
        return 0
    if unit < 0xD800 or unit > 0xDFFF:
        return 6
    if unit < 0xDC00 and 0xDC00 <= unit_at(p + 6, end) <= 0xDFFF:
        return 12
    return -6


cdef inline void put_control(Buffer *b, unsigned char c, Source source) noexcept nogil:
    if source == FROM_VALUE:
        put_bytes(b, b" ", 1)
    elif c == c'\n':
        put_bytes(b, b"\\n", 2)
    elif c == c'\r':
        put_bytes(b, b"\\r", 2)
    elif c == c'\t':
        put_bytes(b, b"\\t", 2)
    else:
        put_bytes(b, b"\\u00", 4)
        put_hex(b, c, 2)


cdef inline int put_multibyte(Buffer *b, const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Write what must replace the character at ``p`` and return the bytes it had; 0 when it may stay as it is."""
    cdef int n = utf8_length(p, end)
    if n == 0:
        put_bytes(b, b"\\ufffd", 6)
        return 1
    if n == 2 and p[0] == 0xC2 and p[1] == 0x85:
        put_bytes(b, b"\\u0085", 6)
        return 2
    if n == 3 and p[0] == 0xE2 and p[1] == 0x80 and (p[2] == 0xA8 or p[2] == 0xA9):
        put_bytes(b, b"\\u2028" if p[2] == 0xA8 else b"\\u2029", 6)
        return 3
    return 0


cdef inline void put_sanitised(Buffer *b, const char *text, Py_ssize_t n, Source source) noexcept nogil:
    """``n`` bytes of ``text`` as JSON string content (FROM_VALUE: as a JSON value on one line)."""
    cdef const unsigned char *p = <const unsigned char *> text
    cdef const unsigned char *end = p + n
    cdef const unsigned char *kept = p       # what lies between here and p is copied unchanged
    cdef unsigned char c
    cdef int width
    while True:
        p = plain(p, end)
        if p >= end:
            break
        c = p[0]
        if c >= 0x80:
            while p < end and p[0] >= 0x80:      # such text comes in runs
                width = utf8_length(p, end)
                if width > 1 and p[0] != 0xC2 and p[0] != 0xE2:
                    p += width
                    continue
                put_bytes(b, <const char *> kept, p - kept)
                kept = p
                width = put_multibyte(b, p, end)
                p += width if width else utf8_length(p, end)
                if width:
                    kept = p
            continue
        if source != FROM_PLAIN and c == c'"':
            p += 1
            continue
        if source != FROM_PLAIN and c == c'\\':
            width = escape_length(p, end)
            if width > 0:
                p += width
                continue
            put_bytes(b, <const char *> kept, p - kept)
            put_bytes(b, b"\\ufffd" if width else b"\\\\", 6 if width else 2)
            p += -width if width else 1
        else:
            put_bytes(b, <const char *> kept, p - kept)
            if c < 0x20:
                put_control(b, c, source)
            else:
                put_bytes(b, b"\\\"" if c == c'"' else b"\\\\", 2)
            p += 1
        kept = p
    put_bytes(b, <const char *> kept, end - kept)


cdef inline void put_string(Buffer *b, const Slice *s) noexcept nogil:
    """A slice of any form as the inside of a JSON string."""
    put_sanitised(b, s.p, s.n, FROM_ESCAPED if s.form == ESCAPED else FROM_PLAIN)


cdef inline void put_text(Buffer *b, const Event *delta) noexcept nogil:
    """The text of a DELTA as the inside of a JSON string."""
    if delta.clean:
        put_bytes(b, delta.a.p, delta.a.n)
    else:
        put_string(b, &delta.a)


cdef inline void put_value(Buffer *b, const Slice *s) noexcept nogil:
    """A raw JSON value, on one line."""
    put_sanitised(b, s.p, s.n, FROM_VALUE)


cdef inline void put_character(Buffer *b, unsigned int code) noexcept nogil:
    """One code point as UTF-8."""
    if not reserve(b, 4):
        return
    if code < 0x80:
        b.data[b.size] = <char> code
        b.size += 1
        return
    if code < 0x800:
        b.data[b.size] = <char> (0xC0 | (code >> 6))
        b.size += 1
    else:
        if code < 0x10000:
            b.data[b.size] = <char> (0xE0 | (code >> 12))
        else:
            b.data[b.size] = <char> (0xF0 | (code >> 18))
            b.size += 1
            b.data[b.size] = <char> (0x80 | ((code >> 12) & 0x3F))
        b.size += 1
        b.data[b.size] = <char> (0x80 | ((code >> 6) & 0x3F))
        b.size += 1
    b.data[b.size] = <char> (0x80 | (code & 0x3F))
    b.size += 1


cdef inline int decode_escape(const unsigned char *p, const unsigned char *end, unsigned int *code) noexcept nogil:
    """The character an escape at ``p`` stands for (U+FFFD for a lone surrogate, a backslash if it is no escape); its length."""
    cdef int width = escape_length(p, end)
    cdef unsigned char c
    if width == 0:
        code[0] = c'\\'
        return 1
    if width == 2:
        c = p[1]
        code[0] = (10 if c == c'n' else 9 if c == c't' else 13 if c == c'r' else 8 if c == c'b' else 12 if c == c'f' else c)
        return 2
    if width == 6:
        code[0] = <unsigned int> hex4(p + 2)
        return 6
    if width == 12:
        code[0] = 0x10000 + ((<unsigned int> hex4(p + 2) - 0xD800) << 10) + (<unsigned int> hex4(p + 8) - 0xDC00)
        return 12
    code[0] = 0xFFFD
    return 6


cdef inline void put_plain(Buffer *b, const Slice *s) noexcept nogil:
    """A slice of any form as plain text. Bytes that are not UTF-8 stay: who decodes the text replaces them."""
    cdef const unsigned char *p = <const unsigned char *> s.p
    cdef const unsigned char *end = p + s.n
    cdef const unsigned char *kept = p
    cdef unsigned int code = 0
    if s.form == ESCAPED:
        while p < end:
            if p[0] != c'\\':
                p += 1
                continue
            put_bytes(b, <const char *> kept, p - kept)
            p += decode_escape(p, end, &code)
            put_character(b, code)
            kept = p
    put_bytes(b, <const char *> kept, end - kept)


cdef inline Py_ssize_t plain_length(const Slice *s) noexcept nogil:
    """Bytes the slice has as plain UTF-8 text."""
    cdef const unsigned char *p = <const unsigned char *> s.p
    cdef const unsigned char *end = p + s.n
    cdef Py_ssize_t n = s.n
    cdef unsigned int code = 0
    cdef int width
    if s.form != ESCAPED:
        return n
    while True:
        p = plain(p, end)
        if p >= end:
            return n
        if p[0] != c'\\':
            p += 1
            continue
        width = decode_escape(p, end, &code)
        p += width
        n += (1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4) - width


cdef struct Survey:         # of string content that is still escaped
    Py_ssize_t length       # bytes it has as plain UTF-8 text
    Py_ssize_t characters   # code points
    bint clean              # put_string would copy it as it is


cdef inline const unsigned char *survey(const unsigned char *p, const unsigned char *end, Survey *found) noexcept nogil:
    """Read JSON string content up to its closing quote, a control character or ``end``, whichever comes first."""
    cdef const unsigned char *start = p
    cdef Py_ssize_t beside = 0          # bytes that are no character of their own
    cdef Py_ssize_t saved = 0           # bytes the plain text does not have
    cdef unsigned int code = 0
    cdef int width
    found.clean = True
    while True:
        p = plain(p, end)
        if p >= end or p[0] == c'"' or p[0] < 0x20:
            break
        if p[0] == c'\\':
            if end - p > 1 and simple_escape(p[1]):
                p += 2
                saved += 1
                beside += 1
                continue
            width = escape_length(p, end)
            if width <= 0:
                found.clean = False
            width = decode_escape(p, end, &code)
            saved += width - (1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4)
            beside += width - 1
            p += width
            continue
        while p < end and p[0] >= 0x80:
            width = utf8_length(p, end)
            if width == 0 or (p[0] == 0xC2 and p[1] == 0x85) or (p[0] == 0xE2 and p[1] == 0x80 and (p[2] | 1) == 0xA9):
                found.clean = False
            if width == 0:
                width = 1
            p += width
            beside += width - 1
    found.length = p - start - saved
    found.characters = p - start - beside
    return p


cdef inline bint ends_in_half(const Slice *text) noexcept nogil:
    """The last six bytes are the escape of a high surrogate."""
    cdef const char *p = text.p + text.n - 6
    cdef const char *q = p
    if text.n < 6 or p[0] != c'\\' or text.form != ESCAPED:
        return False
    if p[1] != c'u' or (p[2] | 0x20) != c'd':
        return False
    if not (p[3] == c'8' or p[3] == c'9' or (p[3] | 0x20) == c'a' or (p[3] | 0x20) == c'b'):
        return False
    while q > text.p and (q - 1)[0] == c'\\':
        q -= 1
    return ((p - q) & 1) == 0


cdef inline Py_ssize_t text_length(const Event *delta) noexcept nogil:
    """Bytes of a DELTA's text as plain UTF-8."""
    return delta.length if delta.length else plain_length(&delta.a)


cdef inline Py_ssize_t character_count(const Slice *s) noexcept nogil:
    """Code points of the slice as plain text."""
    cdef const unsigned char *p = <const unsigned char *> s.p
    cdef const unsigned char *end = p + s.n
    cdef const unsigned char *from_here = p
    cdef Py_ssize_t n = 0
    cdef unsigned int code = 0
    cdef int width
    while True:
        from_here = p
        p = plain(p, end)
        n += p - from_here
        if p >= end:
            return n
        if p[0] == c'\\' and s.form == ESCAPED:
            width = decode_escape(p, end, &code)
        else:
            width = utf8_length(p, end)
        p += width if width else 1
        n += 1
