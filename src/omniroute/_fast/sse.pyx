# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Server-sent events from bytes. LF, CR and CRLF end a line, in any mixture; nothing else does."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from omniroute._fast.buffer cimport clear, drop_front, put_bytes, release


cdef class Splitter:
    """Cuts a stream of bytes into events."""

    def __cinit__(self, Py_ssize_t limit=LARGEST_EVENT):
        self.limit = limit
        self.fresh = True
        self.line_feed = -1

    def __dealloc__(self):
        release(&self.held)
        release(&self.joined)

    cdef void attach(self, const char *p, Py_ssize_t n) noexcept:
        if self.held.size:
            put_bytes(&self.held, p, n)
            self.base = self.held.data
            self.size = self.held.size
        else:
            self.base = p
            self.size = n
        self.line_feed = -1

    cdef bint next(self, Sse *sse) noexcept:
        """The next complete event that has data; False when the window holds no further one."""
        cdef Py_ssize_t end
        if self.oversized or not self._begin():
            return False
        while True:
            if self.after_return and self.line < self.size:
                self.after_return = False
                if self.base[self.line] == c'\n':
                    self.line += 1
                    self.scan = self.line
                    if not self.pending:
                        self.safe = self.line
            end = self._line_end()
            if end < 0:
                self.oversized = self.size - self.safe > self.limit
                return False
            if end - self.safe > self.limit:
                self.oversized = True
                return False
            if end > self.line:
                self._field(end)
            self.scan = end + 1
            if self.base[end] == c'\r':
                if self.scan == self.size:
                    self.after_return = True
                elif self.base[self.scan] == c'\n':
                    self.scan += 1
            if end == self.line:
                self.line = self.scan
                if self._dispatch(sse, self.scan):
                    return True
                continue
            self.line = self.scan
            if not self.pending:
                self.safe = self.line

    cdef void detach(self) noexcept:
        """Keep what is not complete; the attached read may go away now."""
        cdef Py_ssize_t gone = self.safe
        if self.base == self.held.data:
            drop_front(&self.held, gone)
        elif gone < self.size:
            put_bytes(&self.held, self.base + gone, self.size - gone)
        self.line -= gone
        self.scan -= gone
        self.data_at -= gone
        self.name_at -= gone
        self.safe = 0
        self.base = self.held.data
        self.size = self.held.size

    cdef bint last(self, Sse *sse) noexcept:
        """The data ended: the pending event, its last line perhaps without an end. True once at most."""
        self.base = self.held.data
        self.size = self.held.size
        if self.oversized or self.size == 0:
            return False
        if self.line < self.size:
            self._field(self.size)
            self.line = self.scan = self.size
        return self._dispatch(sse, self.size)

    cdef bint _begin(self) noexcept:
        """Skip the byte order mark, once. False while too little is there to tell."""
        if self.fresh and self.size:
            if self.size < 3 and memcmp(self.base, b"\xef\xbb\xbf", <size_t> self.size) == 0:
                return False
            if self.size >= 3 and memcmp(self.base, b"\xef\xbb\xbf", 3) == 0:
                self.line = self.scan = 3
            self.fresh = False
        return True

    cdef Py_ssize_t _line_end(self) noexcept:
        """Position of the CR or LF that ends the present line, -1 if it is not there yet."""
        cdef const char *found
        cdef Py_ssize_t feed = self.line_feed
        if feed < self.scan:
            found = <const char *> memchr(self.base + self.scan, c'\n', <size_t> (self.size - self.scan))
            feed = self.line_feed = self.size if found == NULL else found - self.base
        found = <const char *> memchr(self.base + self.scan, c'\r', <size_t> (feed - self.scan))
        if found != NULL:
            return found - self.base
        if feed < self.size:
            return feed
        self.scan = self.size
        return -1

    cdef void _field(self, Py_ssize_t end) noexcept:
        """Take the line that ends before ``end``: a comment, or a field with or without a value."""
        cdef const char *line = self.base + self.line
        cdef Py_ssize_t length = end - self.line
        cdef const char *colon = <const char *> memchr(line, c':', <size_t> length)
        cdef Py_ssize_t name = length if colon == NULL else colon - line
        cdef Py_ssize_t value = self.line + (length if colon == NULL else name + 1)
        if name == 0:
            return
        self.pending = True
        if value < end and self.base[value] == c' ':
            value += 1
        if name == 4 and memcmp(line, b"data", 4) == 0:
            if self.data_lines == 0:
                self.data_at = value
                self.data_length = end - value
            else:
                if self.data_lines == 1:
                    clear(&self.joined)
                    put_bytes(&self.joined, self.base + self.data_at, self.data_length)
                put_bytes(&self.joined, b"\n", 1)
                put_bytes(&self.joined, self.base + value, end - value)
            self.data_lines += 1
        elif name == 5 and memcmp(line, b"event", 5) == 0:
            self.name_at = value
            self.name_length = end - value

    cdef bint _dispatch(self, Sse *sse, Py_ssize_t stop) noexcept:
        """A blank line: hand the event out if it has data."""
        cdef bint some = self.data_lines > 0
        if some:
            sse.start = self.safe
            sse.stop = stop
            sse.name = self.base + self.name_at if self.name_length else NULL
            sse.name_length = self.name_length
            sse.data = self.base + self.data_at if self.data_lines == 1 else self.joined.data
            sse.data_length = self.data_length if self.data_lines == 1 else self.joined.size
        self.safe = stop
        self._reset()
        return some and not self.joined.failed and not self.held.failed

    cdef void _reset(self) noexcept:
        self.data_lines = 0
        self.data_length = 0
        self.name_length = 0
        self.pending = False

    def feed(self, bytes data not None):
        """The events completed by ``data``: (event name or b"", data) each."""
        cdef Sse sse
        events = []
        self.attach(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        while self.next(&sse):
            events.append((sse.name[:sse.name_length] if sse.name != NULL else b"", sse.data[:sse.data_length]))
        self.detach()
        return events

    def finish(self):
        """The events left over at the end of the data."""
        cdef Sse sse
        if not self.last(&sse):
            return []
        return [(sse.name[:sse.name_length] if sse.name != NULL else b"", sse.data[:sse.data_length])]
