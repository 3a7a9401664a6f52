# cython: language_level=3
"""Ollama: the stream encoder (and, by import, the decoder)."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Usage
from omniroute._fast.stream cimport Encoder


cdef struct HeldCall:
    int index                   # of the block
    Buffer head                 # rendered up to the arguments
    Buffer arguments            # plain text

cdef class OllamaEncoder(Encoder):
    cdef Buffer prefix          # {"model":"…","created_at":"…",
    cdef bint generate          # lines of /api/generate instead of /api/chat
    cdef HeldCall *held
    cdef int count
    cdef int room
    cdef Py_ssize_t waiting     # bytes of arguments held back
    cdef Py_ssize_t output_bytes
    cdef long long input_estimate
    cdef Usage usage
    cdef int stop

    cdef void _delta(self, const Event *event) noexcept
    cdef void _media(self, const Event *event) noexcept
    cdef void _open_call(self, const Event *event) noexcept
    cdef void _arguments(self, const Event *event) noexcept
    cdef void _put_calls(self) noexcept
    cdef void _put_odds(self) noexcept
    cdef void _end(self) noexcept
