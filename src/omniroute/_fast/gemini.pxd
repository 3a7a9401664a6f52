# cython: language_level=3
"""Gemini generateContent: the stream encoder (and, by import, the decoder)."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Usage
from omniroute._fast.stream cimport Encoder


cdef struct WholeCall:
    int index                       # of the block
    bint closed
    Buffer head                     # {"functionCall":{"id":…,"name":…
    Buffer arguments                # plain text
    Buffer signature                # JSON string content

cdef class GeminiEncoder(Encoder):
    cdef Buffer head                # data: {"candidates":[{"content":{"parts":[
    cdef Buffer tail                # what identifies the answer, up to the end of the event
    cdef WholeCall *calls           # not yet sent, in the order of their beginning
    cdef int count
    cdef int room
    cdef int stop
    cdef Usage usage
    cdef bint told                  # usage is known

    cdef void _part_end(self) noexcept
    cdef void _delta(self, const Event *event) noexcept
    cdef void _media(self, const Event *event) noexcept
    cdef WholeCall *_find(self, int index) noexcept
    cdef void _open_call(self, const Event *event) noexcept
    cdef void _close(self, int index) noexcept
    cdef void _send_calls(self, bint all) noexcept
    cdef void _send(self, WholeCall *call) noexcept
    cdef void _end(self) noexcept
