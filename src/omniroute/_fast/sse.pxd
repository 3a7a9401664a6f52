# cython: language_level=3
"""Incremental splitter of a server-sent event stream, for any cut position.

A read is attached, its complete events are taken with ``next``, and ``detach`` keeps what is not complete:

    splitter.attach(p, n)
    while splitter.next(&sse): …        # slices of sse are valid until the next call
    splitter.detach()
    …
    splitter.last(&sse)                 # end of data: the event that lacks its blank line

Events that lie in one read are seen in place; only an incomplete rest is copied. Every byte is searched for a line end once.
"""

from omniroute._fast.buffer cimport Buffer


cdef enum:
    LARGEST_EVENT = 64 * 1024 * 1024

cdef struct Sse:
    const char *name            # of the event field, NULL if there is none
    Py_ssize_t name_length
    const char *data            # data lines joined by LF
    Py_ssize_t data_length
    Py_ssize_t start            # the event's raw bytes in the window: first
    Py_ssize_t stop             # and behind the last (its blank line included)

cdef class Splitter:
    cdef readonly Py_ssize_t limit      # bytes one event may have
    cdef readonly bint oversized        # an event exceeded it: nothing more will come
    cdef const char *base               # the window: held bytes and the attached read, or the read alone
    cdef Py_ssize_t size
    cdef Py_ssize_t safe                # everything before it belongs to complete events, comments, blank lines
    cdef Buffer held
    cdef Buffer joined                  # data of an event with several data lines
    cdef Py_ssize_t line                # where the present line begins
    cdef Py_ssize_t scan                # up to here it has no line end
    cdef Py_ssize_t line_feed           # next LF at or behind ``scan`` (``size`` if none), -1 if not searched
    cdef Py_ssize_t data_at
    cdef Py_ssize_t data_length
    cdef Py_ssize_t name_at
    cdef Py_ssize_t name_length
    cdef int data_lines
    cdef bint pending                   # a field of the present event was seen
    cdef bint fresh                     # the byte order mark may still come
    cdef bint after_return              # the last line ended in CR: an LF now belongs to it

    cdef void attach(self, const char *p, Py_ssize_t n) noexcept
    cdef bint next(self, Sse *sse) noexcept
    cdef void detach(self) noexcept
    cdef bint last(self, Sse *sse) noexcept
    cdef Py_ssize_t _line_end(self) noexcept
    cdef bint _begin(self) noexcept
    cdef void _field(self, Py_ssize_t end) noexcept
    cdef bint _dispatch(self, Sse *sse, Py_ssize_t stop) noexcept
    cdef void _reset(self) noexcept
    cdef inline bint between(self) noexcept:
        """Whether the window stands at the beginning of an event, and what came before it is done with."""
        return self.line == self.safe and not self.pending and not self.after_return and not self.fresh and not self.oversized

    cdef inline void pass_by(self, Py_ssize_t n) noexcept:
        """Leave out the next ``n`` bytes: whole events that were recognised."""
        self.safe += n
        self.line = self.scan = self.safe
