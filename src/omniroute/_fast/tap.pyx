# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""What is counted beside a stream."""

from omniroute._fast.buffer cimport Buffer, clear, plain_length, put_plain, release
from omniroute._fast.events cimport (
    BLOCK_OPEN, DELTA, ERROR, MEDIA, REDACTED, START, STOP, TOOL, USAGE, Event, Slice, merge, nothing_stated,
)


cdef class Tap:
    """What is counted beside a stream."""

    def __cinit__(self):
        self.usage = nothing_stated()

    def __dealloc__(self):
        release(&self.error_code)
        release(&self.error_message)
        release(&self.response_id)
        release(&self.response_model)

    cdef void see(self, const Event *event) noexcept:
        cdef int kind = event.kind
        if kind == DELTA:
            if event.a.n:
                self.useful = True
                self.output_bytes += event.length if event.length else plain_length(&event.a)
        elif kind == BLOCK_OPEN:
            self.blocks += 1
            if event.block == TOOL or event.block == REDACTED:
                self.useful = True
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
        elif kind == MEDIA:
            self.blocks += 1
            self.useful = True
        elif kind == STOP:
            self.stop = event.stop
        elif kind == START:
            self._keep(&self.response_id, &event.a)
            self._keep(&self.response_model, &event.b)
        elif kind == ERROR and self.error_status == 0:
            self.error_status = event.status
            self._keep(&self.error_code, &event.b)
            self._keep(&self.error_message, &event.a)

    cdef void _keep(self, Buffer *kept, const Slice *text) noexcept:
        if text.n:
            clear(kept)
            put_plain(kept, text)
