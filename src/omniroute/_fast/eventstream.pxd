# cython: language_level=3
"""Splitter of AWS event streams: binary frames with a checked length, headers, a payload and checksums.

``name`` of an event is the value of ``:event-type``, ``:exception-type`` or ``:error-code``, ``data`` its payload.
"""

from omniroute._fast.events cimport Slice
from omniroute._fast.sse cimport Splitter, Sse


cdef enum Message:
    EVENT_FRAME
    EXCEPTION_FRAME     # of the service's own kinds
    ERROR_FRAME         # of none of them: code and message stand in the headers

cdef class Frames(Splitter):
    cdef readonly bint damaged          # a length or a checksum is wrong: where the next frame begins cannot be known
    cdef int message                    # Message of the latest frame
    cdef Slice explanation              # its :error-message

    cdef bint next(self, Sse *sse) noexcept
    cdef bint last(self, Sse *sse) noexcept
    cdef void _headers(self, const unsigned char *p, const unsigned char *end, Sse *sse) noexcept
