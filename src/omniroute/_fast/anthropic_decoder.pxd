# cython: language_level=3
"""Anthropic Messages: the stream decoder."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice
from omniroute._fast.scan cimport Value
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport Decoder
from omniroute._fast.usage cimport AnthropicCounts


cdef struct Parts:              # top-level members of an event, p NULL where it has none
    Value type
    Value index
    Value delta
    Value block
    Value message
    Value usage
    Value error

cdef struct OpenBlock:
    long long number            # the upstream's index
    int index                   # of our block, -1 for what only Anthropic knows (server tools)
    int block                   # events.Block
    bint fed                    # a delta came
    bint signed                 # its signature has come
    Buffer input                # of a tool_use: what its start already said, if it said something

cdef class AnthropicDecoder(Decoder):
    cdef OpenBlock *blocks      # the open ones
    cdef int count
    cdef int room
    cdef int stop_word          # events.Stop
    cdef bint begun
    cdef bint called            # a tool_use block was opened
    cdef AnthropicCounts counts
    cdef Buffer stop_sequence   # escaped

    cdef void _dispatch(self, const Slice *type, const Value *body, const Parts *parts) noexcept
    cdef void _fault(self, const Value *body) noexcept
    cdef void _message_start(self, const Parts *parts) noexcept
    cdef void _block_start(self, const Value *body, const Parts *parts) noexcept
    cdef void _enter_block(self, long long number, const Slice *type, const Value *block, const Value *body) noexcept
    cdef void _tool_use(self, OpenBlock *open, const Value *block) noexcept
    cdef void _block_delta(self, const Parts *parts) noexcept
    cdef void _typed_delta(self, OpenBlock *open, const Slice *type, const Value *content) noexcept
    cdef void _say(self, OpenBlock *open, const Value *content) noexcept
    cdef void _sign(self, OpenBlock *open, const Value *signature) noexcept
    cdef void _leave_block(self, OpenBlock *open) noexcept
    cdef void _message_delta(self, const Parts *parts) noexcept
    cdef void _stop_reason(self, const Value *reason) noexcept
    cdef void _emit_stop(self) noexcept
    cdef void _usage(self, const Value *usage) noexcept
    cdef void _extra(self, const Value *body) noexcept
    cdef OpenBlock *_open_block(self, long long number) noexcept
    cdef OpenBlock *_add(self, long long number, int block, bint foreign) noexcept
