# cython: language_level=3
"""OpenAI Responses: the stream decoder."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice
from omniroute._fast.openai_responses_parts cimport Parts
from omniroute._fast.scan cimport Value
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport Decoder


cdef enum:
    MOST_OUTPUTS = 65536
    UNKNOWN = -1

cdef struct Output:
    long long number            # the upstream's output_index, -1 if it gives none
    int kind                    # TEXT: a message; THINKING; TOOL; -1: what only OpenAI knows, or not known yet
    int block                   # of a call: its block, -1 until it is opened
    bint custom
    bint raw                    # of reasoning: the text is the raw reasoning, not its summary
    bint over
    unsigned long long told     # one bit per content or summary part of which text came
    long long part              # the summary part the last text belongs to
    Buffer id                   # JSON string content, all three
    Buffer name
    Buffer waiting              # arguments that came before the name

cdef class OpenAIResponsesDecoder(Decoder):
    cdef Output *outputs
    cdef int count
    cdef int room
    cdef int index              # of the open block that is no call, -1
    cdef int block              # its kind
    cdef long long number       # and the item and part it belongs to
    cdef long long part
    cdef bint begun
    cdef bint called
    cdef bint refused
    cdef long long created
    cdef long long sequence
    cdef Buffer items           # the finished items as they came, comma behind each
    cdef Buffer whole           # the final response with its items

    cdef void _dispatch(self, const Slice *type, const Parts *parts) noexcept
    cdef void _lifecycle(self, const Slice *word, const Parts *parts) noexcept
    cdef void _begin(self, const Value *response) noexcept
    cdef void _fault(self, const Value *body) noexcept
    cdef Output *_output(self, const Value *index, int kind) noexcept
    cdef Output *_add(self, long long number) noexcept
    cdef void _leave(self) noexcept
    cdef void _enter(self, Output *output, int block, long long part) noexcept
    cdef void _say(
        self, Output *output, int block, long long part, const Value *content, const Value *logprobs, bint whole
    ) noexcept
    cdef void _think(self, Output *output, long long part, bint raw, const Value *content, bint whole) noexcept
    cdef void _arguments(self, Output *output, const Value *content, bint whole) noexcept
    cdef void _feed_call(self, Output *output, const Slice *text) noexcept
    cdef void _open_call(self, Output *output) noexcept
    cdef void _close_call(self, Output *output) noexcept
    cdef void _annotation(self, const Parts *parts) noexcept
    cdef void _item(self, const Parts *parts, bint over) noexcept
    cdef void _name_call(self, Output *output, const Value *item, const Slice *type) noexcept
    cdef void _finish_item(self, Output *output, const Value *item, const Slice *type) noexcept
    cdef void _finish_reasoning(self, Output *output, const Value *item) noexcept
    cdef void _image(self, const Value *item) noexcept
    cdef void _unseen(self, const Value *response) noexcept
    cdef void _stop(self, int said) noexcept
    cdef void _extra(self, const Parts *parts) noexcept
