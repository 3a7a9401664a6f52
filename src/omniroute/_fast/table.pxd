# cython: language_level=3
"""A hash table from numbers of up to 40 bits to numbers of up to 24, not both 0: open addressing over 64-bit entries."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free


cdef enum:
    FEWEST_BITS = 10
    FILTER_BITS = 21      # of the filter: 256 kB, so that it stays in a near cache

cdef struct Table:
    uint64_t *entries      # key << 24 | value, 0 is free
    int bits               # log2 of their number
    uint64_t used
    unsigned char *filter  # a bit is 0 if no key falls on it; NULL until sieve is called


cdef inline uint64_t place_of(Table *t, uint64_t key) noexcept nogil:
    return (key * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - t.bits)


cdef inline uint32_t find(Table *t, uint64_t key) noexcept nogil:
    """The key's value, 0 when it has none."""
    cdef uint64_t at = place_of(t, key)
    cdef uint64_t entry
    while True:
        entry = t.entries[at]
        if entry == 0:
            return 0
        if entry >> 24 == key:
            return <uint32_t> (entry & 0xFFFFFF)
        at = (at + 1) & ((<uint64_t> 1 << t.bits) - 1)


cdef inline void place(Table *t, uint64_t entry) noexcept nogil:
    cdef uint64_t at = place_of(t, entry >> 24)
    while t.entries[at]:
        at = (at + 1) & ((<uint64_t> 1 << t.bits) - 1)
    t.entries[at] = entry


cdef inline int grow(Table *t) noexcept nogil:
    """Twice the entries, or the first ones. -1: memory is short."""
    cdef uint64_t *old = t.entries
    cdef int bits = t.bits
    cdef uint64_t i
    t.bits = bits + 1 if old != NULL else FEWEST_BITS
    t.entries = <uint64_t *> calloc(<size_t> 1 << t.bits, sizeof(uint64_t))
    if t.entries == NULL:
        t.entries = old
        t.bits = bits
        return -1
    if old != NULL:
        for i in range(<uint64_t> 1 << bits):
            if old[i]:
                place(t, old[i])
        free(old)
    return 0


cdef inline int insert(Table *t, uint64_t key, uint32_t value) noexcept nogil:
    """Adds a key that is not there yet. The table stays at most half full. -1: memory is short."""
    if 2 * (t.used + 1) > <uint64_t> 1 << t.bits and grow(t) != 0:
        return -1
    place(t, key << 24 | value)
    t.used += 1
    return 0


cdef inline uint64_t bit_of(uint64_t key) noexcept nogil:
    return (key * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - FILTER_BITS)


cdef inline int sieve(Table *t) noexcept nogil:
    """Makes ``find_rare`` fast; nothing is inserted afterwards. -1: memory is short."""
    cdef uint64_t i, bit
    t.filter = <unsigned char *> calloc(1 << (FILTER_BITS - 3), 1)
    if t.filter == NULL:
        return -1
    for i in range(<uint64_t> 1 << t.bits):
        if t.entries[i]:
            bit = bit_of(t.entries[i] >> 24)
            t.filter[bit >> 3] |= <unsigned char> (1 << (bit & 7))
    return 0


cdef inline uint32_t find_rare(Table *t, uint64_t key) noexcept nogil:
    """``find`` for keys that are mostly not there."""
    cdef uint64_t bit
    if t.filter != NULL:
        bit = bit_of(key)
        if not t.filter[bit >> 3] >> (bit & 7) & 1:
            return 0
    return find(t, key)


cdef inline void drop(Table *t) noexcept nogil:
    free(t.entries)
    free(t.filter)
