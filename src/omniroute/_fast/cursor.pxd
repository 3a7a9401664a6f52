# cython: language_level=3
"""The stream of aiserver.v1.ChatService/StreamUnifiedChatWithTools, read."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Slice
from omniroute._fast.framed cimport FramedDecoder
from omniroute._fast.scan cimport Value
from omniroute._fast.sse cimport Sse


cdef class CursorDecoder(FramedDecoder):
    cdef Buffer id              # of the latest call fragment, escaped, as is its name
    cdef Buffer name
    cdef Buffer explanation     # of an error, escaped

    cdef bint _message(self, const Sse *sse) noexcept
    cdef bint _response(self, const char *p, Py_ssize_t n) noexcept
    cdef bint _thought(self, const char *p, Py_ssize_t n) noexcept
    cdef bint _call(self, const char *p, Py_ssize_t n) noexcept
    cdef void _fragment(self, const Slice *id, const Slice *name, const Slice *arguments) noexcept
    cdef void _trailer(self, const Sse *sse) noexcept
    cdef void _fault(self, const Value *error) noexcept
    cdef void _explain(self, const Value *error) noexcept
