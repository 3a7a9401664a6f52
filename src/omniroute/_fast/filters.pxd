# cython: language_level=3
"""What may stand between a decoder and an encoder: it sees every event, and hands on what it likes."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event
from omniroute._fast.stream cimport Encoder


cdef class Filter(Encoder):
    cdef Encoder next           # None: nobody listens further on

    cdef void hand_on(self, const Event *event) noexcept

cdef class Tee(Filter):
    cdef Encoder copy
    cdef object done            # called at the end of a complete answer, None: nobody is

cdef class ThinkTags(Filter):
    cdef int state
    cdef int first              # index of the text block that may begin with the tag, -1 until it opened
    cdef int shift              # added to the indices from that block on
    cdef bint begun             # some of the thinking was handed on
    cdef bint answered          # the text behind the closing tag has its block
    cdef Buffer held            # plain text that is not decided yet

    cdef void _shifted(self, const Event *event) noexcept
    cdef void _text(self) noexcept
    cdef void _say(self, int kind, int block, int index, const char *p, Py_ssize_t n) noexcept
    cdef void _look_for_open(self) noexcept
    cdef void _look_for_close(self) noexcept
    cdef void _answer(self) noexcept
    cdef void _settle(self) noexcept
