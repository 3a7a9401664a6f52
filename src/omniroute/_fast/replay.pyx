# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Replayer: drives an encoder from Python with the parts of a finished answer."""

from cpython.bytes cimport PyBytes_FromStringAndSize

from omniroute._fast.buffer cimport clear
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, DELTA, END, LOGPROBS, MEDIA, REDACTED, REFUSAL, SIGNATURE, START, STOP, STOP_CONTEXT, STOP_FILTER,
    STOP_LENGTH, STOP_NONE, STOP_PAUSE, STOP_REFUSAL, STOP_SEQUENCE, STOP_STOP, STOP_TOOL, TEXT, THINKING, TOOL, USAGE, Event,
    Slice, prepare, utf8,
)
from omniroute._fast.stream cimport Encoder


cdef int stop_of(str reason):
    if reason == "stop":
        return STOP_STOP
    if reason == "stop_sequence":
        return STOP_SEQUENCE
    if reason == "tool":
        return STOP_TOOL
    if reason == "length":
        return STOP_LENGTH
    if reason == "context":
        return STOP_CONTEXT
    if reason == "filter":
        return STOP_FILTER
    if reason == "refusal":
        return STOP_REFUSAL
    return STOP_PAUSE if reason == "pause" else STOP_NONE


cdef bytes encoded(str text):
    """UTF-8; lone surrogates come out as bytes the writers replace by U+FFFD."""
    return text.encode("utf-8", "surrogatepass")


cdef Slice slice_of(bytes text):
    return utf8(text, len(text))


cdef class Replayer:
    """Drives an encoder from Python."""

    def __init__(self, Encoder encoder not None):
        self.encoder = encoder

    def start(self, str id not None, str model not None):
        cdef Event event
        cdef bytes encoded_id = encoded(id)
        cdef bytes encoded_model = encoded(model)
        prepare(&event, START)
        event.a = slice_of(encoded_id)
        event.b = slice_of(encoded_model)
        self.encoder.put(&event)

    def text(self, str text not None, bytes logprobs not None=b""):
        if text:
            self._whole(TEXT, encoded(text), logprobs)

    def refusal(self, str text not None):
        if text:
            self._whole(REFUSAL, encoded(text), b"")

    def thinking(self, str text not None, str signature=None, str vendor not None=""):
        cdef Event event
        cdef bytes proof = b"" if signature is None else encoded(signature)
        cdef bytes owner = encoded(vendor)
        cdef bytes thought = encoded(text)
        prepare(&event, BLOCK_OPEN)
        event.block = THINKING
        event.index = self.index
        self.encoder.put(&event)
        event.kind = DELTA
        event.a = slice_of(thought)
        if event.a.n:
            self.encoder.put(&event)
        event.kind = SIGNATURE
        event.a = slice_of(proof)
        event.b = slice_of(owner)
        if event.a.n:
            self.encoder.put(&event)
        self._close()

    def redacted(self, str data not None, str vendor not None=""):
        cdef Event event
        cdef bytes opaque = encoded(data)
        cdef bytes owner = encoded(vendor)
        prepare(&event, BLOCK_OPEN)
        event.block = REDACTED
        event.index = self.index
        event.a = slice_of(opaque)
        event.b = slice_of(owner)
        self.encoder.put(&event)
        self._close()

    def media(self, str mime not None, str data not None):
        cdef Event event
        cdef bytes encoded_mime = encoded(mime)
        cdef bytes encoded_data = encoded(data)
        prepare(&event, MEDIA)
        event.index = self.index
        event.a = slice_of(encoded_mime)
        event.b = slice_of(encoded_data)
        self.index += 1
        self.encoder.put(&event)

    def tool(self, str id not None, str name not None, str arguments not None, str signature=None):
        cdef Event event
        cdef bytes proof = b"" if signature is None else encoded(signature)
        cdef bytes encoded_id = encoded(id)
        cdef bytes encoded_name = encoded(name)
        cdef bytes text = encoded(arguments)
        prepare(&event, BLOCK_OPEN)
        event.block = TOOL
        event.index = self.index
        event.a = slice_of(encoded_id)
        event.b = slice_of(encoded_name)
        self.encoder.put(&event)
        event.kind = DELTA
        event.a = slice_of(text)
        if event.a.n:
            self.encoder.put(&event)
        event.kind = SIGNATURE
        event.a = slice_of(proof)
        if event.a.n:
            self.encoder.put(&event)
        self._close()

    def usage(self, long long input, long long cached, long long written, long long output, long long reasoning):
        cdef Event event
        prepare(&event, USAGE)
        event.usage.input = input
        event.usage.cached = cached
        event.usage.written = written
        event.usage.output = output
        event.usage.reasoning = reasoning
        self.encoder.put(&event)

    def stop(self, str reason not None, str stop_sequence=None):
        cdef Event event
        cdef bytes sequence = b"" if stop_sequence is None else encoded(stop_sequence)
        prepare(&event, STOP)
        event.stop = stop_of(reason)
        if event.stop == STOP_NONE:
            raise ValueError(f"unknown stop reason {reason!r}")
        event.a = slice_of(sequence)
        self.encoder.put(&event)
        prepare(&event, END)
        self.encoder.put(&event)

    def take(self):
        cdef bytes taken
        if self.encoder.out.failed:
            raise MemoryError
        if self.encoder.out.size == 0:
            return b""
        taken = PyBytes_FromStringAndSize(self.encoder.out.data, self.encoder.out.size)
        clear(&self.encoder.out)
        return taken

    cdef void _whole(self, int block, bytes text, bytes odds) noexcept:
        """A block of one delta."""
        cdef Event event
        prepare(&event, BLOCK_OPEN)
        event.block = block
        event.index = self.index
        self.encoder.put(&event)
        if len(odds) > 2:
            event.kind = LOGPROBS
            event.a = utf8((<const char *> odds) + 1, len(odds) - 2)
            self.encoder.put(&event)
        event.kind = DELTA
        event.a = slice_of(text)
        self.encoder.put(&event)
        self._close()

    cdef void _close(self) noexcept:
        cdef Event event
        prepare(&event, BLOCK_CLOSE)
        event.index = self.index
        self.index += 1
        self.encoder.put(&event)
