# cython: language_level=3
"""Collector: an encoder whose output is the finished answer."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event
from omniroute._fast.stream cimport Encoder


cdef class Piece:
    """One block while it is gathered; plain text everywhere."""
    cdef int index
    cdef int block
    cdef Buffer text
    cdef Buffer id
    cdef Buffer name
    cdef Buffer signature
    cdef list citations

    cdef dict built(self)

cdef class Collector(Encoder):
    cdef list pieces
    cdef bint sequenced
    cdef Buffer sequence
    cdef Buffer extra               # the last event that only the source dialect knows

    cdef Piece _piece(self, int index)
    cdef void _open(self, const Event *event) noexcept
    cdef void _cite(self, const Event *event) noexcept
