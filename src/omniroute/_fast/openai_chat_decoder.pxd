# cython: language_level=3
"""OpenAI Chat Completions: the stream decoder."""

from omniroute._fast.calls cimport Calls
from omniroute._fast.events cimport Slice
from omniroute._fast.scan cimport Value
from omniroute._fast.stream cimport Decoder


cdef enum Choices:
    NO_LIST                         # the chunk has no choices member
    NONE_OF_THEM                    # an empty list
    SOME

cdef struct Choice:                 # members not there have p NULL
    const char *at
    long long index
    Value content
    Value reasoning_content
    Value reasoning
    Value refusal
    Value tool_calls
    Value function_call
    Value annotations
    Value reason
    Value usage
    Value logprobs

cdef struct Chunk:
    Value body
    Value id
    Value model
    Value usage
    Value error
    Value loose                     # a message outside of any error object
    Value list                      # of choices
    int choices
    Choice choice                   # the first one

cdef class OpenAIChatDecoder(Decoder):
    cdef Calls calls
    cdef int text                   # index of the open block of that kind, -1
    cdef int thinking
    cdef int refusal
    cdef int stop_word              # events.Stop of the upstream
    cdef bint begun
    cdef bint refused

    cdef void _chunk(self, const Chunk *chunk) noexcept
    cdef bint _fault(self, const Chunk *chunk, bint named) noexcept
    cdef void _begin(self, const Chunk *chunk) noexcept
    cdef void _choice(self, const Choice *choice) noexcept
    cdef void _delta(self, const Choice *choice) noexcept
    cdef void _content(self, const Value *content) noexcept
    cdef void _annotations(self, const Value *list) noexcept
    cdef void _tool_calls(self, const Value *list) noexcept
    cdef void _tool_call(self, const Value *item) noexcept
    cdef void _say(self, int block, const Slice *text) noexcept
    cdef void _leave(self, int block) noexcept
    cdef void _finish_reason(self, const Value *word) noexcept
    cdef void _usage(self, const Value *usage) noexcept
    cdef void _stop(self) noexcept
