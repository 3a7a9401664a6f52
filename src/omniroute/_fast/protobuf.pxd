# cython: language_level=3
"""Bounded reader of protobuf messages: walk over the fields of one without building anything.

It never reads at or behind ``end``. Groups, which nobody sends any more, and anything else that is no field fail the walk.

    cdef Fields fields
    cdef Field field
    enter_message(&fields, p, end)
    while next_field(&fields, &field):
        if field.number == 1 and field.wire == TEXTUAL: …
    if fields.failed: …
"""

cdef enum Wire:
    NUMERIC = 0         # ``value``
    EIGHT_BYTES = 1
    TEXTUAL = 2         # ``p`` and ``n``: text, bytes, or a message
    FOUR_BYTES = 5

cdef struct Field:
    unsigned int number
    int wire                    # Wire
    unsigned long long value
    const char *p
    Py_ssize_t n

cdef struct Fields:
    const unsigned char *p
    const unsigned char *end
    bint failed                 # no message: what was found so far must not be trusted


cdef inline void enter_message(Fields *fields, const char *p, Py_ssize_t n) noexcept nogil:
    fields.p = <const unsigned char *> p
    fields.end = fields.p + n
    fields.failed = False


cdef inline bint read_varint(Fields *fields, unsigned long long *value) noexcept nogil:
    """A number of seven bits a byte, the lowest first; False if it does not end or has more than 64 bits."""
    cdef unsigned long long number = 0
    cdef int shift = 0
    cdef unsigned char c
    while fields.p < fields.end and shift < 64:
        c = fields.p[0]
        fields.p += 1
        if shift == 63 and c > 1:
            return False
        number |= <unsigned long long> (c & 0x7F) << shift
        if c < 0x80:
            value[0] = number
            return True
        shift += 7
    return False


cdef inline bint next_field(Fields *fields, Field *field) noexcept nogil:
    cdef unsigned long long key = 0
    cdef unsigned long long size = 0
    if fields.failed or fields.p >= fields.end:
        return False
    fields.failed = True
    if not read_varint(fields, &key) or key >> 3 == 0 or key >> 3 > 0x1FFFFFFF:
        return False
    field.number = <unsigned int> (key >> 3)
    field.wire = <int> (key & 7)
    field.value = 0
    field.p = NULL
    field.n = 0
    if field.wire == NUMERIC:
        if not read_varint(fields, &field.value):
            return False
    else:
        if field.wire == TEXTUAL:
            if not read_varint(fields, &size):
                return False
        elif field.wire == EIGHT_BYTES:
            size = 8
        elif field.wire == FOUR_BYTES:
            size = 4
        else:
            return False
        if size > <unsigned long long> (fields.end - fields.p):
            return False
        field.p = <const char *> fields.p
        field.n = <Py_ssize_t> size
        fields.p += size
    fields.failed = False
    return True
