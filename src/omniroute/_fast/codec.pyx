# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Bridge, and the names every user of stream codecs needs."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from omniroute._fast cimport stream
from omniroute._fast.buffer cimport Buffer, clear, put_bytes, puts, release
from omniroute._fast.events cimport (
    ERROR, STOP_CONTEXT, STOP_FILTER, STOP_LENGTH, STOP_PAUSE, STOP_REFUSAL, STOP_SEQUENCE, STOP_STOP, STOP_TOOL, Event, prepare,
    utf8,
)
from omniroute._fast.filters cimport Filter
from omniroute._fast.ndjson cimport Lines
from omniroute._fast.sse cimport LARGEST_EVENT, Splitter, Sse
from omniroute._fast.stream cimport EXCUSED, HIDDEN, SKIPPED, TAKEN

from omniroute._fast.collect import Collector
from omniroute._fast.replay import Replayer
from omniroute._fast.stream import Decoder, Encoder

__all__ = ["Bridge", "Collector", "Decoder", "Encoder", "Replayer", "StreamUsage"]


cdef str word(int stop):
    if stop == STOP_STOP:
        return "stop"
    if stop == STOP_SEQUENCE:
        return "stop_sequence"
    if stop == STOP_TOOL:
        return "tool"
    if stop == STOP_LENGTH:
        return "length"
    if stop == STOP_CONTEXT:
        return "context"
    if stop == STOP_FILTER:
        return "filter"
    if stop == STOP_REFUSAL:
        return "refusal"
    return "pause" if stop == STOP_PAUSE else ""


cdef str text(const Buffer *kept):
    return kept.data[:kept.size].decode("utf-8", "replace") if kept.size else ""


cdef class StreamUsage:
    """Token counts of a stream; -1 = the upstream did not say."""


cdef class Bridge:
    """Decoder → tap → encoder, or (no encoder) the same bytes with a tap beside them."""

    def __init__(
        self, stream.Decoder decoder not None, stream.Encoder encoder=None, *, bint hide_usage=False, bint comments=False,
        Py_ssize_t limit=LARGEST_EVENT, tuple through=(),
    ):
        cdef Filter filter
        self.decoder = decoder
        self.encoder = encoder
        self.tap = decoder.tap
        self.hide_usage = hide_usage
        self.comments = comments
        decoder.encoder = encoder
        for filter in reversed(through):
            filter.next = decoder.encoder
            filter.choices = filter.next is not None and filter.next.choices
            decoder.encoder = filter
        decoder.splitter.limit = limit

    def __dealloc__(self):
        release(&self.out)

    def feed(self, bytes data not None):
        if self.closed or self.decoder.done:
            return b""
        if self.encoder is None:
            return self._relay(data)
        self.decoder.feed(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return self._take()

    cdef bytes _relay(self, bytes data):
        """Hand on whole events only: whatever we add later stands between events, and a cut event reaches nobody."""
        cdef Splitter splitter = self.decoder.splitter
        cdef stream.Decoder decoder = self.decoder
        cdef const char *p = PyBytes_AS_STRING(data)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t given = 0       # what lies before it is handed on or hidden
        cdef Py_ssize_t until
        cdef const char *base
        cdef bint whole
        cdef int verdict
        cdef Sse sse
        splitter.attach(p, n)
        base = splitter.base
        while decoder.next(&sse):
            verdict = decoder.take(&sse)
            if verdict == EXCUSED or (verdict == HIDDEN and self.hide_usage):
                put_bytes(&self.out, base + given, sse.start - given)
                given = sse.stop
        until = splitter.safe
        whole = base == p and given == 0 and until == n
        if not whole:
            put_bytes(&self.out, base + given, until - given)
        if decoder.done and until > 1 and base[until - 1] == c'\r' and base[until - 2] == c'\n':
            if whole:
                put_bytes(&self.out, p, n)
                whole = False
            put_bytes(&self.out, b"\n", 1)      # perhaps cut within the last CRLF, and nothing further is handed on
        splitter.detach()
        if splitter.oversized and not decoder.done:
            decoder.check_size()
            if self.tap.error_status:
                self._write_error()
            else:
                decoder.write_terminator(&self.out)
        elif decoder.excused:
            decoder.write_terminator(&self.out)
        elif decoder.done and self.tap.error_status and decoder.error_terminated:
            if whole:
                put_bytes(&self.out, p, n)
                whole = False
            decoder.write_terminator(&self.out)
        return data if whole else self._take()

    def finish(self):
        if self.closed:
            return b""
        self.closed = True
        if self.encoder is not None:
            self.decoder.finish()
        elif not self.decoder.done:
            self._relay_last()
        return self._take()

    cdef void _relay_last(self) noexcept:
        """End of data in pass-through: the event without a blank line, if it is one, and the terminator or an error."""
        cdef stream.Decoder decoder = self.decoder
        cdef Splitter splitter = decoder.splitter
        cdef int verdict = SKIPPED
        cdef char tail
        cdef Sse sse
        if splitter.last(&sse):
            verdict = decoder.take(&sse)
            if verdict == TAKEN or (verdict == HIDDEN and not self.hide_usage):
                put_bytes(&self.out, splitter.base + sse.start, sse.stop - sse.start)
                tail = splitter.base[sse.stop - 1]
                if tail != c'\n':        # behind a CR an LF ends the same line
                    puts(&self.out, b"\n")
                if not isinstance(splitter, Lines):
                    puts(&self.out, b"\n")      # the blank line
        if decoder.done:
            if decoder.excused or (self.tap.error_status and decoder.error_terminated):
                decoder.write_terminator(&self.out)
            return
        decoder.finish()
        if self.tap.error_status:
            self._write_error()
        else:
            decoder.write_terminator(&self.out)

    cdef void _write_error(self) noexcept:
        """The error the tap holds, in the decoder's dialect."""
        cdef Event event
        prepare(&event, ERROR)
        event.status = self.tap.error_status
        event.a = utf8(self.tap.error_message.data, self.tap.error_message.size)
        event.b = utf8(self.tap.error_code.data, self.tap.error_code.size)
        self.decoder.write_error(&self.out, &event)

    def fail(self, int status, str code not None, str message not None):
        cdef Event event
        cdef bytes encoded_code = code.encode("utf-8", "replace")
        cdef bytes encoded_message = message.encode("utf-8", "replace")
        if self.ended:
            return b""
        if self.decoder.over():
            return self.finish()
        self.closed = True
        prepare(&event, ERROR)
        event.status = status
        event.a = utf8(encoded_message, len(encoded_message))
        event.b = utf8(encoded_code, len(encoded_code))
        self.decoder.emit(&event)
        if self.encoder is None:
            self.decoder.write_error(&self.out, &event)
        return self._take()

    def ping(self):
        if self.ended:
            return b""
        if self.encoder is None:
            self.decoder.write_ping(&self.out, self.comments)
        else:
            self.encoder.ping(self.comments)
        return self._take()

    cdef bytes _take(self):
        cdef Buffer *out = &self.out if self.encoder is None else &self.encoder.out
        cdef bytes taken
        if out.failed or self.decoder.splitter.held.failed or self.decoder.splitter.joined.failed:
            raise MemoryError
        if out.size == 0:
            return b""
        taken = PyBytes_FromStringAndSize(out.data, out.size)
        clear(out)
        return taken

    @property
    def useful(self):
        return self.tap.useful

    @property
    def stopped(self):
        return self.decoder.stopped

    @property
    def ended(self):
        if self.closed:
            return True
        return self.decoder.done if self.encoder is None else self.encoder.ended

    @property
    def stop_reason(self):
        return word(self.tap.stop)

    @property
    def usage(self):
        cdef StreamUsage usage = StreamUsage.__new__(StreamUsage)
        usage.input = self.tap.usage.input
        usage.cached = self.tap.usage.cached
        usage.written = self.tap.usage.written
        usage.output = self.tap.usage.output
        usage.reasoning = self.tap.usage.reasoning
        return usage

    @property
    def blocks(self):
        return self.tap.blocks

    @property
    def output_chars(self):
        return self.tap.output_bytes

    @property
    def skipped(self):
        return self.decoder.skipped

    @property
    def recognised(self):
        return self.decoder.recognised

    @property
    def error_status(self):
        return self.tap.error_status

    @property
    def error_code(self):
        return text(&self.tap.error_code)

    @property
    def error_message(self):
        return text(&self.tap.error_message)

    @property
    def response_id(self):
        return text(&self.tap.response_id)

    @property
    def response_model(self):
        return text(&self.tap.response_model)
