# cython: language_level=3
"""Cuts text into pieces, the way the o200k_base and cl100k_base vocabularies do before anything is merged.

What the vocabularies state as a regular expression is spelled out here, alternative by alternative, in their order:

o200k   prefix? capitals* smalls+ contraction?  |  prefix? capitals+ smalls* contraction?  |  up to three digits
        |  space? symbols+ (line ends or /)*  |  white space up to its last line end  |  white space but the last  |  white space
cl100k  contraction  |  prefix? letters+  |  up to three digits  |  space? symbols+ line ends*
        |  white space at the end of the text  |  white space up to its last line end  |  white space but the last  |  white space

A prefix is one character that is neither letter nor digit nor line end; capitals and smalls both include letters without case and
marks; symbols are what is neither space nor letter nor digit. A byte that is no UTF-8 is a symbol of its own.
"""

cdef enum:                # classes of characters; a symbol has no bit
    UPPER = 1
    LOWER = 2
    UNCASED = 4
    MARK = 8
    NUMBER = 16
    SPACE = 32
    LINE = 64             # carriage return, line feed

    CODE_POINTS = 0xE0200     # one byte each; behind these there are only symbols

    LETTER = UPPER | LOWER | UNCASED
    SMALL = LOWER | UNCASED | MARK
    BLANK = SPACE | LINE


cdef inline int class_at(
    const unsigned char *table, const unsigned char *p, const unsigned char *end, Py_ssize_t *n
) noexcept nogil:
    """The class of the character at ``p`` < ``end``; ``n`` becomes its length in bytes."""
    cdef unsigned int c = p[0]
    cdef Py_ssize_t i
    n[0] = 1
    if c < 0x80:
        return table[c]
    if c < 0xC2 or c > 0xF4:
        return 0
    if c < 0xE0:
        n[0] = 2
        c &= 0x1F
    elif c < 0xF0:
        n[0] = 3
        c &= 0x0F
    else:
        n[0] = 4
        c &= 0x07
    if end - p < n[0]:
        n[0] = 1
        return 0
    for i in range(1, n[0]):
        if p[i] & 0xC0 != 0x80:
            n[0] = 1
            return 0
        c = c << 6 | p[i] & 0x3F
    return table[c] if c < CODE_POINTS else 0


cdef inline const unsigned char *past(
    const unsigned char *table, const unsigned char *p, const unsigned char *end, int classes
) noexcept nogil:
    """The end of the run of characters of these classes."""
    cdef Py_ssize_t n
    while p < end and class_at(table, p, end, &n) & classes:
        p += n
    return p


cdef inline const unsigned char *past_symbols(
    const unsigned char *table, const unsigned char *p, const unsigned char *end
) noexcept nogil:
    """The end of the run of symbols and marks."""
    cdef Py_ssize_t n
    while p < end and not class_at(table, p, end, &n) & (LETTER | NUMBER | BLANK):
        p += n
    return p


cdef inline const unsigned char *past_contraction(const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Behind 's 't 'm 'd 're 've 'll in either case (the long s is an s), else ``p``."""
    cdef int a, b
    if end - p < 2 or p[0] != c"'":
        return p
    a = p[1] | 0x20
    if a == c's' or a == c't' or a == c'm' or a == c'd':
        return p + 2
    if end - p < 3:
        return p
    if p[1] == 0xC5 and p[2] == 0xBF:
        return p + 3
    b = p[2] | 0x20
    if (a == c'r' or a == c'v') and b == c'e' or a == c'l' and b == c'l':
        return p + 3
    return p


cdef inline const unsigned char *past_word(
    const unsigned char *table, const unsigned char *p, const unsigned char *end
) noexcept nogil:
    """The end of the o200k word at ``p``, contraction included; ``p`` itself where none begins.

    Capitals may give back to smalls: without a small letter behind them the word ends with its last character that is both.
    """
    cdef const unsigned char *q = p
    cdef const unsigned char *both = p
    cdef Py_ssize_t n
    cdef int kind = 0
    while q < end:
        kind = class_at(table, q, end, &n)
        if not kind & (UPPER | UNCASED | MARK):
            break
        q += n
        if kind != UPPER:
            both = q
    if q < end and kind == LOWER:
        q = past(table, q, end, SMALL)
    elif both > p:
        q = both
    return past_contraction(q, end) if q > p else p


cdef inline const unsigned char *past_blank(
    const unsigned char *table, const unsigned char *p, const unsigned char *end, bint whole_tail
) noexcept nogil:
    """The end of the piece of white space at ``p``. ``whole_tail``: what ends the text is one piece, line ends or not."""
    cdef const unsigned char *q = p
    cdef const unsigned char *last = p
    cdef const unsigned char *line = NULL
    cdef Py_ssize_t n
    cdef int kind
    while q < end:
        kind = class_at(table, q, end, &n)
        if not kind & BLANK:
            break
        last = q
        q += n
        if kind == LINE:
            line = q
    if q == end and whole_tail:
        return q
    if line != NULL:
        return line
    return last if q < end and last > p else q


cdef inline const unsigned char *past_piece(
    const unsigned char *table, bint cased, const unsigned char *p, const unsigned char *end
) noexcept nogil:
    """The end of the piece that begins at ``p`` < ``end``. ``cased``: o200k's rules, otherwise cl100k's."""
    cdef const unsigned char *q
    cdef Py_ssize_t n, m
    cdef int kind = class_at(table, p, end, &n)
    cdef int words = LETTER | MARK if cased else LETTER
    cdef int more
    if not cased and p[0] == c"'":
        q = past_contraction(p, end)
        if q > p:
            return q
    if kind & words:
        return past_word(table, p, end) if cased else past(table, p + n, end, LETTER)
    if kind == NUMBER:
        q = p + n
        more = 2
        while more and q < end and class_at(table, q, end, &m) == NUMBER:
            q += m
            more -= 1
        return q
    q = p + n
    if kind != LINE and q < end and class_at(table, q, end, &m) & words:
        return past_word(table, q, end) if cased else past(table, q + m, end, LETTER)
    if kind & BLANK:
        if p[0] != c' ' or q == end or class_at(table, q, end, &m) & (LETTER | NUMBER | BLANK):
            return past_blank(table, p, end, not cased)
    q = past_symbols(table, q, end)
    while q < end and (q[0] == c'\n' or q[0] == c'\r' or cased and q[0] == c'/'):
        q += 1
    return q
