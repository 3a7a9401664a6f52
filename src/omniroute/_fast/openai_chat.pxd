# cython: language_level=3
"""OpenAI Chat Completions: the stream encoder (and, by import, the decoder)."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Slice, Usage
from omniroute._fast.stream cimport Encoder


cdef struct ToolLane:
    int index                       # of the block
    int ordinal                     # the client's tool call index
    bint some                       # argument bytes were sent
    bint custom                     # a free-form tool of the client's: its input is sent whole at the end
    Buffer given                    # arguments of such a call, plain text

cdef class OpenAIChatEncoder(Encoder):
    cdef Buffer prefix              # data: {"id":…,"model":"…",
    cdef Buffer head                # prefix and "choices":[{"index":0,"delta":{
    cdef ToolLane *lanes
    cdef int count
    cdef int room
    cdef int stop
    cdef Py_ssize_t characters      # of content sent so far
    cdef Py_ssize_t text_start      # where the open text block began
    cdef list cited                 # (url, title as JSON string content, range) of the open text block; None: no citation came
    cdef int annotations            # sent so far
    cdef int images
    cdef bint begun
    cdef bint refused               # refusal text was sent
    cdef bint include_usage
    cdef frozenset custom_tools     # the client's own names of them
    cdef Usage usage

    cdef void _begin(self) noexcept
    cdef void _tail(self) noexcept
    cdef void _delta(self, const Event *event) noexcept
    cdef ToolLane *_lane(self, int index) noexcept
    cdef void _arguments(self, int index, const Slice *text) noexcept
    cdef void _open_tool(self, const Event *event) noexcept
    cdef bint _is_custom(self, const Slice *name) noexcept
    cdef void _input(self, const ToolLane *lane) noexcept
    cdef void _image(self, const Event *event) noexcept
    cdef void _cite(self, const Event *event) noexcept
    cdef void _annotate(self) noexcept
    cdef void _close(self, int index) noexcept
    cdef void _finish(self) noexcept
    cdef void _end(self) noexcept
