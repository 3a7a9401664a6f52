# cython: language_level=3
"""Ollama: the stream decoder, and the one line both halves write."""

from omniroute._fast.buffer cimport Buffer, put_string, puts
from omniroute._fast.calls cimport Calls
from omniroute._fast.events cimport Event, Slice
from omniroute._fast.scan cimport Value
from omniroute._fast.stream cimport Decoder


cdef inline void ollama_error(Buffer *out, const Event *error) noexcept nogil:
    """The last line of an answer that broke off."""
    puts(out, b'{"error":"')
    put_string(out, &error.a)
    puts(out, b'"}\n')


cdef struct Line:               # members not there have p NULL
    Value body
    Value model
    Value message
    Value error
    Value done
    Value reason
    Value asked                 # tokens of the prompt
    Value answered
    Value logprobs

cdef class OllamaDecoder(Decoder):
    cdef Calls calls
    cdef int text               # index of the open block of that kind, -1
    cdef int thinking
    cdef int stop_word          # events.Stop of the upstream
    cdef bint begun

    cdef void _begin(self, const Line *line) noexcept
    cdef void _message(self, const Value *message) noexcept
    cdef void _images(self, const Value *list) noexcept
    cdef void _tool_calls(self, const Value *list) noexcept
    cdef void _say(self, int block, const Value *content) noexcept
    cdef void _leave(self, int block) noexcept
    cdef void _done(self, const Line *line) noexcept
