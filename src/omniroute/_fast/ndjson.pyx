# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Newline-delimited JSON from bytes."""

from libc.string cimport memchr

from omniroute._fast.sse cimport Splitter, Sse


cdef inline bint blank(const char *p, const char *end) noexcept nogil:
    while p < end and (p[0] == c' ' or p[0] == c'\t' or p[0] == c'\r'):
        p += 1
    return p == end


cdef class Lines(Splitter):
    """Cuts a stream of bytes into lines."""

    cdef bint next(self, Sse *sse) noexcept:
        """The next complete line that is not blank; False when the window holds no further one."""
        cdef const char *start
        cdef const char *feed
        if self.oversized or not self._begin():
            return False
        while True:
            start = self.base + self.line
            feed = <const char *> memchr(self.base + self.scan, c'\n', <size_t> (self.size - self.scan))
            if feed == NULL:
                self.scan = self.size
                self.oversized = self.size - self.safe > self.limit
                return False
            self.line = self.scan = feed + 1 - self.base
            if feed - self.base - self.safe > self.limit:     # a byte order mark counts, here as in an incomplete line
                self.oversized = True
                return False
            sse.start = self.safe
            sse.stop = self.safe = self.line
            if not blank(start, feed):
                sse.name = NULL
                sse.name_length = 0
                sse.data = start
                sse.data_length = feed - start - (1 if (feed - 1)[0] == c'\r' else 0)
                return not self.held.failed

    cdef bint last(self, Sse *sse) noexcept:
        """The data ended: the line without an end, if it says anything. True once at most."""
        cdef const char *start
        self.base = self.held.data
        self.size = self.held.size
        if self.oversized or self.size == 0:
            return False
        start = self.base + self.line
        sse.start = self.safe
        sse.stop = self.safe = self.line = self.scan = self.size
        sse.name = NULL
        sse.name_length = 0
        sse.data = start
        sse.data_length = self.base + self.size - start
        return not blank(start, self.base + self.size) and not self.held.failed
