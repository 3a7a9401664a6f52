# cython: language_level=3
"""Splitter of Connect streams: messages in envelopes of five bytes, compressed one by one or not, and a last one that is JSON."""

from omniroute._fast.sse cimport Splitter, Sse


cdef class Envelopes(Splitter):
    cdef readonly bint damaged          # flags nobody knows, or a message that cannot be decompressed
    cdef bint trailer                   # the latest envelope is the last one
    cdef bytes plain                    # the latest message, decompressed

    cdef bint next(self, Sse *sse) noexcept
    cdef bint last(self, Sse *sse) noexcept
    cdef bint _inflate(self, Sse *sse) noexcept
