# cython: language_level=3
"""Gemini generateContent: what a chunk of a stream may have, found in one pass."""

from libc.string cimport memset

from omniroute._fast.scan cimport (
    Member, Value, Walk, enter_at, integer_of, is_object, key_is, leave, measure, next_key, next_member, step, text_is,
)


cdef struct Part:                   # members not there have p NULL, in all three
    Value text
    Value thought
    Value signature
    Value call
    Value inline_data
    Value other                     # what only this dialect knows
    Value whole

cdef struct Candidate:
    const char *at
    long long index
    Value parts                     # the list
    int count                       # of its items
    Part first
    Value reason
    Value grounding
    Value logprobs

cdef struct Chunk:
    Value body
    Value candidates                # the list
    int count                       # of its items
    Candidate first
    Value usage
    Value feedback
    Value id
    Value model
    Value error


cdef inline void read_part(Walk *walk, Part *part) noexcept nogil:
    """Take the part at the walk's position, and pass it."""
    cdef Walk inner
    cdef Member member
    memset(part, 0, sizeof(Part))
    part.whole.p = walk.p
    if walk.p[0] != c'{':
        measure(walk, &part.whole)
        return
    enter_at(&inner, walk.p, walk.end)
    while next_member(&inner, &member):
        if key_is(&member, b"text"):
            part.text = member.value
        elif key_is(&member, b"thought"):
            part.thought = member.value
        elif key_is(&member, b"thoughtSignature"):
            part.signature = member.value
        elif key_is(&member, b"functionCall"):
            part.call = member.value
        elif key_is(&member, b"inlineData"):
            part.inline_data = member.value
        elif is_object(&member.value):
            part.other = member.value
    part.whole.end = inner.p
    leave(walk, &inner)


cdef inline void read_content(Walk *walk, Candidate *candidate) noexcept nogil:
    """Take the first part of the content at the walk's position, and pass the content."""
    cdef Walk inner, items
    cdef Member member
    cdef Value other
    enter_at(&inner, walk.p, walk.end)
    while next_key(&inner, &member):
        if not key_is(&member, b"parts") or inner.p[0] != c'[':
            if not measure(&inner, &other):
                break
            continue
        candidate.parts.p = inner.p
        candidate.count = 0
        enter_at(&items, inner.p, inner.end)
        while step(&items):
            if candidate.count == 0:
                read_part(&items, &candidate.first)
            else:
                measure(&items, &other)
            candidate.count += 1
        candidate.parts.end = items.p
        leave(&inner, &items)
    leave(walk, &inner)


cdef inline void read_candidate(Walk *walk, Candidate *candidate) noexcept nogil:
    """Take the candidate at the walk's position, and pass it."""
    cdef Walk inner
    cdef Member member
    cdef Value other
    memset(candidate, 0, sizeof(Candidate))
    candidate.at = walk.p
    if walk.p[0] != c'{':
        measure(walk, &other)
        return
    enter_at(&inner, walk.p, walk.end)
    while next_key(&inner, &member):
        if key_is(&member, b"content") and inner.p[0] == c'{':
            read_content(&inner, candidate)
        elif not measure(&inner, &member.value):
            break
        elif key_is(&member, b"finishReason"):
            candidate.reason = member.value
        elif key_is(&member, b"index"):
            integer_of(&member.value, &candidate.index)
        elif key_is(&member, b"groundingMetadata"):
            candidate.grounding = member.value
        elif key_is(&member, b"logprobsResult"):
            candidate.logprobs = member.value
    leave(walk, &inner)


cdef inline void read_candidates(Walk *walk, Chunk *chunk) noexcept nogil:
    """Take the first candidate of the list at the walk's position, and pass the list."""
    cdef Walk inner
    cdef Value other
    chunk.candidates.p = walk.p
    chunk.count = 0
    enter_at(&inner, walk.p, walk.end)
    while step(&inner):
        if chunk.count == 0:
            read_candidate(&inner, &chunk.first)
        else:
            measure(&inner, &other)
        chunk.count += 1
    chunk.candidates.end = inner.p
    leave(walk, &inner)


cdef inline void read_members(Walk *walk, Chunk *chunk) noexcept nogil:
    """Take the members of the object that ``walk`` has entered; ``walk.failed`` if it is none."""
    cdef Member member
    while next_key(walk, &member):
        if key_is(&member, b"candidates") and walk.p[0] == c'[':
            read_candidates(walk, chunk)
        else:
            read_member(walk, &member, chunk)


cdef inline void read_member(Walk *walk, Member *member, Chunk *chunk) noexcept nogil:
    """Take the member whose value is at the walk's position, and pass it. ``candidates`` is not among them."""
    if not measure(walk, &member.value):
        return
    if key_is(member, b"usageMetadata"):
        chunk.usage = member.value
    elif key_is(member, b"promptFeedback"):
        chunk.feedback = member.value
    elif key_is(member, b"modelVersion"):
        chunk.model = member.value
    elif key_is(member, b"responseId"):
        chunk.id = member.value
    elif key_is(member, b"error"):
        chunk.error = member.value


cdef inline void read_envelope(Walk *walk, Chunk *chunk) noexcept nogil:
    """The same where the chunk itself stands in the member ``response``; errors stand beside it."""
    cdef Walk inner
    cdef Member member
    while next_key(walk, &member):
        if key_is(&member, b"response") and walk.p[0] == c'{':
            enter_at(&inner, walk.p, walk.end)
            read_members(&inner, chunk)
            leave(walk, &inner)
        else:
            read_member(walk, &member, chunk)


cdef inline const char *read_chunk(const char *p, const char *end, bint enveloped, Chunk *chunk) noexcept nogil:
    """Find the parts of a chunk in one pass; the byte behind it, NULL if it is not a JSON object."""
    cdef Walk walk
    memset(chunk, 0, sizeof(Chunk))
    if p[0] != c'{':
        return NULL
    enter_at(&walk, p, end)
    if enveloped:
        read_envelope(&walk, chunk)
    else:
        read_members(&walk, chunk)
    if walk.failed:
        return NULL
    chunk.body.p = p
    chunk.body.end = walk.p
    return walk.p


cdef inline bint is_true(const Value *value) noexcept nogil:
    return value.p != NULL and value.p[0] == c't'


cdef inline bint is_refusal(const Value *word) noexcept nogil:
    """Reasons by which content was withheld; a reason nobody knows yet is an ordinary end."""
    return (text_is(word, b"SAFETY") or text_is(word, b"RECITATION") or text_is(word, b"BLOCKLIST")
            or text_is(word, b"PROHIBITED_CONTENT") or text_is(word, b"SPII") or text_is(word, b"MODEL_ARMOR")
            or text_is(word, b"ESCALATION") or text_is(word, b"PUP_LIMITED_DISABLED") or text_is(word, b"IMAGE_SAFETY")
            or text_is(word, b"IMAGE_PROHIBITED_CONTENT") or text_is(word, b"IMAGE_RECITATION"))
