# cython: language_level=3
"""The shape of the delta events of a stream, so that the next one of the same shape is read without walking its JSON.

A stream says the same thing hundreds of times with another text in it. Of an event that did nothing but add text to an open
block, the raw bytes are kept, with holes where the next one may differ: its text, values nobody reads, and counts. Bytes that
agree outside of the holes, and whose holes are filled with a value of the same kind, are an event of the same meaning.
What is not certain does not match and is read the long way.
"""

from libc.string cimport memchr, memcmp

from omniroute._fast.buffer cimport Buffer, Survey, clear, put_bytes, survey
from omniroute._fast.scan cimport Value, container_end, integer_of, scalar_end, skip_space, string_end


cdef enum Role:         # of a member's value, by its key
    FIXED               # the decoder reads it, or it does not vary
    IGNORED             # no decoder of this dialect reads it
    COUNT               # a number that is not negative, at the top level
    TOTALS              # an object with token counts, at the top level
    SAID                # the text

cdef enum:
    MOST_HOLES = 8
    LONGEST_SHAPE = 16 * 1024
    MOST_MISSES = 16        # shapes taken in vain after which no further one is
    LEARNING = 8            # what an event that follows the shape is worth in misses
    NUMBER_HOLE = 1
    STRING_HOLE = 2
    OBJECT_HOLE = 3

cdef struct Hole:
    Py_ssize_t start        # in the kept bytes; of a string, its content
    Py_ssize_t stop
    int role
    int kind

cdef struct Mould:
    Buffer raw
    Hole holes[MOST_HOLES]
    int count
    int misses
    bint active             # the last event was of this shape
    int block               # what its text was added to
    int index
    int form

cdef struct Filling:        # what a matching event says
    Value said
    Survey survey           # of the text
    long long count         # -1 where the shape has none
    Value totals            # p NULL where the shape has none


cdef inline const char *fill(const Hole *hole, const char *p, const char *end, Filling *filling) noexcept nogil:
    """The end of what fills the hole at ``p``, NULL if it does not fit. A line end never does: it would end the event's line."""
    cdef const char *q = NULL
    cdef Survey other
    cdef Value value
    value.p = p
    if hole.kind == STRING_HOLE:
        q = <const char *> survey(
            <const unsigned char *> p, <const unsigned char *> end, &filling.survey if hole.role == SAID else &other
        )
        if q == end or q[0] != c'"':
            return NULL
        if hole.role == SAID:
            filling.said.p = p
            filling.said.end = q
            return q if q > p else NULL
    elif hole.kind == NUMBER_HOLE:
        q = scalar_end(p, end)
        if q == NULL or not c'0' <= p[0] <= c'9':
            return NULL
        value.end = q
        if hole.role == COUNT and not integer_of(&value, &filling.count):
            return NULL
    elif p < end and p[0] == c'{':
        q = container_end(p, end)
        if q == NULL or memchr(p, c'\n', <size_t> (q - p)) != NULL or memchr(p, c'\r', <size_t> (q - p)) != NULL:
            return NULL
        filling.totals.p = p
        filling.totals.end = q
    return q


cdef inline Py_ssize_t match(const Mould *mould, const char *p, const char *end, Filling *filling) noexcept nogil:
    """The length of the event at ``p``, 0 if it is not of this shape or not complete."""
    cdef const char *at = p
    cdef const char *raw = mould.raw.data
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t n
    cdef int i
    filling.count = -1
    filling.totals.p = NULL
    for i in range(mould.count):
        n = mould.holes[i].start - done
        if end - at < n or memcmp(at, raw + done, <size_t> n) != 0:
            return 0
        at = fill(&mould.holes[i], at + n, end, filling)
        if at == NULL:
            return 0
        done = mould.holes[i].stop
    n = mould.raw.size - done
    if end - at < n or memcmp(at, raw + done, <size_t> n) != 0:
        return 0
    return at + n - p


cdef inline bint add_hole(Mould *mould, const char *start, const char *stop, int role, int kind) noexcept nogil:
    cdef int i
    if mould.count == MOST_HOLES:
        return False
    for i in range(mould.count):
        if role != IGNORED and mould.holes[i].role == role:
            return False            # said twice: which one counts is a matter for the decoder
    mould.holes[mould.count].start = start - mould.raw.data
    mould.holes[mould.count].stop = stop - mould.raw.data
    mould.holes[mould.count].role = role
    mould.holes[mould.count].kind = kind
    mould.count += 1
    return True


cdef inline bint keep(Mould *mould, const char *raw, Py_ssize_t n) noexcept nogil:
    """Take these bytes for the shape; holes are still to be added."""
    clear(&mould.raw)
    mould.count = 0
    mould.active = False
    if n > LONGEST_SHAPE:
        return False
    put_bytes(&mould.raw, raw, n)
    return not mould.raw.failed


cdef inline const char *add_value(Mould *mould, const char *p, const char *end, int role, int depth) noexcept nogil:
    """Make a hole of the value at ``p`` and pass it; ``p`` for a value that stays as it is, NULL where no hole can be added."""
    cdef const char *q
    if p >= end or (role != IGNORED and depth != 1):
        return p
    if p[0] == c'"' and role == IGNORED:
        q = string_end(p + 1, end)
        return q + 1 if q != NULL and add_hole(mould, p + 1, q, role, STRING_HOLE) else NULL
    if c'0' <= p[0] <= c'9' and role != TOTALS:
        q = scalar_end(p, end)
        return q if q != NULL and add_hole(mould, p, q, role, NUMBER_HOLE) else NULL
    if p[0] == c'{' and role == TOTALS:
        q = container_end(p, end)
        return q if q != NULL and add_hole(mould, p, q, role, OBJECT_HOLE) else NULL
    return p
