# cython: language_level=3
"""What the decoders of binary streams share: blocks in their order, tool calls, and an end that must be believable."""

from omniroute._fast.calls cimport Calls
from omniroute._fast.events cimport Slice
from omniroute._fast.stream cimport Decoder


cdef class FramedDecoder(Decoder):
    cdef Calls calls
    cdef int text               # index of the open block of that kind, -1
    cdef int thinking
    cdef bint signed            # the open thinking has its proof
    cdef int stop_word          # events.Stop of the upstream
    cdef bint begun             # START was emitted
    cdef bint heard             # something of the answer came
    cdef public long long input_estimate    # tokens, for clients whose upstream never tells; 0: not known

    cdef void begin(self, const Slice *id, const Slice *model) noexcept       # START, once; NULL: not known
    cdef void say(self, int block, const Slice *said) noexcept
    cdef void sign(self, const Slice *signature, const char *vendor) noexcept
    cdef void withhold(self, const Slice *data, const char *vendor) noexcept    # thinking that is not shown
    cdef void leave(self, int block) noexcept
    cdef bint cut(self) noexcept                    # a call's arguments are not whole
    cdef void _estimate(self) noexcept
    cdef bint plausible(self) noexcept              # without a word of the upstream's: the answer can be over here
