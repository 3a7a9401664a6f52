# cython: language_level=3
"""Replayer: events for an encoder, made from a finished answer."""

from omniroute._fast.events cimport Event, Slice
from omniroute._fast.stream cimport Encoder


cdef class Replayer:
    cdef Encoder encoder
    cdef int index              # of the next block

    cdef void _whole(self, int block, bytes text, bytes odds) noexcept
    cdef void _close(self) noexcept
