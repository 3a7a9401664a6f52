# cython: language_level=3
"""The tap between the two halves of a stream codec."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice, Usage


cdef class Tap:
    """What the accounting must know, kept beside the stream without a second parse."""
    cdef Usage usage
    cdef int stop                       # events.Stop
    cdef int blocks
    cdef int error_status
    cdef bint useful                    # a first token came
    cdef Py_ssize_t output_bytes        # of text, thinking and arguments, unescaped
    cdef Buffer error_code              # plain text, all four
    cdef Buffer error_message
    cdef Buffer response_id
    cdef Buffer response_model

    cdef void see(self, const Event *event) noexcept
    cdef void _keep(self, Buffer *kept, const Slice *text) noexcept
