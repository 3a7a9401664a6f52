# cython: language_level=3
"""Bounded JSON validation as inline C: no objects, no allocation, never a read past ``end``.

A function returns the position behind what it read, or NULL after writing the offence into ``Fault``.
"""

from libc.stddef cimport size_t
from libc.string cimport memcmp

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

    /* The first byte in [p, end) that needs a look inside a JSON string: quote, backslash, control or non-ASCII; else end. */
    static inline const unsigned char *omniroute_plain(const unsigned char *p, const unsigned char *end) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\'), space = _mm_set1_epi8(0x20);
        while (end - p >= 16) {
            const __m128i v = _mm_loadu_si128((const __m128i *)p);
            /* signed: bytes of 0x80 and more are negative, so one comparison finds them and the controls */
            const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
            const int mask = _mm_movemask_epi8(_mm_or_si128(ends, _mm_cmplt_epi8(v, space)));
            if (mask) return p + __builtin_ctz((unsigned)mask);
            p += 16;
        }
    #else
        const uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
        while (end - p >= 8) {
            uint64_t v, q, s;
            memcpy(&v, p, 8);
            q = v ^ (ones * '"');
            s = v ^ (ones * '\\\\');
            if ((((q - ones) & ~q) | ((s - ones) & ~s) | (v - ones * 0x20) | v) & high) break;
            p += 8;
        }
    #endif
        while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\\\') p++;
        return p;
    }
    """
    const unsigned char *plain "omniroute_plain"(const unsigned char *p, const unsigned char *end) noexcept nogil


cdef enum:
    DEPTH = 512

cdef enum Offence:
    NONE
    CUT
    CONTROL
    ESCAPE
    SURROGATE
    ENCODING
    NUMBER
    LITERAL
    VALUE
    KEY
    COLON
    COMMA_OR_BRACE
    COMMA_OR_BRACKET
    DEEP
    TRAILING
    NOT_OBJECT

cdef struct Fault:
    Offence offence
    const unsigned char *at


cdef inline const unsigned char *refuse(Fault *fault, Offence offence, const unsigned char *at) noexcept nogil:
    fault.offence = offence
    fault.at = at
    return NULL


cdef inline const unsigned char *skip_space(const unsigned char *p, const unsigned char *end) noexcept nogil:
    while p < end and (p[0] == 0x20 or p[0] == 0x0A or p[0] == 0x0D or p[0] == 0x09):
        p += 1
    return p


cdef inline int hex4(const unsigned char *p) noexcept nogil:
    """Value of four hex digits, -1 if they are not; four bytes must be readable."""
    cdef int value = 0, i
    cdef unsigned char c
    for i in range(4):
        c = p[i]
        if 0x30 <= c <= 0x39:
            value = value * 16 + (c - 0x30)
        elif 0x41 <= (c & 0xDF) <= 0x46:
            value = value * 16 + ((c & 0xDF) - 0x37)
        else:
            return -1
    return value


cdef inline const unsigned char *skip_utf8(const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    """Past one multi-byte character (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF)."""
    cdef unsigned char c = p[0]
    cdef Py_ssize_t left = end - p
    if 0xC2 <= c <= 0xDF:
        if left > 1 and (p[1] & 0xC0) == 0x80:
            return p + 2
    elif 0xE0 <= c <= 0xEF:
        if (left > 2 and (p[1] & 0xC0) == 0x80 and (p[2] & 0xC0) == 0x80
                and not (c == 0xE0 and p[1] < 0xA0) and not (c == 0xED and p[1] > 0x9F)):
            return p + 3
    elif 0xF0 <= c <= 0xF4:
        if (left > 3 and (p[1] & 0xC0) == 0x80 and (p[2] & 0xC0) == 0x80 and (p[3] & 0xC0) == 0x80
                and not (c == 0xF0 and p[1] < 0x90) and not (c == 0xF4 and p[1] > 0x8F)):
            return p + 4
    return refuse(fault, ENCODING, p)


cdef inline const unsigned char *skip_escape(const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    """Past one escape; ``p`` stands at the backslash. A surrogate must be one half of a pair."""
    cdef unsigned char c
    cdef int unit
    if end - p < 2:
        return refuse(fault, CUT, end)
    c = p[1]
    if c != c'u':
        if (c == c'n' or c == c'"' or c == c'\\' or c == c't' or c == c'/' or c == c'r' or c == c'b' or c == c'f'):
            return p + 2
        return refuse(fault, ESCAPE, p)
    if end - p < 6:
        return refuse(fault, ESCAPE, p)
    unit = hex4(p + 2)
    if unit < 0:
        return refuse(fault, ESCAPE, p)
    if unit < 0xD800 or unit > 0xDFFF:
        return p + 6
    if unit > 0xDBFF or end - p < 12 or p[6] != c'\\' or p[7] != c'u':
        return refuse(fault, SURROGATE, p)
    unit = hex4(p + 8)
    if unit < 0xDC00 or unit > 0xDFFF:
        return refuse(fault, SURROGATE, p)
    return p + 12


cdef inline const unsigned char *skip_string(
    const unsigned char *p, const unsigned char *end, bint *escaped, Fault *fault
) noexcept nogil:
    """Past the closing quote; ``p`` stands behind the opening one. ``escaped`` is set when there is a backslash inside."""
    while True:
        p = plain(p, end)
        if p >= end:
            return refuse(fault, CUT, end)
        if p[0] == c'"':
            return p + 1
        if p[0] == c'\\':
            escaped[0] = True
            p = skip_escape(p, end, fault)
        elif p[0] >= 0x80:
            # text that is not Latin comes in runs: stay here instead of starting the vector loop for each character
            while p != NULL and p < end and p[0] >= 0x80:
                p = skip_utf8(p, end, fault)
        else:
            return refuse(fault, CONTROL, p)
        if p == NULL:
            return NULL


cdef inline const unsigned char *skip_digits(const unsigned char *p, const unsigned char *end) noexcept nogil:
    while p < end and 0x30 <= p[0] <= 0x39:
        p += 1
    return p


cdef inline const unsigned char *skip_number(const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    cdef const unsigned char *start = p
    cdef const unsigned char *digits
    if p[0] == c'-':
        p += 1
    digits = p
    p = skip_digits(p, end)
    if p == digits or (p - digits > 1 and digits[0] == c'0'):
        return refuse(fault, NUMBER, start)
    if p < end and p[0] == c'.':
        digits = p + 1
        p = skip_digits(digits, end)
        if p == digits:
            return refuse(fault, NUMBER, start)
    if p < end and (p[0] == c'e' or p[0] == c'E'):
        p += 1
        if p < end and (p[0] == c'+' or p[0] == c'-'):
            p += 1
        digits = p
        p = skip_digits(p, end)
        if p == digits:
            return refuse(fault, NUMBER, start)
    return p


cdef inline const unsigned char *skip_literal(const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    if p[0] == c't' and end - p >= 4 and memcmp(p, b"true", 4) == 0:
        return p + 4
    if p[0] == c'f' and end - p >= 5 and memcmp(p, b"false", 5) == 0:
        return p + 5
    if p[0] == c'n' and end - p >= 4 and memcmp(p, b"null", 4) == 0:
        return p + 4
    return refuse(fault, LITERAL, p)


cdef inline const unsigned char *skip_key(
    const unsigned char *p, const unsigned char *end, bint *escaped, Fault *fault
) noexcept nogil:
    """Past ``"key" :`` and the space behind it; ``p`` stands where the key must begin."""
    if p >= end:
        return refuse(fault, CUT, end)
    if p[0] != c'"':
        return refuse(fault, KEY, p)
    p = skip_string(p + 1, end, escaped, fault)
    if p == NULL:
        return NULL
    p = skip_space(p, end)
    if p >= end:
        return refuse(fault, CUT, end)
    if p[0] != c':':
        return refuse(fault, COLON, p)
    return skip_space(p + 1, end)


cdef inline const unsigned char *skip_scalar(const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    """Past a string, number, true, false or null; there must be a byte at ``p``."""
    cdef bint ignored = False
    cdef unsigned char c = p[0]
    if c == c'"':
        return skip_string(p + 1, end, &ignored, fault)
    if c == c'-' or 0x30 <= c <= 0x39:
        return skip_number(p, end, fault)
    if c == c't' or c == c'f' or c == c'n':
        return skip_literal(p, end, fault)
    return refuse(fault, VALUE, p)


cdef inline const unsigned char *skip_value(
    const unsigned char *p, const unsigned char *end, int depth, Py_ssize_t *elements, Fault *fault
) noexcept nogil:
    """Past one value of any kind; ``p`` stands at its first byte, inside ``depth`` open containers.

    ``elements`` becomes the number of elements if the value is an array.
    """
    cdef unsigned char is_object[DEPTH + 1]
    cdef int level = depth
    cdef bint ignored = False
    cdef unsigned char c
    elements[0] = 0
    while True:
        # a value begins at p
        if p >= end:
            return refuse(fault, CUT, end)
        c = p[0]
        if c == c'{' or c == c'[':
            if level >= DEPTH:
                return refuse(fault, DEEP, p)
            p = skip_space(p + 1, end)
            if p >= end:
                return refuse(fault, CUT, end)
            if p[0] != (c'}' if c == c'{' else c']'):
                level += 1
                is_object[level] = c == c'{'
                if c == c'{':
                    p = skip_key(p, end, &ignored, fault)
                    if p == NULL:
                        return NULL
                elif level == depth + 1:
                    elements[0] = 1
                continue
            p += 1
        else:
            p = skip_scalar(p, end, fault)
            if p == NULL:
                return NULL
        # a value ended before p: close containers until one goes on
        while True:
            if level == depth:
                return p
            p = skip_space(p, end)
            if p >= end:
                return refuse(fault, CUT, end)
            c = p[0]
            if c == c',':
                p = skip_space(p + 1, end)
                if is_object[level]:
                    p = skip_key(p, end, &ignored, fault)
                    if p == NULL:
                        return NULL
                elif level == depth + 1:
                    elements[0] += 1
                break
            if c != (c'}' if is_object[level] else c']'):
                return refuse(fault, COMMA_OR_BRACE if is_object[level] else COMMA_OR_BRACKET, p)
            p += 1
            level -= 1
