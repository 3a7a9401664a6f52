# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""OpenAI Chat Completions streams, read: ``data:`` chunks up to ``data: [DONE]``."""

from libc.string cimport memset

from omniroute._fast.buffer cimport Buffer, plain_length
from omniroute._fast.calls cimport Calls, Fragment, read_fragment
from omniroute._fast.events cimport (
    CITATION, END, ERROR, REFUSAL, START, STOP, STOP_FILTER, STOP_LENGTH, STOP_NONE, STOP_STOP, STOP_TOOL, TEXT, THINKING, TOOL,
    USAGE, Event, Slice, prepare, settled,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.frames cimport chat_done, chat_error, chat_ping
from omniroute._fast.mould cimport FIXED, IGNORED
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, enter_at, find, integer_of, is_array, is_object, is_string, key_is, leave, measure, next_item,
    next_key, next_member, no_value, raw_of, same, skip_space, step, text_is, text_of,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport HIDDEN, SKIPPED, TAKEN, Decoder
from omniroute._fast.usage cimport read_chat_usage


cdef void read_delta(Walk *walk, Choice *choice) noexcept nogil:
    """Take the object at the walk's position as a choice's delta (or message), and pass it."""
    cdef Walk inner
    cdef Member member
    enter_at(&inner, walk.p, walk.end)
    while next_member(&inner, &member):
        if key_is(&member, b"content"):
            choice.content = member.value
        elif key_is(&member, b"tool_calls"):
            choice.tool_calls = member.value
        elif key_is(&member, b"reasoning_content"):
            choice.reasoning_content = member.value
        elif key_is(&member, b"reasoning"):
            choice.reasoning = member.value
        elif key_is(&member, b"refusal"):
            choice.refusal = member.value
        elif key_is(&member, b"function_call"):
            choice.function_call = member.value
        elif key_is(&member, b"annotations"):
            choice.annotations = member.value
    leave(walk, &inner)


cdef bint read_choice(Walk *walk, Choice *choice) noexcept nogil:
    """Take the choice at the walk's position, and pass it; False if it is no object."""
    cdef Walk inner
    cdef Member member
    cdef Value message = no_value(), other
    cdef bint delta = False
    memset(choice, 0, sizeof(Choice))
    choice.at = walk.p
    if walk.p[0] != c'{':
        measure(walk, &other)
        return False
    enter_at(&inner, walk.p, walk.end)
    while next_key(&inner, &member):
        if key_is(&member, b"delta") and inner.p[0] == c'{':
            delta = True
            read_delta(&inner, choice)
        elif not measure(&inner, &member.value):
            break
        elif key_is(&member, b"finish_reason"):
            choice.reason = member.value
        elif key_is(&member, b"index"):
            integer_of(&member.value, &choice.index)
        elif key_is(&member, b"message"):
            message = member.value
        elif key_is(&member, b"usage"):
            choice.usage = member.value
        elif key_is(&member, b"logprobs"):
            choice.logprobs = member.value
    leave(walk, &inner)
    if not delta and is_object(&message):
        inner.p = message.p
        inner.end = message.end
        read_delta(&inner, choice)
    return True


cdef void read_choices(Walk *walk, Chunk *chunk) noexcept nogil:
    """Take the first choice of the list at the walk's position, and pass the list."""
    cdef Walk inner
    cdef Value other
    chunk.choices = NONE_OF_THEM
    chunk.list.p = walk.p
    enter_at(&inner, walk.p, walk.end)
    while step(&inner):
        if chunk.choices == SOME:
            measure(&inner, &other)
        elif read_choice(&inner, &chunk.choice):
            chunk.choices = SOME
    chunk.list.end = inner.p
    leave(walk, &inner)


cdef const char *read_chunk(const char *p, const char *end, Chunk *chunk) noexcept nogil:
    """Find the parts of a chunk in one pass; the byte behind it, NULL if it is not a JSON object."""
    cdef Walk walk
    cdef Member member
    memset(chunk, 0, sizeof(Chunk))
    if p[0] != c'{':
        return NULL
    enter_at(&walk, p, end)
    while next_key(&walk, &member):
        if key_is(&member, b"choices") and walk.p[0] == c'[':
            read_choices(&walk, chunk)
        elif not measure(&walk, &member.value):
            return NULL
        elif key_is(&member, b"usage"):
            chunk.usage = member.value
        elif key_is(&member, b"id"):
            chunk.id = member.value
        elif key_is(&member, b"model"):
            chunk.model = member.value
        elif key_is(&member, b"error"):
            chunk.error = member.value
        elif key_is(&member, b"detail") or key_is(&member, b"message"):
            chunk.loose = member.value
    if walk.failed:
        return NULL
    return walk.p


cdef class OpenAIChatDecoder(Decoder):
    """Reads the stream of an OpenAI-compatible upstream, with every deviation seen in the field."""

    def __cinit__(self):
        self.calls = Calls()
        self.text = self.thinking = self.refusal = -1
        self.error_terminated = True

    cdef int event(self, const Sse *sse) noexcept:
        cdef Chunk chunk
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        if p == end:
            return SKIPPED
        if end - p >= 6 and same(p, 6, b"[DONE]") and skip_space(p + 6, end) == end:
            self.complete()
            return TAKEN
        chunk.body.end = read_chunk(p, end, &chunk)
        chunk.body.p = p
        if chunk.body.end == NULL or skip_space(chunk.body.end, end) != end:
            self.skipped += 1
            return SKIPPED
        if not self._fault(&chunk, sse.name != NULL and same(sse.name, sse.name_length, b"error")):
            self._chunk(&chunk)
        return HIDDEN if chunk.choices == NONE_OF_THEM and is_object(&chunk.usage) else TAKEN

    cdef void _chunk(self, const Chunk *chunk) noexcept:
        cdef Walk walk
        cdef Choice further
        if not self.begun and (chunk.choices == SOME or is_object(&chunk.usage)):
            self._begin(chunk)
        if chunk.choices == SOME:
            self._choice(&chunk.choice)
            enter(&walk, &chunk.list)
            while step(&walk):
                if read_choice(&walk, &further) and further.at > chunk.choice.at:
                    self._choice(&further)
        if is_object(&chunk.usage):
            self._usage(&chunk.usage)
        if self.stop_word != STOP_NONE and not self.stopped and not self.done:
            self._stop()

    cdef bint _fault(self, const Chunk *chunk, bint named) noexcept:
        """An error chunk; an empty error member (null, false, "", {}) is none."""
        cdef Event event
        cdef Value error = chunk.error
        cdef bint real
        if error.p == NULL and chunk.choices == NO_LIST and chunk.usage.p == NULL and chunk.loose.p != NULL:
            error = chunk.body if is_string(&chunk.loose) else chunk.loose
        real = (is_object(&error) or is_array(&error) or is_string(&error)) and error.end - error.p > 2
        if not real and not named:
            return False
        prepare(&event, ERROR)
        if not real:
            error = chunk.body
        read_fault(&error, &event)
        self.emit(&event)
        return True

    cdef void _begin(self, const Chunk *chunk) noexcept:
        cdef Event event
        self.begun = True
        self.calls.stir(chunk.body.p, chunk.body.end - chunk.body.p)
        prepare(&event, START)
        text_of(&chunk.id, &event.a)
        text_of(&chunk.model, &event.b)
        self.emit(&event)

    cdef void _choice(self, const Choice *choice) noexcept:
        cdef Slice text
        cdef OpenAIChatDecoder other
        cdef Py_ssize_t before
        if self.choice < 0:
            self.choice = choice.index
        if choice.index != self.choice:
            self.touched = True
            other = self.sibling(choice.index)
            if other is not None:
                before = other.tap.output_bytes
                if other.calls.count == 0:
                    other.calls.seed = self.calls.seed + <unsigned long long> other.ordinal
                other._choice(choice)
                if other.stop_word != STOP_NONE:
                    other.end_choice()
                self.heed(other, before)
                return
            if text_of(&choice.content, &text):
                self.tap.output_bytes += plain_length(&text)
            return
        self._delta(choice)
        if is_object(&choice.usage):
            self._usage(&choice.usage)
        self._finish_reason(&choice.reason)

    cdef void _delta(self, const Choice *choice) noexcept:
        cdef Slice text
        cdef Value list
        if is_object(&choice.logprobs) and find(&choice.logprobs, b"content", &list):
            self.weigh(&list)
        if text_of(&choice.reasoning_content, &text) and text.n:
            self._say(THINKING, &text)
        elif text_of(&choice.reasoning, &text) and text.n:      # the same under its other name
            self._say(THINKING, &text)
        if choice.content.p != NULL:
            self._content(&choice.content)
        if is_array(&choice.annotations):
            self._annotations(&choice.annotations)
        if text_of(&choice.refusal, &text) and text.n:
            self.refused = True
            self._say(REFUSAL, &text)
        if is_array(&choice.tool_calls):
            self._tool_calls(&choice.tool_calls)
        if is_object(&choice.function_call):
            self._tool_call(&choice.function_call)

    cdef void _content(self, const Value *content) noexcept:
        """A string, or a list of parts as some upstreams send it."""
        cdef Walk walk
        cdef Walk inner
        cdef Value part, kind, value, piece
        cdef Slice text
        if text_of(content, &text):
            if text.n:
                self._say(TEXT, &text)
            return
        enter(&walk, content)
        while is_array(content) and next_item(&walk, &part):
            if find(&part, b"text", &value) and text_of(&value, &text) and text.n:
                self._say(TEXT, &text)
            elif find(&part, b"type", &kind) and text_is(&kind, b"thinking") and find(&part, b"thinking", &value):
                if text_of(&value, &text) and text.n:
                    self._say(THINKING, &text)
                enter(&inner, &value)
                while is_array(&value) and next_item(&inner, &piece):
                    if find(&piece, b"text", &kind) and text_of(&kind, &text) and text.n:
                        self._say(THINKING, &text)

    cdef void _annotations(self, const Value *list) noexcept:
        cdef Walk walk
        cdef Value item
        cdef Event event
        prepare(&event, CITATION)
        event.block = TEXT
        event.index = self.text
        enter(&walk, list)
        while self.text >= 0 and next_item(&walk, &item):
            raw_of(&item, &event.a)
            if is_object(&item):
                self.emit(&event)

    cdef void _tool_calls(self, const Value *list) noexcept:
        cdef Walk walk
        cdef Value item
        enter(&walk, list)
        while is_array(list) and next_item(&walk, &item):
            self._tool_call(&item)

    cdef void _tool_call(self, const Value *item) noexcept:
        cdef Fragment fragment
        if read_fragment(item, &fragment):
            self.touched = self.touched or fragment.name.n > 0
            self._leave(TOOL)
            self.calls.take(self, &fragment)

    cdef void _say(self, int block, const Slice *text) noexcept:
        """A delta of text, thinking or refusal, in the open block of that kind or in a new one."""
        cdef int *index = &self.text if block == TEXT else &self.thinking if block == THINKING else &self.refusal
        if index[0] < 0:
            self._leave(block)
            self.calls.settle(self)
            index[0] = self.open(block)
        self.delta(block, index[0], text)

    cdef void _leave(self, int block) noexcept:
        """Close the open block of any other kind than ``block``."""
        if self.text >= 0 and block != TEXT:
            self.close(self.text)
            self.text = -1
        if self.thinking >= 0 and block != THINKING:
            self.close(self.thinking)
            self.thinking = -1
        if self.refusal >= 0 and block != REFUSAL:
            self.close(self.refusal)
            self.refusal = -1

    cdef void _finish_reason(self, const Value *word) noexcept:
        cdef int said = STOP_STOP
        if not is_string(word) or word.end - word.p == 2:
            return
        if text_is(word, b"error"):
            self.give_up(502, b"upstream_error", b"The upstream ended its answer with an error.")
            return
        if text_is(word, b"tool_calls") or text_is(word, b"function_call"):
            said = STOP_TOOL
        elif text_is(word, b"length"):
            said = STOP_LENGTH
        elif text_is(word, b"content_filter"):
            said = STOP_FILTER
        self.touched = True
        if self.stop_word == STOP_NONE or said != STOP_STOP:
            self.stop_word = said

    cdef void _usage(self, const Value *usage) noexcept:
        cdef Event event
        prepare(&event, USAGE)
        read_chat_usage(usage, &event.usage)
        self.emit(&event)

    cdef void _stop(self) noexcept:
        """Close what is open and say how the answer ended."""
        cdef Event event
        self._leave(-1)
        self.calls.finish(self)
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(self.stop_word, self.calls.opened > 0, self.refused)
        self.emit(&event)

    cdef void end_choice(self) noexcept:
        if not self.stopped and not self.done:
            self._stop()

    cdef void complete(self) noexcept:
        cdef Event event
        self.end_siblings()
        self._stop()        # again if content followed the finish chunk: the last word counts
        prepare(&event, END)
        self.emit(&event)

    cdef int role(self, const char *key, Py_ssize_t n) noexcept:
        return IGNORED if same(key, n, b"obfuscation") or same(key, n, b"created") else FIXED

    cdef void again(self, int block, int index, const Slice *text) noexcept:
        if block == TOOL:
            self.calls.more(self, index, text)
        else:
            self.delta(block, index, text)

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        chat_error(out, error)

    cdef void write_terminator(self, Buffer *out) noexcept:
        chat_done(out)

    cdef void write_ping(self, Buffer *out, bint comments) noexcept:
        if comments:
            chat_ping(out)
