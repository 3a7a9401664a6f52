# cython: language_level=3
from libc.stdint cimport uint32_t, uint64_t

from omniroute._fast.table cimport Table


cdef enum:
    BYTES = 256           # the first ranks are the single bytes
    LONGEST = 255         # bytes of a token
    MOST = 1 << 20        # tokens; two ranks and a node are one entry of a table
    MOST_NODES = 1 << 24

cdef struct Token:
    uint32_t left         # the two tokens this one is merged from; unused in single bytes
    uint32_t right
    uint32_t shorter      # the longest token that this one begins with, NONE at a single byte
    uint32_t length       # bytes

cdef struct Ranks:        # while the vocabulary is built: rank r is text[starts[r]:starts[r + 1]]
    unsigned char *text
    uint32_t *starts
    uint32_t *order       # ranks by length

cdef struct Slice:
    const unsigned char *start
    const unsigned char *end

cdef struct Cached:       # a piece that was counted: its bytes, or from nine bytes on where they stand
    uint64_t key
    uint32_t length
    uint32_t tokens

cdef struct Scratch:      # what one call works with
    Cached *cache
    uint64_t *neighbours  # left << 22 | right << 2 | 2 | whether they may stand side by side
    uint32_t *path        # the tokens so far
    unsigned char *dead   # one bit for each place from which no path leads to the end
    Py_ssize_t room       # bytes of a piece that path and dead have room for


cdef class Vocabulary:
    cdef Token *tokens
    cdef uint32_t count_of_tokens
    cdef uint32_t most_bytes          # of a token
    cdef uint32_t nodes               # tokens and inner nodes of the trie; a token's node is its rank
    cdef uint32_t[BYTES] bytes        # single bytes → rank
    cdef Table edges                  # node << 8 | byte → node
    cdef Table pairs                  # left << 20 | right → the token they merge to
    cdef unsigned char *classes
    cdef bint cased

    cdef int build(self, const unsigned char *p, const unsigned char *end) noexcept nogil
    cdef int read(self, Ranks *ranks, const unsigned char *p, const unsigned char *end) noexcept nogil
    cdef int grow_trie(self, Ranks *ranks) noexcept nogil
    cdef int add_path(self, uint32_t rank, const unsigned char *p) noexcept nogil
    cdef int find_merges(self, Ranks *ranks) noexcept nogil
    cdef bint apart(self, uint32_t left, uint32_t right) noexcept nogil
    cdef bint apart_again(self, Scratch *s, uint32_t left, uint32_t right) noexcept nogil
    cdef uint32_t longest(self, const unsigned char *p, const unsigned char *end) noexcept nogil
    cdef Py_ssize_t merge(self, Scratch *s, const unsigned char *p, Py_ssize_t size) noexcept nogil
    cdef Py_ssize_t count_piece(self, Scratch *s, const unsigned char *p, Py_ssize_t size) noexcept nogil
    cdef Py_ssize_t count_text(self, Scratch *s, const unsigned char *p, const unsigned char *end) noexcept nogil
    cdef Py_ssize_t count_texts(self, Slice *texts, Py_ssize_t n) noexcept nogil
