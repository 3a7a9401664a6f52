# cython: language_level=3
"""Bridge: one decoder, the tap and one encoder (or none) behind ``feed(bytes) → bytes``."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast cimport stream
from omniroute._fast.tap cimport Tap


cdef class StreamUsage:
    cdef readonly long long input
    cdef readonly long long cached
    cdef readonly long long written
    cdef readonly long long output
    cdef readonly long long reasoning

cdef class Bridge:
    cdef stream.Decoder decoder
    cdef stream.Encoder encoder            # None: pass-through
    cdef Tap tap
    cdef bint hide_usage
    cdef bint comments
    cdef bint closed                # finish or fail was called
    cdef Buffer out                 # what pass-through adds or must copy

    cdef bytes _relay(self, bytes data)
    cdef void _relay_last(self) noexcept
    cdef void _write_error(self) noexcept
    cdef bytes _take(self)
