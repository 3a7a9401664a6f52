# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""The blocks of an answer that comes in binary frames."""

from libc.string cimport strlen

from omniroute._fast.calls cimport Calls
from omniroute._fast.events cimport (
    BLOCK_OPEN, END, REDACTED, SIGNATURE, START, STOP, TEXT, THINKING, USAGE, Event, Slice, prepare, settled, utf8,
)
from omniroute._fast.scan cimport is_complete
from omniroute._fast.stream cimport Decoder


cdef class FramedDecoder(Decoder):
    """Base of decoders whose upstream says no more than what came: no numbers of blocks, and perhaps no end."""

    def __cinit__(self):
        self.calls = Calls()
        self.text = self.thinking = -1

    cdef void begin(self, const Slice *id, const Slice *model) noexcept:
        cdef Event event
        if self.begun:
            return
        self.begun = True
        prepare(&event, START)
        if id != NULL:
            event.a = id[0]
        if model != NULL:
            event.b = model[0]
        self.emit(&event)

    cdef void say(self, int block, const Slice *said) noexcept:
        """A delta of text or thinking, in the open block of that kind or in a new one."""
        cdef int *index = &self.text if block == TEXT else &self.thinking
        if said.n == 0:
            return
        self.heard = True
        self.begin(NULL, NULL)
        if index[0] < 0:
            self.leave(block)
            self.signed = False
            index[0] = self.open(block)
        self.delta(block, index[0], said)

    cdef void sign(self, const Slice *signature, const char *vendor) noexcept:
        """The proof of the thinking that is open, once; without any there is nothing to prove."""
        cdef Event event
        if self.thinking < 0 or self.signed or signature.n == 0:
            return
        self.signed = True
        prepare(&event, SIGNATURE)
        event.block = THINKING
        event.index = self.thinking
        event.a = signature[0]
        event.b = utf8(vendor, <Py_ssize_t> strlen(vendor))
        self.emit(&event)

    cdef void withhold(self, const Slice *data, const char *vendor) noexcept:
        cdef Event event
        if data.n == 0:
            return
        self.heard = True
        self.begin(NULL, NULL)
        self.leave(-1)
        prepare(&event, BLOCK_OPEN)
        event.block = REDACTED
        event.index = self.next_block
        event.a = data[0]
        event.b = utf8(vendor, <Py_ssize_t> strlen(vendor))
        self.next_block += 1
        self.emit(&event)
        self.close(event.index)

    cdef void leave(self, int block) noexcept:
        """Close the open block of any other kind than ``block``."""
        if self.text >= 0 and block != TEXT:
            self.close(self.text)
            self.text = -1
        if self.thinking >= 0 and block != THINKING:
            self.close(self.thinking)
            self.thinking = -1

    cdef bint cut(self) noexcept:
        cdef int i
        for i in range(self.calls.count):
            if self.calls.calls[i].size and not self.calls.calls[i].closed and not is_complete(&self.calls.calls[i].nesting):
                return True
        return False

    cdef bint plausible(self) noexcept:
        """A dialect whose streams have no end of their own says here when one may be believed."""
        return False

    cdef void finish(self) noexcept:
        self.check_size()
        if self.done:
            return
        if self.over() or (self.splitter.held.size == 0 and self.plausible()):
            self.complete()
        else:
            self.give_up(502, b"upstream_truncated", b"The upstream's stream ended before the answer was complete.")

    cdef void _estimate(self) noexcept:
        """Counts that were not told, for the client only: the tap does not see them, so that they are known to be estimates."""
        cdef Event event
        prepare(&event, USAGE)
        if self.tap.usage.output < 0:
            event.usage.output = (self.tap.output_bytes + 3) // 4       # about four bytes make a token
        if self.tap.usage.input < 0 and self.input_estimate > 0:
            event.usage.input = self.input_estimate
        if self.encoder is not None and (event.usage.output >= 0 or event.usage.input >= 0):
            self.encoder.put(&event)

    cdef void complete(self) noexcept:
        cdef Event event
        self.begin(NULL, NULL)
        self.leave(-1)
        self.calls.finish(self)
        self.stopped = True
        self._estimate()
        prepare(&event, STOP)
        event.stop = settled(self.stop_word, self.calls.opened > 0, False)
        self.emit(&event)
        prepare(&event, END)
        self.emit(&event)
