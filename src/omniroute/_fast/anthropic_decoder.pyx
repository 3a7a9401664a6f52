# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Anthropic Messages streams, read: named events around content blocks."""

from libc.stdlib cimport free, realloc

from omniroute._fast.buffer cimport Buffer, clear, fresh, put, put_string, release
from omniroute._fast.events cimport (
    BLOCK_OPEN, CITATION, END, ERROR, ESCAPED, EXTRA, JSON, PING, REDACTED, SIGNATURE, START, STOP, STOP_CONTEXT, STOP_LENGTH,
    STOP_PAUSE, STOP_REFUSAL, STOP_SEQUENCE, STOP_STOP, STOP_TOOL, TEXT, THINKING, TOOL, USAGE, Event, Slice, prepare, settled,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.frames cimport anthropic_error, anthropic_ping, anthropic_stop
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, find, integer_of, is_object, is_string, key_is, next_member, raw_of, same, skip_space, text_is, text_of,
    whole_value,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder
from omniroute._fast.usage cimport read_anthropic_usage


cdef class AnthropicDecoder(Decoder):
    """Reads the stream of an Anthropic-compatible upstream."""

    def __cinit__(self):
        self.counts.uncached = self.counts.cached = self.counts.written = self.counts.output = self.counts.reasoning = -1

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            release(&self.blocks[i].input)
        free(self.blocks)
        release(&self.stop_sequence)

    cdef int event(self, const Sse *sse) noexcept:
        cdef Value body, found
        cdef Slice type
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        if p == end or (end - p >= 6 and same(p, 6, b"[DONE]")):
            return SKIPPED
        if not whole_value(p, end - p, &body) or not is_object(&body):
            self.skipped += 1
            return SKIPPED
        find(&body, b"type", &found)
        if not text_of(&found, &type):          # some relays leave it out: the event's name says the same
            type.p = sse.name
            type.n = sse.name_length
        if not self._dispatch(&type, &body):
            self.skipped += 1
            return SKIPPED
        return TAKEN

    cdef bint _dispatch(self, const Slice *type, const Value *body) noexcept:
        cdef Walk walk
        cdef Member member
        cdef Event event
        enter(&walk, body)
        while next_member(&walk, &member):
            if key_is(&member, b"error") and is_object(&member.value) and not same(type.p, type.n, b"error"):
                prepare(&event, ERROR)
                read_fault(body, &event)
                self.emit(&event)
                return True
        if walk.failed:
            return False
        if same(type.p, type.n, b"content_block_delta"):
            self._block_delta(body)
        elif same(type.p, type.n, b"content_block_start"):
            self._block_start(body)
        elif same(type.p, type.n, b"content_block_stop"):
            self._block_stop(body)
        elif same(type.p, type.n, b"message_start"):
            self._message_start(body)
        elif same(type.p, type.n, b"message_delta"):
            self._message_delta(body)
        elif same(type.p, type.n, b"message_stop"):
            self.complete()
        elif same(type.p, type.n, b"ping"):
            prepare(&event, PING)
            self.emit(&event)
        elif same(type.p, type.n, b"error"):
            prepare(&event, ERROR)
            read_fault(body, &event)
            self.emit(&event)
        else:
            self._extra(body)
        return True

    cdef void _message_start(self, const Value *body) noexcept:
        cdef Event event
        cdef Value message, found
        find(body, b"message", &message)
        if not self.begun:
            self.begun = True
            prepare(&event, START)
            find(&message, b"id", &found)
            text_of(&found, &event.a)
            find(&message, b"model", &found)
            text_of(&found, &event.b)
            self.emit(&event)
        self._usage(&message)

    cdef void _block_start(self, const Value *body) noexcept:
        cdef Value number, block, found
        cdef Slice type
        cdef long long at = -1
        find(body, b"index", &number)
        integer_of(&number, &at)
        if self._open_block(at) != NULL:        # started twice: the first one was never stopped
            self._leave_block(self._open_block(at))
        find(body, b"content_block", &block)
        find(&block, b"type", &found)
        text_of(&found, &type)
        self._enter_block(at, &type, &block, body)

    cdef void _enter_block(self, long long number, const Slice *type, const Value *block, const Value *body) noexcept:
        cdef Event event
        cdef Value found
        cdef OpenBlock *open
        if same(type.p, type.n, b"text"):
            self._say(self._add(number, TEXT, False), block, b"text")
        elif same(type.p, type.n, b"thinking"):
            open = self._add(number, THINKING, False)
            self._say(open, block, b"thinking")
            if open != NULL and find(block, b"signature", &found):
                prepare(&event, SIGNATURE)
                event.block = THINKING
                event.index = open.index
                if text_of(&found, &event.a) and event.a.n:
                    self.emit(&event)
        elif same(type.p, type.n, b"redacted_thinking"):
            open = self._add(number, REDACTED, False)
            if open != NULL:
                prepare(&event, BLOCK_OPEN)
                event.block = REDACTED
                event.index = open.index
                find(block, b"data", &found)
                text_of(&found, &event.a)
                self.emit(&event)
        elif same(type.p, type.n, b"tool_use"):
            self._tool_use(self._add(number, TOOL, False), block)
        else:
            self._add(number, TEXT, True)
            self._extra(body)

    cdef void _tool_use(self, OpenBlock *open, const Value *block) noexcept:
        cdef Event event
        cdef Value found
        if open == NULL:
            return
        prepare(&event, BLOCK_OPEN)
        event.block = TOOL
        event.index = open.index
        find(block, b"id", &found)
        text_of(&found, &event.a)
        find(block, b"name", &found)
        text_of(&found, &event.b)
        self.called = True
        self.emit(&event)
        if find(block, b"input", &found) and is_object(&found) and skip_space(found.p + 1, found.end) != found.end - 1:
            put(&open.input, found.p, found.end - found.p)

    cdef void _block_delta(self, const Value *body) noexcept:
        cdef Value number, delta, type
        cdef OpenBlock *open
        cdef long long at = -1
        find(body, b"index", &number)
        integer_of(&number, &at)
        find(body, b"delta", &delta)
        open = self._open_block(at)
        if open == NULL:                        # never started: text and thinking need no start to be understood
            find(&delta, b"type", &type)
            if text_is(&type, b"text_delta"):
                open = self._add(at, TEXT, False)
            elif text_is(&type, b"thinking_delta"):
                open = self._add(at, THINKING, False)
            else:
                self.skipped += 1
        if open != NULL and open.index >= 0:
            self._typed_delta(open, &delta)

    cdef void _typed_delta(self, OpenBlock *open, const Value *delta) noexcept:
        cdef Event event
        cdef Value type, found
        find(delta, b"type", &type)
        if text_is(&type, b"text_delta"):
            self._say(open, delta, b"text")
        elif text_is(&type, b"input_json_delta"):
            self._say(open, delta, b"partial_json")
        elif text_is(&type, b"thinking_delta"):
            self._say(open, delta, b"thinking")
        elif text_is(&type, b"signature_delta"):
            find(delta, b"signature", &found)
            prepare(&event, SIGNATURE)
            event.block = open.block
            event.index = open.index
            if text_of(&found, &event.a) and event.a.n:
                self.emit(&event)
        elif text_is(&type, b"citations_delta") and find(delta, b"citation", &found) and is_object(&found):
            prepare(&event, CITATION)
            event.block = open.block
            event.index = open.index
            raw_of(&found, &event.a)
            self.emit(&event)

    cdef void _say(self, OpenBlock *open, const Value *delta, const char *key) noexcept:
        """A delta from the string at ``key``, if it says something."""
        cdef Value found
        cdef Slice text
        if open != NULL and find(delta, key, &found) and text_of(&found, &text) and text.n:
            open.fed = True
            self.delta(open.block, open.index, &text)

    cdef void _block_stop(self, const Value *body) noexcept:
        cdef Value number
        cdef OpenBlock *open
        cdef long long at = -1
        find(body, b"index", &number)
        integer_of(&number, &at)
        open = self._open_block(at)
        if open != NULL:
            self._leave_block(open)

    cdef void _leave_block(self, OpenBlock *open) noexcept:
        cdef Slice input
        if open.index >= 0:
            if not open.fed and open.input.size:
                input.form = JSON
                input.p = open.input.data
                input.n = open.input.size
                self.delta(open.block, open.index, &input)
            self.close(open.index)
        release(&open.input)
        self.count -= 1
        open[0] = self.blocks[self.count]

    cdef void _message_delta(self, const Value *body) noexcept:
        cdef Value delta, found
        cdef Slice text
        self._usage(body)
        find(body, b"delta", &delta)
        find(&delta, b"stop_sequence", &found)
        if text_of(&found, &text):
            clear(&self.stop_sequence)
            put_string(&self.stop_sequence, &text)
        find(&delta, b"stop_reason", &found)
        if is_string(&found) and found.end - found.p > 2:
            self._stop_reason(&found)
            self._emit_stop()

    cdef void _stop_reason(self, const Value *reason) noexcept:
        self.said = STOP_STOP
        if text_is(reason, b"max_tokens"):
            self.said = STOP_LENGTH
        elif text_is(reason, b"stop_sequence"):
            self.said = STOP_SEQUENCE
        elif text_is(reason, b"tool_use"):
            self.said = STOP_TOOL
        elif text_is(reason, b"pause_turn"):
            self.said = STOP_PAUSE
        elif text_is(reason, b"refusal"):
            self.said = STOP_REFUSAL
        elif text_is(reason, b"model_context_window_exceeded"):
            self.said = STOP_CONTEXT

    cdef void _emit_stop(self) noexcept:
        cdef Event event
        while self.count:
            self._leave_block(&self.blocks[0])
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(self.said, self.called, False)
        if event.stop == STOP_SEQUENCE:
            event.a.p = self.stop_sequence.data
            event.a.n = self.stop_sequence.size
            event.a.form = ESCAPED
        self.emit(&event)

    cdef void complete(self) noexcept:
        cdef Event event
        if not self.stopped or self.count:
            self._emit_stop()
        prepare(&event, END)
        self.emit(&event)

    cdef void _usage(self, const Value *body) noexcept:
        cdef Event event
        cdef Value usage
        if find(body, b"usage", &usage) and is_object(&usage):
            prepare(&event, USAGE)
            read_anthropic_usage(&usage, &self.counts, &event.usage)
            self.emit(&event)

    cdef void _extra(self, const Value *body) noexcept:
        cdef Event event
        prepare(&event, EXTRA)
        raw_of(body, &event.a)
        self.emit(&event)

    cdef OpenBlock *_open_block(self, long long number) noexcept:
        cdef int i
        for i in range(self.count - 1, -1, -1):
            if self.blocks[i].number == number:
                return &self.blocks[i]
        return NULL

    cdef OpenBlock *_add(self, long long number, int block, bint foreign) noexcept:
        """Remember a block; all kinds but TOOL and REDACTED, which have more to say, are opened here."""
        cdef OpenBlock *grown
        cdef OpenBlock *open
        if self.count == self.room:
            grown = <OpenBlock *> realloc(self.blocks, <size_t> (self.room * 2 + 4) * sizeof(OpenBlock))
            if grown == NULL:
                self.give_up(502, b"upstream_bad_answer", b"The upstream's stream needs more memory than there is.")
                return NULL
            self.blocks = grown
            self.room = self.room * 2 + 4
        open = &self.blocks[self.count]
        self.count += 1
        open.number = number
        open.block = block
        open.fed = False
        open.index = -1
        open.input = fresh()
        if not foreign:
            open.index = self.next_block
            if block == TOOL or block == REDACTED:
                self.next_block += 1
            else:
                self.open(block)
        return open

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        anthropic_error(out, error)

    cdef void write_terminator(self, Buffer *out) noexcept:
        anthropic_stop(out)

    cdef void write_ping(self, Buffer *out, bint comments) noexcept:
        anthropic_ping(out)
