# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Ollama streams, written: one JSON object per line."""

from libc.stdlib cimport free, realloc
from libc.string cimport strlen

from omniroute._fast.arguments cimport put_arguments
from omniroute._fast.buffer cimport (
    clear, fresh, plain_length, put_buffer, put_bytes, put_int, put_plain, put_string, put_text, puts, release,
    text_length,
)
from omniroute._fast.events cimport (
    BLOCK_OPEN, DELTA, END, ERROR, LOGPROBS, MEDIA, STOP, STOP_CONTEXT, STOP_LENGTH, TEXT, THINKING, TOOL, USAGE, Event, Usage,
    merge, nothing_stated, prepare, utf8,
)
from omniroute._fast.lanes cimport MOST_WAITING
from omniroute._fast.ollama_decoder cimport ollama_error
from omniroute._fast.stream cimport Encoder, json_text
from omniroute._fast.usage cimport known

from omniroute._fast.ollama_decoder import OllamaDecoder

__all__ = ["OllamaDecoder", "OllamaEncoder"]


cdef const char *MEDIA_NOTE = b"[image attachment omitted: not supported by this model]"


cdef class OllamaEncoder(Encoder):
    """Writes the lines an Ollama client expects."""

    def __init__(
        self, str model not None, str created_at not None, long long input_tokens=0, tool_names=None, bint generate=False
    ):
        cdef bytes text
        self.generate = generate
        self.input_estimate = input_tokens
        self.tool_names = dict(tool_names) if tool_names else None
        self.usage = nothing_stated()
        puts(&self.prefix, b'{"model":"')
        text = json_text(model)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'","created_at":"')
        text = json_text(created_at)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'",')
        if self.prefix.failed:
            raise MemoryError

    def __dealloc__(self):
        cdef int i
        release(&self.prefix)
        for i in range(self.count):
            release(&self.held[i].head)
            release(&self.held[i].arguments)
        free(self.held)

    cdef void put(self, const Event *event) noexcept:
        cdef int kind = event.kind
        if self.ended:
            return
        if kind == DELTA:
            if event.block == TOOL:
                self._arguments(event)
            else:
                self._delta(event)
        elif kind == BLOCK_OPEN:
            if event.block == TOOL:
                self._open_call(event)
        elif kind == LOGPROBS:
            self.hold_odds(event)
        elif kind == MEDIA:
            self._media(event)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
        elif kind == STOP:
            self.stop = event.stop
        elif kind == END:
            self._end()
        elif kind == ERROR:
            ollama_error(&self.out, event)
            self.ended = True

    cdef void _delta(self, const Event *event) noexcept:
        """Text, thinking, or a refusal, which is text here."""
        if event.a.n == 0:
            return
        self.output_bytes += text_length(event)
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"response":"' if self.generate else b'"message":{"role":"assistant","content":"')
        if event.block == THINKING:
            puts(&self.out, b'","thinking":"')
        put_text(&self.out, event)
        puts(&self.out, b'"' if self.generate else b'"}')
        self._put_odds()
        puts(&self.out, b',"done":false}\n')

    cdef void _put_odds(self) noexcept:
        """The member ``logprobs`` of a line, if there are any to tell."""
        if self.odds.size:
            puts(&self.out, b',"logprobs":')
            self.put_odds()

    cdef void _media(self, const Event *event) noexcept:
        """A note: messages have a field for images, but in an answer clients of the official library fail on it."""
        cdef Event note = event[0]
        note.block = TEXT
        note.a = utf8(MEDIA_NOTE, <Py_ssize_t> strlen(MEDIA_NOTE))
        self._delta(&note)

    cdef void _open_call(self, const Event *event) noexcept:
        cdef HeldCall *grown
        cdef HeldCall *call
        if self.count == self.room:
            grown = <HeldCall *> realloc(self.held, <size_t> (self.room * 2 + 4) * sizeof(HeldCall))
            if grown == NULL:
                self.out.failed = True
                return
            self.held = grown
            self.room = self.room * 2 + 4
        call = &self.held[self.count]
        call.index = event.index
        call.head = fresh()
        call.arguments = fresh()
        puts(&call.head, b'{"id":"')
        put_string(&call.head, &event.a)
        puts(&call.head, b'","function":{"index":')
        put_int(&call.head, self.count)
        puts(&call.head, b',"name":"')
        self.put_name(&call.head, &event.b)
        puts(&call.head, b'","arguments":')
        self.output_bytes += plain_length(&event.b)
        self.count += 1

    cdef void _arguments(self, const Event *event) noexcept:
        """Clients want whole calls: what has come of one waits for its rest."""
        cdef int i
        cdef Event error
        for i in range(self.count - 1, -1, -1):
            if self.held[i].index == event.index:
                put_plain(&self.held[i].arguments, &event.a)
                self.waiting += event.a.n
                self.output_bytes += text_length(event)
                break
        if self.waiting > MOST_WAITING:
            prepare(&error, ERROR)
            error.a = utf8(b"The arguments of the tool calls are larger than allowed.", 56)
            ollama_error(&self.out, &error)
            self.ended = True

    cdef void _put_calls(self) noexcept:
        cdef int i
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"message":{"role":"assistant","content":"","tool_calls":[')
        for i in range(self.count):
            if self.held[i].head.failed or self.held[i].arguments.failed:
                self.out.failed = True
            if i:
                puts(&self.out, b",")
            put_buffer(&self.out, &self.held[i].head)
            put_arguments(&self.out, &self.held[i].arguments)
            puts(&self.out, b"}}")
            clear(&self.held[i].arguments)
        puts(&self.out, b']},"done":false}\n')

    cdef void _end(self) noexcept:
        cdef Usage usage = self.usage
        if self.count and not self.generate:
            self._put_calls()
        if usage.input < 0:
            usage.input = self.input_estimate
        if usage.output < 0:            # the upstream never said: about four bytes make a token
            usage.output = (self.output_bytes + 3) // 4
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"response":""' if self.generate else b'"message":{"role":"assistant","content":""}')
        self._put_odds()
        puts(&self.out, b',"done":true,"done_reason":"')
        puts(&self.out, b"length" if self.stop == STOP_LENGTH or self.stop == STOP_CONTEXT else b"stop")
        puts(&self.out, b'","total_duration":0,"load_duration":0,"prompt_eval_count":')
        put_int(&self.out, known(usage.input))
        puts(&self.out, b',"prompt_eval_duration":0,"eval_count":')
        put_int(&self.out, known(usage.output))
        puts(&self.out, b',"eval_duration":0}\n')
        self.ended = True
