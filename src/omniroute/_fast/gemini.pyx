# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Gemini generateContent streams, written: chunks of one candidate."""

from libc.stdlib cimport free, realloc
from libc.string cimport memset

from omniroute._fast.arguments cimport put_arguments
from omniroute._fast.buffer cimport clear, put_buffer, put_bytes, put_int, put_plain, put_string, put_text, puts, release
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, DELTA, END, ERROR, LOGPROBS, MEDIA, SIGNATURE, STOP, STOP_CONTEXT, STOP_FILTER, STOP_LENGTH,
    STOP_REFUSAL, THINKING, TOOL, USAGE, Event, merge, nothing_stated,
)
from omniroute._fast.frames cimport gemini_error
from omniroute._fast.logprobs cimport put_gemini_result
from omniroute._fast.scan cimport same
from omniroute._fast.stream cimport Encoder, json_text
from omniroute._fast.usage cimport write_gemini_usage

from omniroute._fast.gemini_decoder import GeminiDecoder

__all__ = ["GeminiDecoder", "GeminiEncoder"]


cdef class GeminiEncoder(Encoder):
    """Writes the stream a Gemini client expects: parts to append, whole calls, a finish chunk with usage."""

    def __init__(self, str id not None, str model not None, tool_names=None):
        cdef bytes text
        self.choices = True
        self.tool_names = dict(tool_names) if tool_names else None
        self.usage = nothing_stated()
        puts(&self.head, b'data: {"candidates":[{"content":{"parts":[')
        puts(&self.tail, b'"modelVersion":"')
        text = json_text(model)
        put_bytes(&self.tail, text, len(text))
        puts(&self.tail, b'","responseId":"')
        text = json_text(id)
        put_bytes(&self.tail, text, len(text))
        puts(&self.tail, b'"}\r\n\r\n')
        if self.head.failed or self.tail.failed:
            raise MemoryError

    def __dealloc__(self):
        cdef int i
        release(&self.head)
        release(&self.tail)
        for i in range(self.count):
            release_call(&self.calls[i])
        free(self.calls)

    cdef void put(self, const Event *event) noexcept:
        cdef WholeCall *call
        cdef int kind = event.kind
        if self.ended:
            return
        if event.choice:
            self.put_other(event)
        elif kind == DELTA:
            self._delta(event)
        elif kind == BLOCK_OPEN:
            if event.block == TOOL:
                self._open_call(event)
        elif kind == BLOCK_CLOSE:
            self._close(event.index)
        elif kind == SIGNATURE:
            call = self._find(event.index)
            if call != NULL:
                clear(&call.signature)
                put_string(&call.signature, &event.a)
            elif same(event.b.p, event.b.n, b"gemini"):     # reasoning of other vendors is signed for them alone
                put_buffer(&self.out, &self.head)
                puts(&self.out, b'{"text":"","thought":true,"thoughtSignature":"')
                put_string(&self.out, &event.a)
                puts(&self.out, b'"}')
                self._part_end()
        elif kind == LOGPROBS:
            self.hold_odds(event)
        elif kind == MEDIA:
            self._media(event)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
            self.told = True
        elif kind == STOP:
            self.stop = event.stop
        elif kind == END:
            self._end()
        elif kind == ERROR:
            gemini_error(&self.out, event)
            self.ended = True

    cdef void _part_end(self) noexcept:
        puts(&self.out, b'],"role":"model"},"index":')
        put_int(&self.out, self.number)
        if self.odds.size:
            puts(&self.odds, b"]")
            puts(&self.out, b',"logprobsResult":')
            put_gemini_result(&self.out, &self.odds)
            clear(&self.odds)
        puts(&self.out, b"}],")
        put_buffer(&self.out, &self.tail)

    cdef void _delta(self, const Event *event) noexcept:
        cdef WholeCall *call
        if event.block == TOOL:
            call = self._find(event.index)
            if call != NULL:
                put_plain(&call.arguments, &event.a)
            return
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'{"text":"')
        put_text(&self.out, event)
        puts(&self.out, b'","thought":true}' if event.block == THINKING else b'"}')
        self._part_end()

    cdef void _media(self, const Event *event) noexcept:
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'{"inlineData":{"mimeType":"')
        put_string(&self.out, &event.a)
        puts(&self.out, b'","data":"')
        put_string(&self.out, &event.b)
        puts(&self.out, b'"}}')
        self._part_end()

    cdef WholeCall *_find(self, int index) noexcept:
        cdef int i
        for i in range(self.count - 1, -1, -1):
            if self.calls[i].index == index and not self.calls[i].closed:
                return &self.calls[i]
        return NULL

    cdef void _open_call(self, const Event *event) noexcept:
        cdef WholeCall *grown
        cdef WholeCall *call
        if self.count == self.room:
            grown = <WholeCall *> realloc(self.calls, <size_t> (self.room * 2 + 4) * sizeof(WholeCall))
            if grown == NULL:
                self.out.failed = True
                return
            self.calls = grown
            self.room = self.room * 2 + 4
        call = &self.calls[self.count]
        self.count += 1
        memset(call, 0, sizeof(WholeCall))
        call.index = event.index
        puts(&call.head, b'{"functionCall":{')
        if event.a.n:
            puts(&call.head, b'"id":"')
            put_string(&call.head, &event.a)
            puts(&call.head, b'",')
        puts(&call.head, b'"name":"')
        self.put_name(&call.head, &event.b)
        puts(&call.head, b'","args":')

    cdef void _close(self, int index) noexcept:
        cdef WholeCall *call = self._find(index)
        if call == NULL and self.odds.size:     # of characters that came with earlier tokens
            put_buffer(&self.out, &self.head)
            puts(&self.out, b'{"text":""}')
            self._part_end()
        if call != NULL:
            call.closed = True
            self._send_calls(False)

    cdef void _send_calls(self, bint all) noexcept:
        """The calls in front that are complete: clients pair results by the order of calls."""
        cdef int gone = 0
        cdef int i
        while gone < self.count and (all or self.calls[gone].closed):
            self._send(&self.calls[gone])
            release_call(&self.calls[gone])
            gone += 1
        for i in range(gone, self.count):
            self.calls[i - gone] = self.calls[i]
        self.count -= gone

    cdef void _send(self, WholeCall *call) noexcept:
        if call.arguments.failed or call.head.failed or call.signature.failed:
            self.out.failed = True
            return
        put_buffer(&self.out, &self.head)
        put_buffer(&self.out, &call.head)
        put_arguments(&self.out, &call.arguments)
        puts(&self.out, b"}")
        if call.signature.size:
            puts(&self.out, b',"thoughtSignature":"')
            put_buffer(&self.out, &call.signature)
            puts(&self.out, b'"')
        puts(&self.out, b"}")
        self._part_end()

    cdef Encoder further(self, int choice):
        cdef GeminiEncoder other = GeminiEncoder.__new__(GeminiEncoder)
        other.tool_names = self.tool_names
        other.usage = nothing_stated()
        put_buffer(&other.head, &self.head)
        put_buffer(&other.tail, &self.tail)
        if other.head.failed or other.tail.failed:
            raise MemoryError
        return other

    cdef void _end(self) noexcept:
        """The finish of every answer; the last one has the usage."""
        cdef GeminiEncoder other
        if self.others is not None:
            for other in self.others:
                other._end()
                put_buffer(&self.out, &other.out)
        self._send_calls(True)
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'{"text":""}],"role":"model"},"finishReason":"')
        if self.stop == STOP_LENGTH or self.stop == STOP_CONTEXT:
            puts(&self.out, b"MAX_TOKENS")
        elif self.stop == STOP_FILTER or self.stop == STOP_REFUSAL:
            puts(&self.out, b"SAFETY")
        else:
            puts(&self.out, b"STOP")
        puts(&self.out, b'","index":')
        put_int(&self.out, self.number)
        puts(&self.out, b"}],")
        if self.told:
            write_gemini_usage(&self.out, &self.usage)
            puts(&self.out, b",")
        put_buffer(&self.out, &self.tail)
        self.ended = True


cdef void release_call(WholeCall *call) noexcept nogil:
    release(&call.head)
    release(&call.arguments)
    release(&call.signature)
