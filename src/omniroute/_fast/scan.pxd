# cython: language_level=3
"""Bounded scanner over one JSON text: find members and items without building anything.

It is lenient where leniency cannot hurt (a value nobody reads is only measured) and never reads at or behind ``end``. Walks do
not recurse; containers nested deeper than 512 count as malformed.

    cdef Walk walk
    cdef Member member
    enter(&walk, value)
    while next_member(&walk, &member):
        if key_is(&member, b"usage"): …
    if walk.failed: …
"""

from libc.string cimport memcmp, strlen

from omniroute._fast.buffer cimport decode_escape
from omniroute._fast.events cimport ESCAPED, JSON, Slice


cdef extern from *:
    """
    #include <stddef.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

    #define OMNIROUTE_DEPTH 512

    /* The closing quote of the string whose content begins at p, or NULL. */
    static inline const char *omniroute_string_end(const char *p, const char *end) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\');
        while (end - p >= 16) {
            const __m128i v = _mm_loadu_si128((const __m128i *)p);
            const int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
            if (!mask) { p += 16; continue; }
            p += __builtin_ctz((unsigned)mask);
            if (*p == '"') return p;
            if (end - p < 2) return NULL;
            p += 2;
        }
    #endif
        while (p < end) {
            if (*p == '"') return p;
            if (*p == '\\\\' && end - p < 2) return NULL;
            p += *p == '\\\\' ? 2 : 1;
        }
        return NULL;
    }

    /* The byte behind the container that begins at p, or NULL. Brackets are counted, not matched. */
    static inline const char *omniroute_container_end(const char *p, const char *end) {
        int depth = 0;
        while (p < end) {
    #if defined(__SSE2__)
            if (end - p >= 16) {        /* to the next quote or bracket: '[' and ']' are '{' and '}' without bit 5 */
                const __m128i v = _mm_loadu_si128((const __m128i *)p);
                const __m128i w = _mm_or_si128(v, _mm_set1_epi8(0x20));
                const __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                    _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8('{')), _mm_cmpeq_epi8(w, _mm_set1_epi8('}'))));
                const int mask = _mm_movemask_epi8(hits);
                if (!mask) { p += 16; continue; }
                p += __builtin_ctz((unsigned)mask);
            }
    #endif
            switch (*p++) {
            case '"':
                p = omniroute_string_end(p, end);
                if (!p) return NULL;
                p++;
                break;
            case '{': case '[':
                if (++depth > OMNIROUTE_DEPTH) return NULL;
                break;
            case '}': case ']':
                if (--depth == 0) return p;
                break;
            }
        }
        return NULL;
    }
    """
    const char *string_end "omniroute_string_end"(const char *p, const char *end) noexcept nogil
    const char *container_end "omniroute_container_end"(const char *p, const char *end) noexcept nogil

cdef struct Value:          # first byte, and the byte behind the last; p NULL = no value
    const char *p
    const char *end

cdef struct Member:
    const char *key         # inside of the quotes, still escaped
    Py_ssize_t key_length
    Value value

cdef struct Walk:
    const char *p
    const char *end
    bint failed             # not JSON: what was found so far must not be trusted


cdef inline const char *skip_space(const char *p, const char *end) noexcept nogil:
    while p < end and (p[0] == 0x20 or p[0] == 0x0A or p[0] == 0x0D or p[0] == 0x09):
        p += 1
    return p


cdef inline const char *scalar_end(const char *p, const char *end) noexcept nogil:
    """The byte behind the number or literal that begins at ``p``, or NULL."""
    cdef const char *start = p
    cdef char c
    while p < end:
        c = p[0]
        if not (c'0' <= c <= c'9' or c'a' <= c <= c'z' or c == c'-' or c == c'+' or c == c'.' or c == c'E'):
            break
        p += 1
    if p == start:
        return NULL
    c = start[0]
    if c == c't':
        return p if p - start == 4 and memcmp(start, b"true", 4) == 0 else NULL
    if c == c'f':
        return p if p - start == 5 and memcmp(start, b"false", 5) == 0 else NULL
    if c == c'n':
        return p if p - start == 4 and memcmp(start, b"null", 4) == 0 else NULL
    return p if c == c'-' or c'0' <= c <= c'9' else NULL


cdef inline const char *value_end(const char *p, const char *end) noexcept nogil:
    """The byte behind the value that begins at ``p``, or NULL."""
    if p >= end:
        return NULL
    if p[0] == c'"':
        p = string_end(p + 1, end)
        if p != NULL:
            p += 1
        return p
    if p[0] == c'{' or p[0] == c'[':
        return container_end(p, end)
    return scalar_end(p, end)


cdef inline Value no_value() noexcept nogil:
    cdef Value value
    value.p = value.end = NULL
    return value


cdef inline bint is_object(const Value *v) noexcept nogil:
    return v.p != NULL and v.p[0] == c'{'


cdef inline bint is_array(const Value *v) noexcept nogil:
    return v.p != NULL and v.p[0] == c'['


cdef inline bint is_string(const Value *v) noexcept nogil:
    return v.p != NULL and v.p[0] == c'"'


cdef inline bint is_set(const Value *v) noexcept nogil:
    """There, and not null."""
    return v.p != NULL and v.p[0] != c'n'


cdef inline void enter_at(Walk *walk, const char *p, const char *end) noexcept nogil:
    """Walk over the container at ``p``, wherever it ends before ``end``; anything else has no members and no items."""
    walk.failed = False
    if p != NULL and p < end and (p[0] == c'{' or p[0] == c'['):
        walk.p = p + 1
        walk.end = end
    else:
        walk.p = walk.end = NULL


cdef inline void enter(Walk *walk, const Value *v) noexcept nogil:
    enter_at(walk, v.p, v.end)


cdef inline bint step(Walk *walk) noexcept nogil:
    """To the next element: over space and commas. False at the end, which is passed."""
    if walk.failed or walk.p == NULL:
        return False
    walk.p = skip_space(walk.p, walk.end)
    while walk.p < walk.end and walk.p[0] == c',':
        walk.p = skip_space(walk.p + 1, walk.end)
    if walk.p >= walk.end:
        walk.failed = True
        return False
    if walk.p[0] == c'}' or walk.p[0] == c']':
        walk.p += 1
        return False
    return True


cdef inline bint measure(Walk *walk, Value *value) noexcept nogil:
    """The value at the walk's position, and past it."""
    value.p = walk.p
    value.end = value_end(walk.p, walk.end)
    walk.p = value.end
    walk.failed = value.end == NULL
    return not walk.failed


cdef inline void leave(Walk *walk, const Walk *inner) noexcept nogil:
    """Go on behind a container that ``inner`` walked over to its end."""
    walk.p = inner.p
    walk.failed = inner.failed


cdef inline bint next_item(Walk *walk, Value *item) noexcept nogil:
    return step(walk) and measure(walk, item)


cdef inline bint next_key(Walk *walk, Member *member) noexcept nogil:
    """The next member, its value not yet measured: ``measure`` it, or walk it with ``enter_at`` and ``leave``."""
    cdef const char *quote
    if not step(walk):
        return False
    walk.failed = True
    if walk.p[0] != c'"':
        return False
    member.key = walk.p + 1
    quote = string_end(member.key, walk.end)
    if quote == NULL:
        return False
    member.key_length = quote - member.key
    walk.p = skip_space(quote + 1, walk.end)
    if walk.p >= walk.end or walk.p[0] != c':':
        return False
    walk.p = skip_space(walk.p + 1, walk.end)
    walk.failed = walk.p >= walk.end
    return not walk.failed


cdef inline bint next_member(Walk *walk, Member *member) noexcept nogil:
    return next_key(walk, member) and measure(walk, &member.value)


cdef inline bint same(const char *p, Py_ssize_t n, const char *word) noexcept nogil:
    return n == <Py_ssize_t> strlen(word) and memcmp(p, word, strlen(word)) == 0


cdef inline bint key_is(const Member *member, const char *word) noexcept nogil:
    return same(member.key, member.key_length, word)


cdef inline bint find(const Value *v, const char *key, Value *found) noexcept nogil:
    """The member of an object with that key; False when there is none (``found.p`` is NULL then)."""
    cdef Walk walk
    cdef Member member
    found[0] = no_value()
    enter(&walk, v)
    if not is_object(v):
        return False
    while next_member(&walk, &member):
        if key_is(&member, key):
            found[0] = member.value
    return found.p != NULL


cdef inline bint text_of(const Value *v, Slice *out) noexcept nogil:
    """The content of a string value; False (and an empty slice) for anything else."""
    out.form = ESCAPED
    if not is_string(v):
        out.p = NULL
        out.n = 0
        return False
    out.p = v.p + 1
    out.n = v.end - v.p - 2
    return True


cdef inline void raw_of(const Value *v, Slice *out) noexcept nogil:
    out.form = JSON
    out.p = v.p
    out.n = v.end - v.p


cdef inline bint text_is(const Value *v, const char *word) noexcept nogil:
    return is_string(v) and same(v.p + 1, v.end - v.p - 2, word)


cdef inline bint integer_of(const Value *v, long long *out) noexcept nogil:
    """A number that is not negative, without its fraction; False (and no change) for anything else or above 10^15."""
    cdef const char *p = v.p
    cdef long long number = 0
    if p == NULL or not c'0' <= p[0] <= c'9':
        return False
    while p < v.end and c'0' <= p[0] <= c'9':
        number = number * 10 + (p[0] - c'0')
        if number > 1000000000000000LL:
            return False
        p += 1
    if p < v.end and p[0] != c'.':
        return False
    out[0] = number
    return True


# -- is the text collected so far one complete JSON container? -------------------------------------------------------------

cdef struct Nesting:
    int depth
    bint begun              # something other than space was seen
    bint quoted
    bint escaped
    bint complete           # a container was opened and closed again
    bint broken             # never complete: begins with something else, or goes on behind its end


cdef inline void follow_byte(Nesting *n, unsigned int c) noexcept nogil:
    if n.quoted:
        if n.escaped:
            n.escaped = False
        elif c == c'\\':
            n.escaped = True
        elif c == c'"':
            n.quoted = False
        return
    if c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
        return
    if n.depth == 0 and (n.complete or (c != c'{' and c != c'[')):
        n.broken = True
    n.begun = True
    if c == c'"':
        n.quoted = True
    elif c == c'{' or c == c'[':
        n.depth += 1
    elif (c == c'}' or c == c']') and n.depth > 0:
        n.depth -= 1
        n.complete = n.depth == 0


cdef inline void follow(Nesting *nesting, const Slice *s) noexcept nogil:
    """Add a fragment; escapes of the outer string are undone on the way."""
    cdef const unsigned char *p = <const unsigned char *> s.p
    cdef const unsigned char *end = p + s.n
    cdef unsigned int code = 0
    while p < end:
        code = p[0]
        if s.form == ESCAPED and code == c'\\':
            p += decode_escape(p, end, &code)
        else:
            p += 1
        follow_byte(nesting, code)


cdef inline bint is_complete(const Nesting *nesting) noexcept nogil:
    return nesting.complete and not nesting.broken


cdef inline bint is_blank(const Slice *s) noexcept nogil:
    """Nothing but space, escaped or not."""
    cdef const unsigned char *p = <const unsigned char *> s.p
    cdef const unsigned char *end = p + s.n
    cdef unsigned int code = 0
    while p < end:
        code = p[0]
        if s.form == ESCAPED and code == c'\\':
            p += decode_escape(p, end, &code)
        else:
            p += 1
        if code != 0x20 and code != 0x0A and code != 0x0D and code != 0x09:
            return False
    return True
