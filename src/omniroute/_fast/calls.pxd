# cython: language_level=3
"""Tool calls from fragments: which call a fragment belongs to, when a call may open, and when it is complete.

Upstreams number calls, or do not, or always with 0; repeat ids and names, or send them late; send arguments in pieces, at once,
or as an object. Out of all this come well-formed TOOL blocks.
"""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Slice
from omniroute._fast.scan cimport Nesting, Value
from omniroute._fast.stream cimport Decoder


cdef enum:
    MOST_CALLS = 4096

cdef struct Fragment:
    long long number        # the upstream's index, -1 if it gave none
    Slice id
    Slice name
    Slice arguments         # n 0: none
    bint custom             # free text instead of JSON arguments

cdef bint read_fragment(const Value *item, Fragment *fragment) noexcept

cdef struct Call:
    long long number
    int block               # index of its block, -1 until it is opened
    bint closed
    bint custom
    Py_ssize_t size         # bytes of arguments seen
    Nesting nesting
    Buffer id               # escaped, all three
    Buffer name
    Buffer waiting          # arguments that came before the name

cdef class Calls:
    cdef Call *calls
    cdef int count
    cdef int room
    cdef int opened                     # calls that became blocks
    cdef unsigned long long seed        # what invented ids are derived from

    cdef void stir(self, const char *p, Py_ssize_t n) noexcept
    cdef void take(self, Decoder decoder, const Fragment *fragment) noexcept
    cdef void more(self, Decoder decoder, int block, const Slice *arguments) noexcept       # of the call that is that block
    cdef void settle(self, Decoder decoder) noexcept            # other content follows: close what may be closed
    cdef void finish(self, Decoder decoder) noexcept            # the answer is over: open what waits, close all
    cdef void _feed(self, Decoder decoder, Call *call, const Fragment *fragment) noexcept
    cdef Call *_match(self, const Fragment *fragment) noexcept
    cdef Call *_add(self, const Fragment *fragment) noexcept
    cdef bint _is_new(self, const Call *call, const Fragment *fragment) noexcept
    cdef bint _known_id(self, const Slice *id, const Call *other) noexcept
    cdef void _open(self, Decoder decoder, Call *call) noexcept
    cdef void _close(self, Decoder decoder, Call *call) noexcept
    cdef void _arguments(self, Decoder decoder, Call *call, const Slice *text) noexcept
