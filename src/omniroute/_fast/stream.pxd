# cython: language_level=3
"""The two halves of a stream codec and the tap between them.

A dialect derives a Decoder (its bytes → events) and an Encoder (events → its bytes). Neither knows the other dialect; a Bridge
joins one of each. Nothing here raises: what an upstream does wrong becomes an ERROR event or is counted in ``skipped``.
"""

from omniroute._fast.buffer cimport Buffer, Survey
from omniroute._fast.events cimport Event, Slice, Usage
from omniroute._fast.mould cimport Mould
from omniroute._fast.scan cimport Value
from omniroute._fast.sse cimport Splitter, Sse
from omniroute._fast.tap cimport Tap


cdef enum Verdict:
    TAKEN
    SKIPPED         # not JSON, or not of this dialect
    EXCUSED         # an error behind the end of the answer: nobody needs to know
    HIDDEN          # only says usage: pass-through leaves it out where the client did not ask

cdef bytes json_text(str text)

cdef class Encoder:
    """Events → bytes of one client's dialect, collected in ``out``."""
    cdef Buffer out
    cdef bint ended                     # the terminator or an error is written: events are ignored
    cdef bint choices                   # it can tell several answers apart
    cdef int number                     # of the answer it writes
    cdef list others                    # encoders of the further answers, None if there are none
    cdef Buffer odds                    # log probabilities that wait for their text: a list that is still open
    cdef dict tool_names                # name sent upstream → the client's own, None if none was changed

    cdef void put(self, const Event *event) noexcept
    cdef Encoder further(self, int choice)                              # an encoder like this one for a further answer
    cdef Encoder other(self, int choice)
    cdef void put_other(self, const Event *event) noexcept  # an event of a further answer
    cdef void hold_odds(self, const Event *event) noexcept  # LOGPROBS: until their text is written
    cdef void put_odds(self) noexcept                       # as a JSON list
    cdef void ping(self, bint comments) noexcept    # a keep-alive of the dialect; SSE comments only if they are allowed
    cdef void put_name(self, Buffer *out, const Slice *name) noexcept

cdef class Decoder:
    """Bytes of one upstream → events, handed to the tap and the encoder (None: nobody but the tap listens)."""
    cdef Splitter splitter
    cdef Tap tap
    cdef Encoder encoder
    cdef Py_ssize_t skipped             # events that made no sense
    cdef int next_block                 # index of the next BLOCK_OPEN
    cdef bint stopped                   # the dialect's terminal marker was seen
    cdef char half[6]                   # first half of a surrogate pair whose second half the next delta may bring
    cdef int half_index                 # of the block it belongs to, -1 if none is held
    cdef int half_block
    cdef Buffer joined
    cdef Buffer odds                    # log probabilities that wait for their text
    cdef bint done                      # END or ERROR was emitted: the rest is drained
    cdef bint error_terminated          # in this dialect the terminator follows an error event as well
    cdef bint excused                   # an error came behind the end
    cdef int ordinal                    # of the answer it reads; others than 0 have a decoder of the whole above them
    cdef long long choice               # the upstream's number of that answer, -1 until one came
    cdef list siblings                  # decoders of the further answers, None if there are none
    cdef Py_ssize_t recognised          # events read by their shape
    cdef Mould mould                    # the shape of the deltas that come at present
    cdef Slice said                     # the text of the latest delta, as it came
    cdef int said_block
    cdef int said_index
    cdef int deltas                     # said by the present event
    cdef int emits                      # events of the IR the present event led to
    cdef bint touched                   # the present event did something that its like would have to repeat
    cdef Event spoken                   # a DELTA, filled in anew each time
    cdef Survey survey                  # of the text at ``surveyed``
    cdef const char *surveyed

    cdef void feed(self, const char *p, Py_ssize_t n) noexcept
    cdef bint next(self, Sse *sse) noexcept         # the next event that must be taken; those like the last one are
    cdef int take(self, const Sse *sse) noexcept    # one SSE event; returns a Verdict
    cdef void _repeat(self) noexcept
    cdef void _learn(self, const Sse *sse) noexcept
    cdef bint _shape(self, const char *raw, const Sse *sse) noexcept
    cdef void check_size(self) noexcept
    cdef void finish(self) noexcept     # end of data: END, or ERROR if there was no terminal marker
    cdef Decoder sibling(self, long long choice)    # that answer's decoder; None: it is only counted
    cdef void heed(self, Decoder sibling, Py_ssize_t before) noexcept   # after it has read something
    cdef bint over(self) noexcept                           # every answer has ended
    cdef void end_siblings(self) noexcept
    cdef void emit(self, const Event *event) noexcept
    cdef int open(self, int block) noexcept         # BLOCK_OPEN without slices; returns its index
    cdef void delta(self, int block, int index, const Slice *text) noexcept
    cdef void _join(self, Slice *text) noexcept
    cdef void weigh(self, const Value *list) noexcept           # log probabilities as Chat, Responses and Ollama spell them
    cdef void _tell_odds(self, int index) noexcept
    cdef void _flush_half(self) noexcept
    cdef void _emit_delta(self, int block, int index, const Slice *text) noexcept
    cdef void close(self, int index) noexcept       # BLOCK_CLOSE
    cdef void give_up(self, int status, const char *code, const char *message) noexcept

    # what a dialect fills in
    cdef int event(self, const Sse *sse) noexcept               # one SSE event; returns a Verdict
    cdef int role(self, const char *key, Py_ssize_t n) noexcept         # mould.Role of a member's value
    cdef void again(self, int block, int index, const Slice *text) noexcept     # one more delta like the last one
    cdef void counted(self, long long number) noexcept                  # what stands in its COUNT
    cdef void totals(self, const Value *value) noexcept                 # and in its TOTALS
    cdef void end_choice(self) noexcept                         # STOP, if it is owed
    cdef void complete(self) noexcept                           # STOP if it is still owed, and END
    cdef void write_error(self, Buffer *out, const Event *error) noexcept
    cdef void write_terminator(self, Buffer *out) noexcept      # what ends a stream of this dialect
    cdef void write_ping(self, Buffer *out, bint comments) noexcept
