# cython: language_level=3
"""Splitter of newline-delimited JSON: every line is an event of its own."""

from omniroute._fast.sse cimport Splitter, Sse


cdef class Lines(Splitter):
    cdef bint next(self, Sse *sse) noexcept
    cdef bint last(self, Sse *sse) noexcept
