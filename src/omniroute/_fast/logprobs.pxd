# cython: language_level=3
"""Log probabilities of tokens in streams.

In the IR they are entries as Chat, Responses and Ollama spell them, with commas between them:
``{"token":…,"logprob":…,"bytes":…,"top_logprobs":[…]}``. Gemini has two lists beside each other instead.
"""

from omniroute._fast.buffer cimport Buffer, put_bytes, put_string, puts
from omniroute._fast.events cimport Slice
from omniroute._fast.scan cimport Value, Walk, enter, enter_at, find, is_array, is_object, next_item, text_of


cdef inline const char *digits_end(const char *p, const char *end) noexcept nogil:
    while p < end and c'0' <= p[0] <= c'9':
        p += 1
    return p


cdef inline bint is_number(const Value *v) noexcept nogil:
    """A JSON number from its first byte to its last."""
    cdef const char *p = v.p
    cdef const char *q
    if p == NULL:
        return False
    if p < v.end and p[0] == c'-':
        p += 1
    q = digits_end(p, v.end)
    if q == p or (p[0] == c'0' and q - p > 1):
        return False
    if q < v.end and q[0] == c'.':
        p = q + 1
        q = digits_end(p, v.end)
        if q == p:
            return False
    if q < v.end and (q[0] | 0x20) == c'e':
        p = q + 1
        if p < v.end and (p[0] == c'+' or p[0] == c'-'):
            p += 1
        q = digits_end(p, v.end)
        if q == p:
            return False
    return q == v.end


cdef inline bint put_weight(Buffer *out, const Value *entry, const char *key, bint follows) noexcept nogil:
    """Token and number of one entry, the brace left open; False (and nothing) where either is missing.

    ``key``: of its number. ``follows``: another entry stands before it.
    """
    cdef Value token, number
    cdef Slice text
    if not is_object(entry) or not find(entry, b"token", &token) or not text_of(&token, &text):
        return False
    if not find(entry, key, &number) or not is_number(&number):
        return False
    puts(out, b',{"token":"' if follows else b'{"token":"')
    put_string(out, &text)
    puts(out, b'","logprob":')
    put_bytes(out, number.p, number.end - number.p)
    return True


cdef inline void put_spelled(Buffer *out, const Value *entry) noexcept nogil:
    """The bytes of an entry's token; null where they are not stated."""
    cdef Value list, item
    cdef Walk walk
    cdef Py_ssize_t start = out.size
    cdef bint good = find(entry, b"bytes", &list) and is_array(&list)
    cdef bint first = True
    puts(out, b',"bytes":[')
    enter(&walk, &list)
    while good and next_item(&walk, &item):
        good = item.end - item.p <= 3 and is_number(&item) and digits_end(item.p, item.end) == item.end
        if not first:
            puts(out, b",")
        put_bytes(out, item.p, item.end - item.p)
        first = False
    puts(out, b"]")
    if not good:
        if start < out.size:
            out.size = start
        puts(out, b',"bytes":null')


cdef inline void put_top(Buffer *out, const Value *list, const char *key) noexcept nogil:
    """The likeliest tokens of a step, and the end of its entry."""
    cdef Walk walk
    cdef Value item
    cdef bint some = False
    puts(out, b',"top_logprobs":[')
    if is_array(list):
        enter(&walk, list)
        while next_item(&walk, &item):
            if put_weight(out, &item, key, some):
                put_spelled(out, &item)
                puts(out, b"}")
                some = True
    puts(out, b"]}")


cdef inline void put_entries(Buffer *out, const Value *list) noexcept nogil:
    """A list as Chat, Responses and Ollama spell it; entries that make no sense are left out."""
    cdef Walk walk
    cdef Value item, top
    if not is_array(list):
        return
    enter(&walk, list)
    while next_item(&walk, &item):
        if put_weight(out, &item, b"logprob", out.size > 0):
            put_spelled(out, &item)
            find(&item, b"top_logprobs", &top)
            put_top(out, &top, b"logprob")


cdef inline void put_gemini_entries(Buffer *out, const Value *result) noexcept nogil:
    """Likewise from a ``logprobsResult``."""
    cdef Walk walk, steps
    cdef Value chosen, tops, item, step, candidates
    cdef bint more
    if not is_object(result) or not find(result, b"chosenCandidates", &chosen) or not is_array(&chosen):
        return
    more = find(result, b"topCandidates", &tops) and is_array(&tops)
    enter(&walk, &chosen)
    enter(&steps, &tops)
    while next_item(&walk, &item):
        candidates.p = NULL
        more = more and next_item(&steps, &step)
        if more and is_object(&step):
            find(&step, b"candidates", &candidates)
        if put_weight(out, &item, b"logProbability", out.size > 0):
            puts(out, b',"bytes":null')
            put_top(out, &candidates, b"logProbability")


cdef inline void put_candidate(Buffer *out, const Value *entry, bint follows) noexcept nogil:
    """One of our own entries as a Gemini candidate."""
    cdef Value token, number
    cdef Slice text
    find(entry, b"token", &token)
    text_of(&token, &text)
    find(entry, b"logprob", &number)
    puts(out, b',{"token":"' if follows else b'{"token":"')
    put_string(out, &text)
    puts(out, b'","logProbability":')
    put_bytes(out, number.p, number.end - number.p)
    puts(out, b"}")


cdef inline void put_gemini_result(Buffer *out, const Buffer *entries) noexcept nogil:
    """Our entries, between brackets here, as a ``logprobsResult``."""
    cdef Walk walk, inner
    cdef Value item, list, other
    cdef bint some = False
    cdef bint any
    puts(out, b'{"topCandidates":[')
    enter_at(&walk, entries.data, entries.data + entries.size)
    while next_item(&walk, &item):
        puts(out, b',{"candidates":[' if some else b'{"candidates":[')
        some = True
        any = False
        find(&item, b"top_logprobs", &list)
        enter(&inner, &list)
        while next_item(&inner, &other):
            put_candidate(out, &other, any)
            any = True
        puts(out, b"]}")
    puts(out, b'],"chosenCandidates":[')
    some = False
    enter_at(&walk, entries.data, entries.data + entries.size)
    while next_item(&walk, &item):
        put_candidate(out, &item, some)
        some = True
    puts(out, b"]}")
