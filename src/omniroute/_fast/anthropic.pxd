# cython: language_level=3
"""Anthropic Messages: the stream encoder (and, by import, the decoder)."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice, Usage
from omniroute._fast.lanes cimport Lanes
from omniroute._fast.stream cimport Encoder


cdef class AnthropicEncoder(Encoder):
    cdef bytes id               # JSON string content, both
    cdef bytes model
    cdef long long input_estimate
    cdef set given              # tool_use ids sent so far
    cdef Lanes lanes
    cdef Usage usage
    cdef int stop
    cdef Buffer stop_sequence   # JSON string content
    cdef bint begun
    cdef Py_ssize_t output_bytes

    cdef void _begin(self) noexcept
    cdef void _open(self, const Event *event) noexcept
    cdef void _delta(self, const Event *event) noexcept
    cdef void _signature(self, const Event *event) noexcept
    cdef void _citation(self, const Event *event) noexcept
    cdef void _media(self, const Event *event) noexcept
    cdef void _close(self, int source) noexcept
    cdef void _put_id(self, Buffer *out, const Slice *id) noexcept
    cdef void _end(self) noexcept
    cdef void _error(self, const Event *event) noexcept
