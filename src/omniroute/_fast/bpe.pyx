# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Byte-pair encoding with a whole vocabulary. See the stub for what is promised.

Merging pair by pair is never done. A row of tokens is what merging gives if and only if no two neighbours in it would have merged
differently, and whether two tokens may stand side by side follows from how each of them was merged (``apart``). So a piece is
covered from the left with the longest token that fits, a shorter one where the neighbours disagree, one step back where none is
left. A place is given up for good once no path leads on from it, which bounds the work by the length of the piece.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from omniroute._fast.base64 cimport read_base64
from omniroute._fast.pieces cimport CODE_POINTS, LINE, LOWER, MARK, NUMBER, SPACE, UNCASED, UPPER, past_piece
from omniroute._fast.table cimport drop, find, find_rare, grow, insert, sieve

cdef enum:
    CACHE_BITS = 12       # of pieces, and of pairs of neighbours
    LONGEST_CACHED = 256
    LONG = 16

cdef enum Trouble:
    FINE
    NO_MEMORY = -1
    NO_LINE = -2          # not base64, a space, a rank
    NO_ORDER = -3         # a rank that is not the next
    NO_BYTES = -4         # the first 256 are not the single bytes
    TWICE = -5
    NO_MERGE = -6         # a token that merging never gives
    TOO_LARGE = -7

cdef uint32_t NONE = 0xFFFFFFFF


cdef inline uint64_t key_of(const unsigned char *p, Py_ssize_t size) noexcept nogil:
    """2 to 8 bytes as one number, different for different bytes of the same number."""
    cdef uint32_t low, high
    if size < 4:
        return p[0] | <uint64_t> p[1] << 8 | <uint64_t> p[size - 1] << 16
    memcpy(&low, p, 4)
    memcpy(&high, p + size - 4, 4)
    return low | <uint64_t> high << 32


cdef inline uint64_t ends_of(const unsigned char *p, Py_ssize_t size) noexcept nogil:
    """9 bytes or more, hashed by the first and the last eight."""
    cdef uint64_t low, high
    memcpy(&low, p, 8)
    memcpy(&high, p + size - 8, 8)
    return low ^ (high * <uint64_t> 0x9E3779B97F4A7C15 + <uint64_t> size)


cdef void release(Scratch *s) noexcept nogil:
    free(s.cache)
    free(s.neighbours)
    free(s.path)
    free(s.dead)


cdef int make_room(Scratch *s, Py_ssize_t size) noexcept nogil:
    """Path and dead bits for a piece of that many bytes."""
    cdef Py_ssize_t room = s.room if s.room else 256
    cdef void *grown
    if size > LONGEST_CACHED and s.neighbours == NULL:
        s.neighbours = <uint64_t *> calloc(1 << CACHE_BITS, sizeof(uint64_t))
        if s.neighbours == NULL:
            return NO_MEMORY
    if size <= s.room:
        return FINE
    while room < size:
        room *= 2
    grown = realloc(s.path, room * sizeof(uint32_t))
    if grown == NULL:
        return NO_MEMORY
    s.path = <uint32_t *> grown
    grown = realloc(s.dead, room // 8 + 1)
    if grown == NULL:
        return NO_MEMORY
    s.dead = <unsigned char *> grown
    s.room = room
    return FINE


cdef class Vocabulary:
    """Ranks of a byte-pair encoding, and the rules text is cut by."""

    def __cinit__(self, bytes ranks not None, str rules not None):
        cdef const unsigned char *p = <const unsigned char *> PyBytes_AS_STRING(ranks)
        cdef const unsigned char *end = p + PyBytes_GET_SIZE(ranks)
        cdef int trouble
        if rules not in ("o200k", "cl100k"):
            raise ValueError(f"no such rules: {rules}")
        self.cased = rules == "o200k"
        self._classify()
        with nogil:
            trouble = self.build(p, end)
        if trouble == NO_MEMORY:
            raise MemoryError
        if trouble != FINE:
            raise ValueError({
                NO_LINE: "a line is not base64, a space and a rank",
                NO_ORDER: "the ranks do not count up from 0",
                NO_BYTES: "the first 256 tokens are not the single bytes",
                TWICE: "a token stands twice",
                NO_MERGE: "a token is not merged from two of lower rank",
                TOO_LARGE: "more tokens, or longer ones, than fit",
            }[trouble])

    def __dealloc__(self):
        free(self.tokens)
        drop(&self.edges)
        drop(&self.pairs)
        free(self.classes)

    def __len__(self):
        return self.count_of_tokens

    def _classify(self):
        """Lays the runs of the generated module out as one byte for each code point."""
        from omniroute._fast.unicode_classes import RUNS

        cdef bytes runs = RUNS.encode("ascii")
        cdef dict bits = {"u": UPPER, "l": LOWER, "o": UNCASED, "m": MARK, "n": NUMBER, "s": SPACE, "r": LINE, "x": 0}
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t n = 0
        cdef unsigned char c
        self.classes = <unsigned char *> calloc(CODE_POINTS, 1)
        if self.classes == NULL:
            raise MemoryError
        for c in runs:
            if c'0' <= c <= c'9':
                n = 10 * n + c - c'0'
                continue
            n = n if n else 1
            if at + n > CODE_POINTS:
                raise ValueError("the character classes are longer than their table")
            if c != c'x':       # symbols are 0 already; pages never written take no memory
                memset(self.classes + at, bits[chr(c)], n)
            at += n
            n = 0

    cdef int build(self, const unsigned char *p, const unsigned char *end) noexcept nogil:
        cdef Ranks ranks
        cdef int trouble
        memset(&ranks, 0, sizeof(Ranks))
        trouble = self.read(&ranks, p, end)
        if trouble == FINE and (grow(&self.edges) != 0 or grow(&self.pairs) != 0):
            trouble = NO_MEMORY
        if trouble == FINE:
            trouble = self.grow_trie(&ranks)
        if trouble == FINE:
            trouble = self.find_merges(&ranks)
        free(ranks.text)
        free(ranks.starts)
        free(ranks.order)
        return trouble

    cdef int read(self, Ranks *ranks, const unsigned char *p, const unsigned char *end) noexcept nogil:
        """The lines; afterwards every token has its length, and ``order`` lists the ranks from the shortest to the longest."""
        cdef unsigned char *out
        cdef const unsigned char *q
        cdef uint32_t n = 0
        cdef uint32_t rank, i
        cdef uint32_t[LONGEST + 2] first
        memset(first, 0, sizeof(first))
        q = p
        while q < end:
            n += q[0] == c'\n'
            q += 1
        if n > MOST or end - p > 0x7FFFFFFF:
            return TOO_LARGE
        ranks.text = <unsigned char *> malloc(end - p + 1)
        ranks.starts = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
        ranks.order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
        self.tokens = <Token *> calloc(n + 1, sizeof(Token))
        if ranks.text == NULL or ranks.starts == NULL or ranks.order == NULL or self.tokens == NULL:
            return NO_MEMORY
        out = ranks.text
        self.count_of_tokens = n
        for i in range(n):
            ranks.starts[i] = <uint32_t> (out - ranks.text)
            p = read_base64(p, end, &out)
            if out - ranks.text == ranks.starts[i] or p[0] != c' ':
                return NO_LINE
            if out - ranks.text - ranks.starts[i] > LONGEST:
                return TOO_LARGE
            self.tokens[i].length = <uint32_t> (out - ranks.text) - ranks.starts[i]
            first[self.tokens[i].length + 1] += 1
            self.most_bytes = max(self.most_bytes, self.tokens[i].length)
            rank = 0
            p += 1
            if not c'0' <= p[0] <= c'9':
                return NO_LINE
            while c'0' <= p[0] <= c'9' and rank <= MOST:
                rank = 10 * rank + p[0] - c'0'
                p += 1
            if p[0] != c'\n':
                return NO_LINE
            if rank != i:
                return NO_ORDER
            p += 1
        if p != end:
            return NO_LINE
        for i in range(1, LONGEST + 2):
            first[i] += first[i - 1]
        for i in range(n):
            ranks.order[first[self.tokens[i].length]] = i
            first[self.tokens[i].length] += 1
        return FINE

    cdef int grow_trie(self, Ranks *ranks) noexcept nogil:
        """Shorter tokens first: a node made on the way to a longer one can then not be a token's."""
        cdef const unsigned char *p
        cdef uint32_t i
        cdef int trouble
        if self.count_of_tokens < BYTES:
            return NO_BYTES
        for i in range(<uint32_t> BYTES):
            self.bytes[i] = NONE
        for i in range(<uint32_t> BYTES):
            p = ranks.text + ranks.starts[i]
            if self.tokens[i].length != 1 or self.bytes[p[0]] != NONE:
                return NO_BYTES
            self.bytes[p[0]] = i
            self.tokens[i].shorter = NONE
        self.nodes = self.count_of_tokens
        for i in range(<uint32_t> BYTES, self.count_of_tokens):
            trouble = self.add_path(ranks.order[i], ranks.text + ranks.starts[ranks.order[i]])
            if trouble != FINE:
                return trouble
        return FINE

    cdef int add_path(self, uint32_t rank, const unsigned char *p) noexcept nogil:
        """The token's nodes, and the longest token it begins with."""
        cdef Token *token = &self.tokens[rank]
        cdef uint32_t node = self.bytes[p[0]]
        cdef uint32_t child, j
        if token.length == 1:
            return TWICE
        token.shorter = node
        for j in range(1, token.length - 1):
            child = find(&self.edges, <uint64_t> node << 8 | p[j])
            if child == 0:
                if self.nodes == MOST_NODES:
                    return TOO_LARGE
                child = self.nodes
                self.nodes += 1
                if insert(&self.edges, <uint64_t> node << 8 | p[j], child) != 0:
                    return NO_MEMORY
            elif child < self.count_of_tokens:
                token.shorter = child
            node = child
        if find(&self.edges, <uint64_t> node << 8 | p[token.length - 1]):
            return TWICE
        return FINE if insert(&self.edges, <uint64_t> node << 8 | p[token.length - 1], rank) == 0 else NO_MEMORY

    cdef int find_merges(self, Ranks *ranks) noexcept nogil:
        """The two tokens each token is merged from: of all ways to cut it, the one whose halves stay apart until that merge."""
        cdef const unsigned char *p
        cdef const unsigned char *end
        cdef uint32_t rank, left, right
        for rank in range(<uint32_t> BYTES, self.count_of_tokens):
            p = ranks.text + ranks.starts[rank]
            end = p + self.tokens[rank].length
            left = self.tokens[rank].shorter
            while left != NONE:
                if left < rank:
                    right = self.longest(p + self.tokens[left].length, end)
                    if (
                        right < rank
                        and self.tokens[left].length + self.tokens[right].length == self.tokens[rank].length
                        and self.apart(left, right)
                    ):
                        break
                left = self.tokens[left].shorter
            if left == NONE:
                return NO_MERGE
            self.tokens[rank].left = left
            self.tokens[rank].right = right
            if insert(&self.pairs, <uint64_t> left << 20 | right, rank) != 0:
                return NO_MEMORY
        return FINE if sieve(&self.pairs) == 0 else NO_MEMORY

    cdef bint apart(self, uint32_t left, uint32_t right) noexcept nogil:
        """Whether merging the bytes of both ends with these two tokens.

        Their own last merges are undone, the later one first. The two that then meet must not have merged with each other
        before that merge: a rank below ``limit`` would have come first (of equal ranks the one further left).
        """
        cdef uint32_t limit = NONE
        cdef uint32_t merged
        while True:
            merged = find_rare(&self.pairs, <uint64_t> left << 20 | right)
            if merged and merged < limit:
                return False
            if left > right:
                if left < BYTES:
                    return True
                limit = left
                left = self.tokens[left].right
            else:
                if right < BYTES:
                    return True
                limit = right + 1
                right = self.tokens[right].left

    cdef bint apart_again(self, Scratch *s, uint32_t left, uint32_t right) noexcept nogil:
        """The same remembered: a long piece of one repeated character asks about the same neighbours at every place."""
        cdef uint64_t key = <uint64_t> left << 20 | right
        cdef uint64_t *known = &s.neighbours[(key * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - CACHE_BITS)]
        if known[0] >> 2 != key or known[0] & 2 == 0:
            known[0] = key << 2 | 2 | self.apart(left, right)
        return known[0] & 1

    cdef uint32_t longest(self, const unsigned char *p, const unsigned char *end) noexcept nogil:
        """The longest token that the bytes at ``p`` < ``end`` begin with."""
        cdef uint32_t node = self.bytes[p[0]]
        cdef uint32_t best = node
        p += 1
        while p < end:
            node = find(&self.edges, <uint64_t> node << 8 | p[0])
            if node == 0:
                break
            if node < self.count_of_tokens:
                best = node
            p += 1
        return best

    cdef Py_ssize_t merge(self, Scratch *s, const unsigned char *p, Py_ssize_t size) noexcept nogil:
        """Number of tokens of a piece, which ``s.path`` then holds; negative: NO_MEMORY."""
        cdef const unsigned char *end = p + size
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t n = 0
        cdef Py_ssize_t after
        cdef const unsigned char *again = NULL
        cdef uint32_t same = 0
        cdef uint32_t token = self.longest(p, end)
        if make_room(s, size) != FINE:
            return NO_MEMORY
        if self.tokens[token].length == <uint32_t> size:
            s.path[0] = token
            return 1
        memset(s.dead, 0, size // 8 + 1)
        while True:
            after = at + self.tokens[token].length
            if not s.dead[after >> 3] >> (after & 7) & 1 and (
                n == 0
                or size <= LONGEST_CACHED and self.apart(s.path[n - 1], token)
                or size > LONGEST_CACHED and self.apart_again(s, s.path[n - 1], token)
            ):
                s.path[n] = token
                n += 1
                at = after
                if at == size:
                    return n
                if again != NULL and end - p - at >= self.most_bytes and memcmp(p + at, again, self.most_bytes) == 0:
                    token = same
                    continue
                token = self.longest(p + at, end)
                if self.tokens[token].length >= LONG and end - p - at >= self.most_bytes:
                    again = p + at
                    same = token
            elif self.tokens[token].shorter != NONE:
                token = self.tokens[token].shorter
            else:               # never at the start: what the piece merges to is a path
                s.dead[at >> 3] |= <unsigned char> (1 << (at & 7))
                n -= 1
                token = s.path[n]
                at -= self.tokens[token].length

    cdef Py_ssize_t count_piece(self, Scratch *s, const unsigned char *p, Py_ssize_t size) noexcept nogil:
        """Number of tokens; what was counted before in this call is remembered."""
        cdef uint64_t key
        cdef Cached *cached
        cdef Py_ssize_t tokens
        if size == 1:
            return 1
        if size > LONGEST_CACHED:
            return self.merge(s, p, size)
        if size <= 8:
            key = key_of(p, size)
            cached = &s.cache[((key + <uint64_t> size) * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - CACHE_BITS)]
            if cached.length == size and cached.key == key:
                return cached.tokens
        else:
            cached = &s.cache[(ends_of(p, size) * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - CACHE_BITS)]
            key = <uint64_t> <size_t> p
            if cached.length == size and memcmp(<const void *> <size_t> cached.key, p, size) == 0:
                return cached.tokens
        tokens = self.merge(s, p, size)
        if tokens > 0:
            cached.key = key
            cached.length = <uint32_t> size
            cached.tokens = <uint32_t> tokens
        return tokens

    cdef Py_ssize_t count_text(self, Scratch *s, const unsigned char *p, const unsigned char *end) noexcept nogil:
        cdef const unsigned char *q
        cdef Py_ssize_t total = 0
        cdef Py_ssize_t tokens
        while p < end:
            q = past_piece(self.classes, self.cased, p, end)
            tokens = self.count_piece(s, p, q - p)
            if tokens < 0:
                return tokens
            total += tokens
            p = q
        return total

    cdef Py_ssize_t count_texts(self, Slice *texts, Py_ssize_t n) noexcept nogil:
        cdef Scratch s
        cdef Py_ssize_t total = 0
        cdef Py_ssize_t tokens = 0
        cdef Py_ssize_t i
        memset(&s, 0, sizeof(Scratch))
        s.cache = <Cached *> calloc(1 << CACHE_BITS, sizeof(Cached))
        if s.cache == NULL:
            return NO_MEMORY
        for i in range(n):
            tokens = self.count_text(&s, texts[i].start, texts[i].end)
            if tokens < 0:
                break
            total += tokens
        release(&s)
        return total if tokens >= 0 else tokens

    def count(self, *texts):
        cdef Py_ssize_t n = len(texts)
        cdef Py_ssize_t i, tokens
        cdef bytes text
        cdef Slice *slices = <Slice *> malloc((n + 1) * sizeof(Slice))
        if slices == NULL:
            raise MemoryError
        try:
            for i in range(n):
                text = <bytes?> texts[i]
                slices[i].start = <const unsigned char *> PyBytes_AS_STRING(text)
                slices[i].end = slices[i].start + PyBytes_GET_SIZE(text)
            with nogil:
                tokens = self.count_texts(slices, n)
        finally:
            free(slices)
        if tokens < 0:
            raise MemoryError
        return tokens

    def encode(self, bytes text not None):
        cdef const unsigned char *p = <const unsigned char *> PyBytes_AS_STRING(text)
        cdef const unsigned char *end = p + PyBytes_GET_SIZE(text)
        cdef const unsigned char *q
        cdef Py_ssize_t n, i
        cdef Scratch s
        cdef list ranks = []
        memset(&s, 0, sizeof(Scratch))
        try:
            while p < end:
                q = past_piece(self.classes, self.cased, p, end)
                n = self.merge(&s, p, q - p)
                if n < 0:
                    raise MemoryError
                for i in range(n):
                    ranks.append(s.path[i])
                p = q
        finally:
            release(&s)
        return ranks
