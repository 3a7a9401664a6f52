# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Anthropic Messages streams, read: named events around content blocks."""

from libc.stdlib cimport free, realloc

from omniroute._fast.buffer cimport Buffer, clear, fresh, put_bytes, put_string, release
from omniroute._fast.events cimport (
    BLOCK_OPEN, CITATION, END, ERROR, ESCAPED, EXTRA, JSON, PING, REDACTED, SIGNATURE, START, STOP, STOP_CONTEXT, STOP_LENGTH,
    STOP_PAUSE, STOP_REFUSAL, STOP_SEQUENCE, STOP_STOP, STOP_TOOL, TEXT, THINKING, TOOL, USAGE, Event, Slice, prepare, settled,
    utf8,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.frames cimport anthropic_error, anthropic_ping, anthropic_stop
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, enter_at, find, integer_of, is_object, is_string, key_is, next_member, no_value, raw_of, same,
    skip_space, text_is, text_of,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder
from omniroute._fast.usage cimport read_anthropic_usage


cdef const char *read_parts(const char *p, const char *end, Parts *parts) noexcept nogil:
    """Find what any event may have at its top level; the byte behind it, NULL if it is not a JSON object."""
    cdef Walk walk
    cdef Member member
    parts.type = parts.index = parts.delta = parts.block = parts.message = parts.usage = parts.error = no_value()
    enter_at(&walk, p, end)
    while p[0] == c'{' and next_member(&walk, &member):
        if key_is(&member, b"type"):
            parts.type = member.value
        elif key_is(&member, b"index"):
            parts.index = member.value
        elif key_is(&member, b"delta"):
            parts.delta = member.value
        elif key_is(&member, b"content_block"):
            parts.block = member.value
        elif key_is(&member, b"message"):
            parts.message = member.value
        elif key_is(&member, b"usage"):
            parts.usage = member.value
        elif key_is(&member, b"error"):
            parts.error = member.value
    if walk.failed or p[0] != c'{':
        return NULL
    return walk.p


cdef void read_delta(const Value *delta, Slice *type, Value *content) noexcept nogil:
    """The type of a content block's delta and the one value it carries."""
    cdef Walk walk
    cdef Member member
    type.p = NULL
    type.n = 0
    content[0] = no_value()
    enter(&walk, delta)
    while is_object(delta) and next_member(&walk, &member):
        if key_is(&member, b"type"):
            text_of(&member.value, type)
        elif (key_is(&member, b"text") or key_is(&member, b"partial_json") or key_is(&member, b"thinking")
                or key_is(&member, b"signature") or key_is(&member, b"citation")):
            content[0] = member.value


cdef inline long long number_of(const Value *index) noexcept nogil:
    cdef long long number = -1
    integer_of(index, &number)
    return number


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
        cdef Value body
        cdef Parts parts
        cdef Slice type
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        if p == end or (end - p >= 6 and same(p, 6, b"[DONE]")):
            return SKIPPED
        body.p = p
        body.end = read_parts(p, end, &parts)
        if body.end == NULL or skip_space(body.end, end) != end:
            self.skipped += 1
            return SKIPPED
        if not text_of(&parts.type, &type):     # some relays leave it out: the event's name says the same
            type.p = sse.name
            type.n = sse.name_length
        if same(type.p, type.n, b"content_block_delta"):
            self._block_delta(&parts)
        elif same(type.p, type.n, b"error") or is_object(&parts.error) or (type.n == 0 and is_string(&parts.error)):
            self._fault(&body)
        else:
            self._dispatch(&type, &body, &parts)
        return TAKEN

    cdef void _dispatch(self, const Slice *type, const Value *body, const Parts *parts) noexcept:
        cdef Event event
        if same(type.p, type.n, b"content_block_start"):
            self._block_start(body, parts)
        elif same(type.p, type.n, b"content_block_stop"):
            self._leave_block(self._open_block(number_of(&parts.index)))
        elif same(type.p, type.n, b"message_start"):
            self._message_start(parts)
        elif same(type.p, type.n, b"message_delta"):
            self._message_delta(parts)
        elif same(type.p, type.n, b"message_stop"):
            self.complete()
        elif same(type.p, type.n, b"ping"):
            prepare(&event, PING)
            self.emit(&event)
        else:
            self._extra(body)

    cdef void _fault(self, const Value *body) noexcept:
        cdef Event event
        prepare(&event, ERROR)
        read_fault(body, &event)
        self.emit(&event)

    cdef void _message_start(self, const Parts *parts) noexcept:
        cdef Event event
        cdef Value found
        if not self.begun:
            self.begun = True
            prepare(&event, START)
            find(&parts.message, b"id", &found)
            text_of(&found, &event.a)
            find(&parts.message, b"model", &found)
            text_of(&found, &event.b)
            self.emit(&event)
        find(&parts.message, b"usage", &found)
        self._usage(&found)

    cdef void _block_start(self, const Value *body, const Parts *parts) noexcept:
        cdef Value found
        cdef Slice type
        cdef long long number = number_of(&parts.index)
        self._leave_block(self._open_block(number))     # started twice: the first one was never stopped
        find(&parts.block, b"type", &found)
        text_of(&found, &type)
        self._enter_block(number, &type, &parts.block, body)

    cdef void _enter_block(self, long long number, const Slice *type, const Value *block, const Value *body) noexcept:
        cdef Event event
        cdef Value found
        cdef OpenBlock *open
        if same(type.p, type.n, b"text"):
            find(block, b"text", &found)
            self._say(self._add(number, TEXT, False), &found)
        elif same(type.p, type.n, b"thinking"):
            open = self._add(number, THINKING, False)
            find(block, b"thinking", &found)
            self._say(open, &found)
            if open != NULL and find(block, b"signature", &found):
                self._sign(open, &found)
        elif same(type.p, type.n, b"redacted_thinking"):
            open = self._add(number, REDACTED, False)
            if open != NULL:
                prepare(&event, BLOCK_OPEN)
                event.block = REDACTED
                event.index = open.index
                event.b = utf8(b"anthropic", 9)
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
            put_bytes(&open.input, found.p, found.end - found.p)

    cdef void _block_delta(self, const Parts *parts) noexcept:
        cdef OpenBlock *open = self._open_block(number_of(&parts.index))
        cdef Slice type
        cdef Value content
        read_delta(&parts.delta, &type, &content)
        if open == NULL:                        # never started: text and thinking need no start to be understood
            if same(type.p, type.n, b"text_delta"):
                open = self._add(number_of(&parts.index), TEXT, False)
            elif same(type.p, type.n, b"thinking_delta"):
                open = self._add(number_of(&parts.index), THINKING, False)
            else:
                self.skipped += 1
        if open != NULL and open.index >= 0:
            self._typed_delta(open, &type, &content)

    cdef void _typed_delta(self, OpenBlock *open, const Slice *type, const Value *content) noexcept:
        cdef Event event
        if open.block == REDACTED:              # it came whole
            self.skipped += 1
        elif (same(type.p, type.n, b"text_delta") or same(type.p, type.n, b"input_json_delta")
                or same(type.p, type.n, b"thinking_delta")):
            self._say(open, content)
        elif same(type.p, type.n, b"signature_delta"):
            self._sign(open, content)
        elif same(type.p, type.n, b"citations_delta") and is_object(content):
            prepare(&event, CITATION)
            event.block = open.block
            event.index = open.index
            raw_of(content, &event.a)
            self.emit(&event)

    cdef void _sign(self, OpenBlock *open, const Value *signature) noexcept:
        cdef Event event
        prepare(&event, SIGNATURE)
        event.block = open.block
        event.index = open.index
        event.b = utf8(b"anthropic", 9)
        if text_of(signature, &event.a) and event.a.n and not open.signed:
            open.signed = True
            self.emit(&event)

    cdef void _say(self, OpenBlock *open, const Value *content) noexcept:
        """A delta, if the string says something."""
        cdef Slice text
        if open != NULL and text_of(content, &text) and text.n:
            open.fed = True
            self.delta(open.block, open.index, &text)

    cdef void _leave_block(self, OpenBlock *open) noexcept:
        cdef Slice input
        if open == NULL:
            return
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

    cdef void _message_delta(self, const Parts *parts) noexcept:
        cdef Value found
        cdef Slice text
        self._usage(&parts.usage)
        find(&parts.delta, b"stop_sequence", &found)
        if text_of(&found, &text):
            clear(&self.stop_sequence)
            put_string(&self.stop_sequence, &text)
        find(&parts.delta, b"stop_reason", &found)
        if is_string(&found) and found.end - found.p > 2:
            self._stop_reason(&found)
            self._emit_stop()

    cdef void _stop_reason(self, const Value *reason) noexcept:
        self.stop_word = STOP_STOP
        if text_is(reason, b"max_tokens"):
            self.stop_word = STOP_LENGTH
        elif text_is(reason, b"stop_sequence"):
            self.stop_word = STOP_SEQUENCE
        elif text_is(reason, b"tool_use"):
            self.stop_word = STOP_TOOL
        elif text_is(reason, b"pause_turn"):
            self.stop_word = STOP_PAUSE
        elif text_is(reason, b"refusal"):
            self.stop_word = STOP_REFUSAL
        elif text_is(reason, b"model_context_window_exceeded"):
            self.stop_word = STOP_CONTEXT

    cdef void _emit_stop(self) noexcept:
        cdef Event event
        while self.count:
            self._leave_block(&self.blocks[0])
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(self.stop_word, self.called, False)
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

    cdef void _usage(self, const Value *usage) noexcept:
        cdef Event event
        if is_object(usage):
            prepare(&event, USAGE)
            read_anthropic_usage(usage, &self.counts, &event.usage)
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
        open.signed = False
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
