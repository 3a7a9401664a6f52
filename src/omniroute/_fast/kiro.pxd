# cython: language_level=3
"""The stream of CodeWhisperer's generateAssistantResponse, read."""

from omniroute._fast.events cimport Slice
from omniroute._fast.framed cimport FramedDecoder
from omniroute._fast.scan cimport Value
from omniroute._fast.sse cimport Sse


cdef class KiroDecoder(FramedDecoder):
    cdef bint counted_exactly   # token counts were told: shares of the window mean nothing any more
    cdef bint calling           # the latest tool event did not end its call

    cdef void _event(self, const Sse *sse, const Value *body) noexcept
    cdef void _text(self, int block, const Value *body) noexcept
    cdef void _reason(self, const Value *body) noexcept
    cdef void _call(self, const Value *body) noexcept
    cdef void _count(self, const Value *usage) noexcept
    cdef void _share(self, const Value *body) noexcept
    cdef void _stop(self, const Value *body) noexcept
    cdef void _fault(self, const Sse *sse, const Value *body) noexcept
