# cython: language_level=3
"""OpenAI's old completions: the stream encoder."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice, Usage
from omniroute._fast.stream cimport Encoder


cdef class OpenAICompletionsEncoder(Encoder):
    cdef Buffer prefix          # data: {"id":…,"model":"…",
    cdef bint include_usage
    cdef bint some              # text was sent
    cdef int stop
    cdef Usage usage

    cdef void _text(self, const Slice *text) noexcept
    cdef void _finish(self) noexcept
    cdef void _end(self) noexcept
