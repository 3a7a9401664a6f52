# cython: language_level=3
"""OpenAI Responses: what an event of a stream may have at its top level, found in one pass."""

from libc.string cimport memset

from omniroute._fast.buffer cimport Buffer, put_bytes, puts
from omniroute._fast.events cimport ESCAPED, Slice
from omniroute._fast.scan cimport Member, Value, Walk, enter_at, find, integer_of, key_is, next_item, next_member, same


cdef struct Parts:              # members of an event, p NULL where it has none
    Value body
    Value type
    Value output_index
    Value content_index
    Value summary_index
    Value delta
    Value text
    Value refusal
    Value arguments
    Value input
    Value annotation
    Value item
    Value response
    Value sequence_number
    Value logprobs

cdef inline const char *read_parts(const char *p, const char *end, Parts *parts) noexcept nogil:
    """Find what any event may have; the byte behind it, NULL if it is not a JSON object."""
    cdef Walk walk
    cdef Member member
    memset(parts, 0, sizeof(Parts))
    enter_at(&walk, p, end)
    while p[0] == c'{' and next_member(&walk, &member):
        if key_is(&member, b"type"):
            parts.type = member.value
        elif key_is(&member, b"delta"):
            parts.delta = member.value
        elif key_is(&member, b"output_index"):
            parts.output_index = member.value
        elif key_is(&member, b"content_index"):
            parts.content_index = member.value
        elif key_is(&member, b"summary_index"):
            parts.summary_index = member.value
        elif key_is(&member, b"sequence_number"):
            parts.sequence_number = member.value
        elif key_is(&member, b"item"):
            parts.item = member.value
        elif key_is(&member, b"response"):
            parts.response = member.value
        elif key_is(&member, b"text"):
            parts.text = member.value
        elif key_is(&member, b"refusal"):
            parts.refusal = member.value
        elif key_is(&member, b"arguments"):
            parts.arguments = member.value
        elif key_is(&member, b"input"):
            parts.input = member.value
        elif key_is(&member, b"annotation"):
            parts.annotation = member.value
        elif key_is(&member, b"logprobs"):
            parts.logprobs = member.value
    if walk.failed or p[0] != c'{':
        return NULL
    return walk.p


cdef inline long long number_of(const Value *index, long long missing) noexcept nogil:
    integer_of(index, &missing)
    return missing


cdef inline unsigned long long bit_of(long long part) noexcept nogil:
    return <unsigned long long> 1 << (part if 0 <= part < 63 else 63)


cdef inline bint begins(const Slice *text, const char *word, Py_ssize_t n) noexcept nogil:
    return text.n >= n and same(text.p, n, word)


cdef inline Slice content_of(const Buffer *b) noexcept nogil:
    cdef Slice s
    s.p = b.data
    s.n = b.size
    s.form = ESCAPED
    return s


cdef inline void put_whole(Buffer *out, const Value *response, const Buffer *items) noexcept nogil:
    """The response object; where it came without its items, those that were told before are put in."""
    cdef Value output, first
    cdef Walk walk
    find(response, b"output", &output)
    enter_at(&walk, output.p, output.end)
    if items.size == 0 or next_item(&walk, &first):
        put_bytes(out, response.p, response.end - response.p)
        return
    if output.p == NULL:
        puts(out, b'{"output":[')
        put_bytes(out, items.data, items.size - 1)
        puts(out, b"],")
        put_bytes(out, response.p + 1, response.end - response.p - 1)
        return
    put_bytes(out, response.p, output.p - response.p)
    puts(out, b"[")
    put_bytes(out, items.data, items.size - 1)
    puts(out, b"]")
    put_bytes(out, output.end, response.end - output.end)
