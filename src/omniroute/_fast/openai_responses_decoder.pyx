# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""OpenAI Responses streams, read: items and their parts, each told in deltas, or whole at its end, or both."""

from libc.stdlib cimport free, realloc
from libc.string cimport memset

from omniroute._fast.buffer cimport Buffer, clear, put_bytes, put_hex, put_int, put_string, puts, release
from omniroute._fast.events cimport (
    BLOCK_OPEN, CITATION, END, ERROR, EXTRA, JSON, MEDIA, REFUSAL, SIGNATURE, START, STOP, STOP_FILTER, STOP_LENGTH, STOP_STOP,
    TEXT, THINKING, TOOL, USAGE, Event, Slice, prepare, settled, utf8,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.frames cimport chat_ping, responses_failure
from omniroute._fast.mould cimport COUNT, FIXED, IGNORED
from omniroute._fast.openai_responses_parts cimport Parts, begins, bit_of, content_of, number_of, put_whole, read_parts
from omniroute._fast.scan cimport (
    Value, Walk, enter, find, integer_of, is_object, next_item, raw_of, same, skip_space, text_is, text_of,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder
from omniroute._fast.usage cimport read_responses_usage


cdef class OpenAIResponsesDecoder(Decoder):
    """Reads the stream of a Responses upstream."""

    def __cinit__(self):
        self.index = -1

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            release(&self.outputs[i].id)
            release(&self.outputs[i].name)
            release(&self.outputs[i].waiting)
        free(self.outputs)
        release(&self.items)
        release(&self.whole)

    cdef int event(self, const Sse *sse) noexcept:
        cdef Parts parts
        cdef Slice type
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        if p == end or (end - p >= 6 and same(p, 6, b"[DONE]")):
            return SKIPPED
        parts.body.end = read_parts(p, end, &parts)
        parts.body.p = p
        if parts.body.end == NULL or skip_space(parts.body.end, end) != end:
            self.skipped += 1
            return SKIPPED
        if not text_of(&parts.type, &type) or type.n == 0:      # the event's name says the same
            type.p = sse.name
            type.n = sse.name_length
        if integer_of(&parts.sequence_number, &self.sequence):
            self.counted(self.sequence)
        self._dispatch(&type, &parts)
        return TAKEN

    cdef void _dispatch(self, const Slice *type, const Parts *parts) noexcept:
        cdef Slice word = type[0]
        cdef long long part = number_of(&parts.content_index, 0)
        cdef long long summary = number_of(&parts.summary_index, 0)
        if not begins(type, b"response.", 9):
            if same(type.p, type.n, b"error") or type.n == 0:
                self._fault(&parts.body)
            return
        word.p += 9
        word.n -= 9
        if same(word.p, word.n, b"output_text.delta"):
            self._say(self._output(&parts.output_index, TEXT), TEXT, part, &parts.delta, &parts.logprobs, False)
        elif same(word.p, word.n, b"output_text.done"):
            self._say(self._output(&parts.output_index, TEXT), TEXT, part, &parts.text, &parts.logprobs, True)
        elif same(word.p, word.n, b"refusal.delta"):
            self._say(self._output(&parts.output_index, TEXT), REFUSAL, part, &parts.delta, NULL, False)
        elif same(word.p, word.n, b"refusal.done"):
            self._say(self._output(&parts.output_index, TEXT), REFUSAL, part, &parts.refusal, NULL, True)
        elif same(word.p, word.n, b"reasoning_summary_text.delta"):
            self._think(self._output(&parts.output_index, THINKING), summary, False, &parts.delta, False)
        elif same(word.p, word.n, b"reasoning_summary_text.done"):
            self._think(self._output(&parts.output_index, THINKING), summary, False, &parts.text, True)
        elif same(word.p, word.n, b"reasoning_text.delta"):
            self._think(self._output(&parts.output_index, THINKING), part, True, &parts.delta, False)
        elif same(word.p, word.n, b"reasoning_text.done"):
            self._think(self._output(&parts.output_index, THINKING), part, True, &parts.text, True)
        elif same(word.p, word.n, b"function_call_arguments.delta") or same(word.p, word.n, b"custom_tool_call_input.delta"):
            self._arguments(self._output(&parts.output_index, TOOL), &parts.delta, False)
        elif same(word.p, word.n, b"function_call_arguments.done"):
            self._arguments(self._output(&parts.output_index, TOOL), &parts.arguments, True)
        elif same(word.p, word.n, b"custom_tool_call_input.done"):
            self._arguments(self._output(&parts.output_index, TOOL), &parts.input, True)
        elif same(word.p, word.n, b"output_text.annotation.added"):
            self._annotation(parts)
        elif same(word.p, word.n, b"output_item.added"):
            self._item(parts, False)
        elif same(word.p, word.n, b"output_item.done"):
            self._item(parts, True)
        else:
            self._lifecycle(&word, parts)

    cdef void _lifecycle(self, const Slice *word, const Parts *parts) noexcept:
        """What concerns the response as a whole; everything else is OpenAI's own."""
        cdef Event event
        cdef Value found, reason
        cdef int said = STOP_STOP
        if not is_object(&parts.response):
            if not (begins(word, b"content_part.", 13) or begins(word, b"reasoning_summary_part.", 23)):
                self._extra(parts)
            return
        self._begin(&parts.response)
        if find(&parts.response, b"usage", &found) and is_object(&found):
            prepare(&event, USAGE)
            read_responses_usage(&found, &event.usage)
            self.emit(&event)
        find(&parts.response, b"status", &found)
        if same(word.p, word.n, b"failed") or text_is(&found, b"failed"):
            find(&parts.response, b"error", &found)
            self._fault(&found)
            return
        if same(word.p, word.n, b"incomplete") or text_is(&found, b"incomplete"):
            said = STOP_LENGTH          # whatever cut it: it must not look finished
            find(&parts.response, b"incomplete_details", &found)
            if find(&found, b"reason", &reason) and text_is(&reason, b"content_filter"):
                said = STOP_FILTER
        elif not (same(word.p, word.n, b"completed") or same(word.p, word.n, b"done")):
            return
        self._unseen(&parts.response)
        if self.encoder is not None:
            put_whole(&self.whole, &parts.response, &self.items)
            prepare(&event, EXTRA)
            event.a = content_of(&self.whole)
            event.a.form = JSON
            self.emit(&event)
        self._stop(said)

    cdef void _begin(self, const Value *response) noexcept:
        cdef Event event
        cdef Value found
        if self.begun:
            return
        self.begun = True
        prepare(&event, START)
        if response != NULL and is_object(response):
            find(response, b"id", &found)
            text_of(&found, &event.a)
            find(response, b"model", &found)
            text_of(&found, &event.b)
            find(response, b"created_at", &found)
            integer_of(&found, &self.created)
        self.emit(&event)

    cdef void _fault(self, const Value *body) noexcept:
        cdef Event event
        prepare(&event, ERROR)
        read_fault(body, &event)
        if same(event.b.p, event.b.n, b"error"):
            event.b.n = 0
        self.emit(&event)

    # -- items -------------------------------------------------------------------------------------------------------------

    cdef Output *_output(self, const Value *index, int kind) noexcept:
        """The item an event speaks of, made if it was never added; NULL for one that is of another kind or over."""
        cdef long long number = number_of(index, -1)
        cdef Output *output = NULL
        cdef int i
        for i in range(self.count - 1, -1, -1):
            if self.outputs[i].number == number and (number >= 0 or not self.outputs[i].over):
                output = &self.outputs[i]
                break
        if output == NULL:
            output = self._add(number)
        if output == NULL:
            return NULL
        if output.kind == UNKNOWN:
            output.kind = kind
        if kind != UNKNOWN and (output.kind != kind or output.over):
            self.skipped += 1
            return NULL
        return output

    cdef Output *_add(self, long long number) noexcept:
        cdef Output *grown
        cdef Output *output
        cdef int room = self.room * 2 if self.room else 8
        self._begin(NULL)
        if self.count == self.room:
            grown = NULL
            if room <= MOST_OUTPUTS:
                grown = <Output *> realloc(self.outputs, <size_t> room * sizeof(Output))
            if grown == NULL:
                self.give_up(502, b"upstream_bad_answer", b"The upstream's stream has more items than can be held.")
                return NULL
            self.outputs = grown
            self.room = room
        output = &self.outputs[self.count]
        memset(output, 0, sizeof(Output))
        output.number = number
        output.kind = UNKNOWN
        output.block = -1
        self.count += 1
        return output

    cdef void _leave(self) noexcept:
        """Close the open block that is no call."""
        if self.index >= 0:
            self.close(self.index)
            self.index = -1

    cdef void _enter(self, Output *output, int block, long long part) noexcept:
        """Open the block of that part, unless it is open."""
        if self.index >= 0 and self.block == block and self.number == output.number and self.part == part:
            return
        self._leave()
        self.block = block
        self.number = output.number
        self.part = part
        self.index = self.open(block)

    cdef void _say(
        self, Output *output, int block, long long part, const Value *content, const Value *logprobs, bint whole
    ) noexcept:
        """Text or refusal of a message. ``whole`` text only counts where no delta came."""
        cdef Slice text
        if output == NULL or (whole and output.told & bit_of(part)):
            return
        if logprobs != NULL and logprobs.end - logprobs.p > 2:
            self.weigh(logprobs)
        if not text_of(content, &text) or text.n == 0:
            return
        output.told |= bit_of(part)
        self.refused = self.refused or block == REFUSAL
        self._enter(output, block, part)
        self.delta(block, self.index, &text)

    cdef void _think(self, Output *output, long long part, bint raw, const Value *content, bint whole) noexcept:
        """Reasoning: its summary, or the raw text, whichever came first. Its parts are paragraphs of one block."""
        cdef Slice text
        cdef Slice gap = utf8(b"\n\n", 2)
        if output == NULL or not text_of(content, &text) or text.n == 0 or (whole and output.told & bit_of(part)):
            return
        if output.told and output.raw != raw:
            return
        self._enter(output, THINKING, 0)
        if output.told and output.part != part:
            self.delta(THINKING, self.index, &gap)
        output.raw = raw
        output.part = part
        output.told |= bit_of(part)
        self.delta(THINKING, self.index, &text)

    cdef void _arguments(self, Output *output, const Value *content, bint whole) noexcept:
        cdef Slice text
        if output == NULL or (whole and output.told):
            return
        if not text_of(content, &text) and is_object(content):
            raw_of(content, &text)
        if text.n:
            output.told = 1
            self._feed_call(output, &text)

    cdef void _feed_call(self, Output *output, const Slice *text) noexcept:
        cdef Slice inner = text[0]
        if output.block < 0:
            put_string(&output.waiting, text)
            return
        if output.custom:
            inner = utf8(text.p, text.n)    # escaped once more by the writer: a string inside of the arguments string
        self.delta(TOOL, output.block, &inner)

    cdef void _open_call(self, Output *output) noexcept:
        cdef Event event
        cdef Slice text
        self._leave()
        prepare(&event, BLOCK_OPEN)
        event.block = TOOL
        event.index = output.block = self.next_block
        event.a = content_of(&output.id)
        event.b = content_of(&output.name)
        self.next_block += 1
        self.called = True
        self.emit(&event)
        if output.custom:
            text = utf8(b'{"input":"', 10)
            self.delta(TOOL, output.block, &text)
        if output.waiting.size:
            text = content_of(&output.waiting)
            self._feed_call(output, &text)
            release(&output.waiting)

    cdef void _close_call(self, Output *output) noexcept:
        cdef Slice text
        if output.over:
            return
        output.over = True
        if output.block < 0:
            if output.name.size == 0 and output.waiting.size == 0:
                return
            if output.name.size == 0:
                puts(&output.name, b"tool_")
                put_int(&output.name, output.number if output.number >= 0 else self.next_block)
            self._open_call(output)
        if output.custom:
            text = utf8(b'"}', 2)
            self.delta(TOOL, output.block, &text)
        self.close(output.block)

    cdef void _annotation(self, const Parts *parts) noexcept:
        cdef Event event
        if self.index < 0 or self.block != TEXT or not is_object(&parts.annotation):
            return
        prepare(&event, CITATION)
        event.block = TEXT
        event.index = self.index
        raw_of(&parts.annotation, &event.a)
        self.emit(&event)

    cdef void _item(self, const Parts *parts, bint over) noexcept:
        """An item is added, or it is over and stands there whole."""
        cdef Value found
        cdef Slice type
        cdef Output *output
        find(&parts.item, b"type", &found)
        if not text_of(&found, &type):
            self.skipped += 1
            return
        output = self._output(&parts.output_index, UNKNOWN)
        if output == NULL or output.over:
            return
        if same(type.p, type.n, b"message"):
            output.kind = TEXT
        elif same(type.p, type.n, b"reasoning"):
            output.kind = THINKING
        elif same(type.p, type.n, b"function_call") or same(type.p, type.n, b"custom_tool_call"):
            output.kind = TOOL
            self._name_call(output, &parts.item, &type)
        elif not over or not same(type.p, type.n, b"image_generation_call"):
            self._extra(parts)
        if over:
            if self.encoder is not None:
                put_bytes(&self.items, parts.item.p, parts.item.end - parts.item.p)
                puts(&self.items, b",")
            self._finish_item(output, &parts.item, &type)

    cdef void _name_call(self, Output *output, const Value *item, const Slice *type) noexcept:
        """What the item says of a call that is not open yet; with a name it can be opened."""
        cdef Value found
        cdef Slice text
        cdef unsigned long long seed = 0xCBF29CE484222325
        cdef Py_ssize_t i
        if output.block >= 0:
            return
        output.custom = same(type.p, type.n, b"custom_tool_call")
        clear(&output.id)
        if not (find(item, b"call_id", &found) and text_of(&found, &text) and text.n):
            find(item, b"id", &found)
            text_of(&found, &text)
        put_bytes(&output.id, text.p, text.n)
        find(item, b"name", &found)
        if not text_of(&found, &text) or text.n == 0:
            return
        clear(&output.name)
        if find(item, b"namespace", &found) and text_of(&found, &text) and text.n:
            put_bytes(&output.name, text.p, text.n)
            puts(&output.name, b"__")
        find(item, b"name", &found)
        text_of(&found, &text)
        put_bytes(&output.name, text.p, text.n)
        if output.id.size == 0:
            for i in range(self.tap.response_id.size):
                seed = (seed ^ <unsigned char> self.tap.response_id.data[i]) * <unsigned long long> 0x100000001B3
            puts(&output.id, b"call_")
            put_hex(&output.id, seed + <unsigned long long> self.next_block, 16)
        self._open_call(output)

    cdef void _finish_item(self, Output *output, const Value *item, const Slice *type) noexcept:
        """Take from the finished item what no delta told."""
        cdef Walk walk
        cdef Value list, part, found, odds
        cdef long long number = 0
        if output.kind == TOOL:
            find(item, b"input" if output.custom else b"arguments", &found)
            self._arguments(output, &found, True)
            self._close_call(output)
        elif output.kind == TEXT:
            find(item, b"content", &list)
            enter(&walk, &list)
            while next_item(&walk, &part):
                if find(&part, b"refusal", &found):
                    self._say(output, REFUSAL, number, &found, NULL, True)
                elif find(&part, b"text", &found):
                    find(&part, b"logprobs", &odds)
                    self._say(output, TEXT, number, &found, &odds, True)
                number += 1
            if self.number == output.number:
                self._leave()
        elif output.kind == THINKING:
            self._finish_reasoning(output, item)
        elif same(type.p, type.n, b"image_generation_call"):
            self._image(item)
        output.over = True

    cdef void _finish_reasoning(self, Output *output, const Value *item) noexcept:
        """The proof is only valid here."""
        cdef Event event
        cdef Walk walk
        cdef Value list, part, found
        cdef long long number
        cdef int raw
        for raw in range(2):
            number = 0
            find(item, b"content" if raw else b"summary", &list)
            enter(&walk, &list)
            while next_item(&walk, &part):
                if find(&part, b"text", &found):
                    self._think(output, number, raw, &found, True)
                number += 1
        prepare(&event, SIGNATURE)
        event.block = THINKING
        if find(item, b"encrypted_content", &found) and text_of(&found, &event.a) and event.a.n:
            self._enter(output, THINKING, 0)
            event.index = self.index
            event.b = utf8(b"openai_responses", 16)
            self.emit(&event)
        if self.block == THINKING and self.number == output.number:
            self._leave()

    cdef void _image(self, const Value *item) noexcept:
        cdef Event event
        cdef Value found
        prepare(&event, MEDIA)
        find(item, b"result", &found)
        if not text_of(&found, &event.b) or event.b.n == 0:
            return
        self._leave()
        event.a = utf8(b"image/png", 9)
        find(item, b"output_format", &found)
        if text_is(&found, b"jpeg"):
            event.a = utf8(b"image/jpeg", 10)
        elif text_is(&found, b"webp"):
            event.a = utf8(b"image/webp", 10)
        event.index = self.next_block
        self.next_block += 1
        self.emit(&event)

    # -- the end -----------------------------------------------------------------------------------------------------------

    cdef void _unseen(self, const Value *response) noexcept:
        """The items of a response of which nothing was streamed."""
        cdef Parts parts
        cdef Walk walk
        cdef Value list
        if self.count:
            return
        memset(&parts, 0, sizeof(Parts))
        find(response, b"output", &list)
        enter(&walk, &list)
        while next_item(&walk, &parts.item):
            parts.body = parts.item
            self._item(&parts, True)

    cdef void _stop(self, int said) noexcept:
        """Close what is open and end the answer: nothing follows its terminal event."""
        cdef Event event
        cdef int i
        self._leave()
        for i in range(self.count):
            if self.outputs[i].kind == TOOL:
                self._close_call(&self.outputs[i])
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(said, self.called, self.refused)
        self.emit(&event)
        self.complete()

    cdef void complete(self) noexcept:
        cdef Event event
        prepare(&event, END)
        self.emit(&event)

    cdef void _extra(self, const Parts *parts) noexcept:
        cdef Event event
        prepare(&event, EXTRA)
        raw_of(&parts.body, &event.a)
        self.emit(&event)

    cdef int role(self, const char *key, Py_ssize_t n) noexcept:
        return COUNT if same(key, n, b"sequence_number") else IGNORED if same(key, n, b"obfuscation") else FIXED

    cdef void counted(self, long long number) noexcept:
        self.sequence = number + 1

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        cdef Slice id = utf8(self.tap.response_id.data, self.tap.response_id.size)
        cdef Slice model = utf8(self.tap.response_model.data, self.tap.response_model.size)
        responses_failure(out, &id, &model, self.created, self.sequence, error)

    cdef void write_ping(self, Buffer *out, bint comments) noexcept:
        if comments:
            chat_ping(out)
