# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""OpenAI Responses streams, written: numbered events around strictly sequential output items.

Blocks become items: text and refusals the parts of messages, thinking a reasoning item, calls their items. The first item that
is not finished is live; what comes for the others is gathered and told when their turn comes, for events are numbered in the
order of writing.
"""

from hashlib import sha256

from libc.stdlib cimport realloc
from libc.string cimport memset

from omniroute._fast.buffer cimport (
    FROM_VALUE, Buffer, clear, fresh, put_buffer, put_bytes, put_int, put_plain, put_sanitised, put_string,
    put_text, put_value, puts, release,
    text_length,
)
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, CITATION, DELTA, END, ERROR, LOGPROBS, MEDIA, REDACTED, REFUSAL, SIGNATURE, START, STOP,
    STOP_CONTEXT, STOP_FILTER, STOP_LENGTH, STOP_NONE, STOP_REFUSAL, TEXT, THINKING, TOOL, USAGE, Event, Usage, merge,
    nothing_stated, utf8,
)
from omniroute._fast.frames cimport chat_ping, responses_error
from omniroute._fast.lanes cimport MOST_WAITING
from omniroute._fast.openai_responses_items cimport Item, ItemWriter, plain_of, release_item
from omniroute._fast.scan cimport same
from omniroute._fast.signature cimport put_proof
from omniroute._fast.stream cimport json_text
from omniroute._fast.usage cimport write_responses_usage

from omniroute._fast.openai_responses_decoder import OpenAIResponsesDecoder

__all__ = ["OpenAIResponsesDecoder", "OpenAIResponsesEncoder"]


cdef enum:
    LONGEST_ID = 64


cdef str legal_id(str original, str invented):
    """A call id of at most 64 characters, different for different originals."""
    if 0 < len(original) <= LONGEST_ID:
        return original
    digest = sha256((original or invented).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{original[:47]}_{digest[:16]}" if original else "call_" + digest[:24]


cdef class OpenAIResponsesEncoder(ItemWriter):
    """Writes the stream a Responses client expects."""

    def __init__(
        self, str id not None, str model not None, long long created, bytes echo=b"{}", long long input_tokens=0, tool_names=None,
        tools=None, finish=None,
    ):
        cdef bytes text = json_text(id)
        self.input_estimate = input_tokens
        self.tool_names = dict(tool_names) if tool_names else None
        self.tools = dict(tools) if tools and finish is not None else {}
        self.finish = finish
        self.usage = nothing_stated()
        puts(&self.head, b'"id":"')
        put_bytes(&self.head, text, len(text))
        puts(&self.head, b'","object":"response","created_at":')
        put_int(&self.head, created)
        puts(&self.head, b',"model":"')
        text = json_text(model)
        put_bytes(&self.head, text, len(text))
        puts(&self.head, b'"')
        text = json_text(id.removeprefix("resp_"))
        put_bytes(&self.tail, text, len(text))
        if len(echo) > 2:
            puts(&self.echo, b",")
            put_sanitised(&self.echo, (<const char *> echo) + 1, len(echo) - 2, FROM_VALUE)
        if self.head.failed or self.tail.failed or self.echo.failed:
            raise MemoryError

    def __dealloc__(self):
        release(&self.head)
        release(&self.echo)

    cdef void put(self, const Event *event) noexcept:
        cdef int kind = event.kind
        if self.ended:
            return
        if kind == DELTA:
            self._delta(event)
        elif kind == BLOCK_OPEN:
            self._open(event)
        elif kind == BLOCK_CLOSE:
            self._close(event.index)
        elif kind == START:
            self._begin()
        elif kind == SIGNATURE:
            self._signature(event)
        elif kind == CITATION:
            self._citation(event)
        elif kind == LOGPROBS:
            self._odds(event)
        elif kind == MEDIA:
            self._media(event)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
            if self.stop != STOP_NONE and event.usage.output >= 0:      # the late usage everybody waits for
                self._end()
        elif kind == STOP:
            self.stop = event.stop
        elif kind == END:
            self._end()
        elif kind == ERROR:
            self._error(event)

    cdef void _begin(self) noexcept:
        if self.begun:
            return
        self.begun = True
        self._event(b"response.created")
        self._response(b"in_progress", NULL, NULL, False)
        self._event(b"response.in_progress")
        self._response(b"in_progress", NULL, NULL, False)

    cdef void _response(self, const char *status, const char *reason, const Event *error, bint final) noexcept:
        """The response object, and the end of the event."""
        cdef Usage usage = self.usage
        puts(&self.out, b',"response":{')
        put_buffer(&self.out, &self.head)
        puts(&self.out, b',"status":"')
        puts(&self.out, status)
        puts(&self.out, b'","error":')
        if error == NULL:
            puts(&self.out, b"null")
        else:
            responses_error(&self.out, error)
        puts(&self.out, b',"incomplete_details":')
        if reason == NULL:
            puts(&self.out, b"null")
        else:
            puts(&self.out, b'{"reason":"')
            puts(&self.out, reason)
            puts(&self.out, b'"}')
        puts(&self.out, b',"output":[')
        if self.output.size:
            put_bytes(&self.out, self.output.data, self.output.size - 1)
        puts(&self.out, b'],"usage":')
        if final:
            if usage.input < 0:
                usage.input = self.input_estimate
            if usage.output < 0:        # the upstream never said: about four bytes make a token
                usage.output = (self.output_bytes + 3) // 4
            write_responses_usage(&self.out, &usage)
        else:
            puts(&self.out, b"null")
        put_buffer(&self.out, &self.echo)
        puts(&self.out, b"}}\n\n")

    # -- blocks come -------------------------------------------------------------------------------------------------------

    cdef Item *_find(self, int source) noexcept:
        cdef int i
        for i in range(self.count - 1, -1, -1):
            if self.items[i].source == source and self.items[i].open:
                return &self.items[i]
        return NULL

    cdef Item *_add(self, const Event *event) noexcept:
        """A new last item; NULL when memory is short."""
        cdef Item *grown
        cdef Item *item
        if self.count == self.room:
            grown = <Item *> realloc(self.items, <size_t> (self.room * 2 + 4) * sizeof(Item))
            if grown == NULL:
                self.out.failed = True
                return NULL
            self.items = grown
            self.room = self.room * 2 + 4
        item = &self.items[self.count]
        memset(item, 0, sizeof(Item))
        item.source = event.index
        item.open = True
        self.count += 1
        return item

    cdef void _open(self, const Event *event) noexcept:
        cdef bint says = event.block == TEXT or event.block == REFUSAL
        cdef Item *item
        self._begin()
        if self.count:
            item = &self.items[self.count - 1]
            if says and self.count == 1 and item.block == TEXT and not item.open:
                item.source = event.index       # one more part of the live message
                item.part_block = event.block
                item.open = True
                return
            item.sealed = True
            self._advance()
        item = self._add(event)
        if item == NULL:
            return
        item.block = TEXT if says else event.block
        item.part_block = event.block
        item.sealed = not says
        if event.block == TOOL:
            self._call(item, event)
            self._flush(&self.items[0])
        elif event.block == REDACTED:
            put_proof(&item.proof, b"openai_responses", &event.b, b"redacted", &event.a, NULL)

    cdef void _call(self, Item *item, const Event *event) noexcept:
        """What is to be known of a call: its id, and its name as the client knows it."""
        cdef Buffer plain = fresh()
        cdef bytes text
        put_plain(&plain, &event.b)
        self.output_bytes += plain.size
        try:
            name = plain.data[:plain.size].decode("utf-8", "replace") if plain.size else ""
            if self.tool_names is not None:
                name = self.tool_names.get(name, name)
            local, space, whole = self.tools.get(name, (name, None, False))
            item.whole = whole
            text = json_text(name if whole else local)
            if not whole:
                puts(&item.name, b'"name":"')
            put_bytes(&item.name, text, len(text))
            if not whole:
                puts(&item.name, b'"')
            if space is not None and not whole:
                text = json_text(space)
                puts(&item.name, b',"namespace":"')
                put_bytes(&item.name, text, len(text))
                puts(&item.name, b'"')
            clear(&plain)
            put_plain(&plain, &event.a)
            original = plain.data[:plain.size].decode("utf-8", "replace") if plain.size else ""
            text = json_text(legal_id(original, f"{plain_of(&self.tail)}:{event.index}"))
            put_bytes(&item.call, text, len(text))
        except MemoryError:
            self.out.failed = True
        release(&plain)

    cdef void _delta(self, const Event *event) noexcept:
        cdef Item *item = self._find(event.index)
        if item == NULL or event.a.n == 0:
            return
        self.output_bytes += text_length(event)
        put_text(&item.text, event)
        if item == self.items:
            self._flush(item)
            return
        self.waiting += event.a.n
        if self.waiting > MOST_WAITING:         # the one in front keeps too many waiting
            self.waiting = 0
            self.items[0].sealed = True
            self._close(self.items[0].source)

    cdef void _signature(self, const Event *event) noexcept:
        cdef Item *item = self._find(event.index)
        if item != NULL and item.block == THINKING:
            clear(&item.proof)
            put_proof(&item.proof, b"openai_responses", &event.b, b"signature", &event.a, &item.text)

    cdef void _citation(self, const Event *event) noexcept:
        cdef Item *item = self._find(event.index)
        if item != NULL and item.block == TEXT:
            put_value(&item.cited, &event.a)
            puts(&item.cited, b",")

    cdef void _odds(self, const Event *event) noexcept:
        cdef Item *item = self._find(event.index)
        if item != NULL and item.part_block == TEXT:
            if item.odds.size:
                puts(&item.odds, b",")
            put_bytes(&item.odds, event.a.p, event.a.n)

    cdef void _media(self, const Event *event) noexcept:
        """An image is what the image tool of this dialect would give; of another file a note says that it was there."""
        cdef Event note = event[0]
        cdef Item *item
        cdef bint image = event.a.n > 6 and same(event.a.p, 6, b"image/")
        note.block = TEXT
        if image:
            note.block = MEDIA
        note.a = note.b = utf8(NULL, 0)
        self._open(&note)
        item = self._find(event.index)
        if item == NULL:
            return
        if image:
            put_string(&item.text, &event.b)
        else:
            note.a = utf8(b"[attachment omitted: not supported by this model]", 49)
            self._delta(&note)
        self._close(event.index)

    cdef void _close(self, int source) noexcept:
        cdef Item *item = self._find(source)
        if item == NULL:
            return
        item.open = False
        if item == self.items:
            self._advance()

    cdef void _advance(self) noexcept:
        """Tell what the live item has to say, finish it when it is over, and let the next one speak."""
        cdef int i
        while self.count:
            self._flush(self.items)
            if self.items.open:
                return
            self._end_part(self.items)
            if not self.items.sealed:
                return
            self._finish_item(self.items)
            release_item(self.items)
            self.count -= 1
            for i in range(self.count):
                self.items[i] = self.items[i + 1]

    # -- the end -----------------------------------------------------------------------------------------------------------

    cdef void _end(self) noexcept:
        cdef const char *reason = NULL
        cdef int i
        self._begin()
        for i in range(self.count):
            self.items[i].open = False
            self.items[i].sealed = True
        self._advance()
        if self.stop == STOP_LENGTH or self.stop == STOP_CONTEXT:
            reason = b"max_output_tokens"
        elif self.stop == STOP_FILTER or (self.stop == STOP_REFUSAL and not self.refused):
            reason = b"content_filter"
        self._event(b"response.completed" if reason == NULL else b"response.incomplete")
        self._response(b"completed" if reason == NULL else b"incomplete", reason, NULL, True)
        if self.output.failed:
            self.out.failed = True
        self.ended = True

    cdef void _error(self, const Event *event) noexcept:
        """What is open stays unfinished."""
        self._begin()
        self._event(b"response.failed")
        self._response(b"failed", NULL, event, self.output_bytes > 0)
        self.ended = True

    cdef void ping(self, bint comments) noexcept:
        if comments:
            chat_ping(&self.out)
