# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Streams of OpenAI's old completions API, written: chunks of one text."""

from libc.string cimport strlen

from omniroute._fast.buffer cimport put_buffer, put_bytes, put_int, put_string, puts, release
from omniroute._fast.events cimport (
    DELTA, END, ERROR, MEDIA, REFUSAL, STOP, STOP_CONTEXT, STOP_FILTER, STOP_LENGTH, STOP_REFUSAL, TEXT, USAGE, Event, Slice,
    merge, nothing_stated, utf8,
)
from omniroute._fast.frames cimport chat_done, chat_error, chat_ping
from omniroute._fast.stream cimport Encoder, json_text
from omniroute._fast.usage cimport write_chat_usage


cdef const char *MEDIA_NOTE = b"[image attachment omitted: not supported by this model]"


cdef class OpenAICompletionsEncoder(Encoder):
    """Writes the stream a client of the completions API expects."""

    def __init__(self, str id not None, str model not None, long long created, bint include_usage=False):
        cdef bytes text
        self.choices = True
        self.include_usage = include_usage
        self.usage = nothing_stated()
        puts(&self.prefix, b'data: {"id":"')
        text = json_text(id)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'","object":"text_completion","created":')
        put_int(&self.prefix, created)
        puts(&self.prefix, b',"model":"')
        text = json_text(model)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'",')
        if self.prefix.failed:
            raise MemoryError

    def __dealloc__(self):
        release(&self.prefix)

    cdef void put(self, const Event *event) noexcept:
        cdef Slice note
        cdef int kind = event.kind
        if self.ended:
            return
        if event.choice:
            self.put_other(event)
        elif kind == DELTA:
            if (event.block == TEXT or event.block == REFUSAL) and event.a.n:
                self._text(&event.a)
        elif kind == MEDIA:
            note = utf8(MEDIA_NOTE, <Py_ssize_t> strlen(MEDIA_NOTE))
            self._text(&note)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
        elif kind == STOP:
            self.stop = event.stop
        elif kind == END:
            self._end()
        elif kind == ERROR:
            chat_error(&self.out, event)
            self.ended = True

    cdef void _text(self, const Slice *text) noexcept:
        self.some = True
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"choices":[{"text":"')
        put_string(&self.out, text)
        puts(&self.out, b'","index":')
        put_int(&self.out, self.number)
        puts(&self.out, b',"logprobs":null,"finish_reason":null}]}\n\n')

    cdef Encoder further(self, int choice):
        cdef OpenAICompletionsEncoder other = OpenAICompletionsEncoder.__new__(OpenAICompletionsEncoder)
        put_buffer(&other.prefix, &self.prefix)
        if other.prefix.failed:
            raise MemoryError
        return other

    cdef void _finish(self) noexcept:
        """The last chunk of this answer."""
        cdef int stop = self.stop
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"choices":[{"text":"","index":')
        put_int(&self.out, self.number)
        puts(&self.out, b',"logprobs":null,"finish_reason":"')
        if stop == STOP_LENGTH or stop == STOP_CONTEXT:
            puts(&self.out, b"length")
        elif stop == STOP_FILTER or (stop == STOP_REFUSAL and not self.some):
            puts(&self.out, b"content_filter")
        else:
            puts(&self.out, b"stop")
        puts(&self.out, b'"}]}\n\n')

    cdef void _end(self) noexcept:
        cdef OpenAICompletionsEncoder other
        self._finish()
        if self.others is not None:
            for other in self.others:
                other._finish()
                put_buffer(&self.out, &other.out)
        if self.include_usage:
            put_buffer(&self.out, &self.prefix)
            puts(&self.out, b'"choices":[],')
            write_chat_usage(&self.out, &self.usage)
            puts(&self.out, b"}\n\n")
        chat_done(&self.out)
        self.ended = True

    cdef void ping(self, bint comments) noexcept:
        if comments:
            chat_ping(&self.out)
