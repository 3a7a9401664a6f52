# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Ollama chat streams, read: one JSON object per line, the last one ``done``."""

from libc.string cimport memset, strlen

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.calls cimport Calls, Fragment, read_fragment
from omniroute._fast.events cimport (
    END, ERROR, MEDIA, START, STOP, STOP_LENGTH, STOP_STOP, TEXT, THINKING, TOOL, USAGE, Event, Slice, prepare, settled, utf8,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.mould cimport FIXED, IGNORED
from omniroute._fast.ndjson cimport Lines
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, enter_at, integer_of, is_array, is_object, is_string, key_is, next_item, next_member, same,
    skip_space, text_is, text_of,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder


cdef const char *read_line(const char *p, const char *end, Line *line) noexcept nogil:
    """Find the parts of a line in one pass; the byte behind it, NULL if it is not a JSON object."""
    cdef Walk walk
    cdef Member member
    memset(line, 0, sizeof(Line))
    if p[0] != c'{':
        return NULL
    enter_at(&walk, p, end)
    while next_member(&walk, &member):
        if key_is(&member, b"message"):
            line.message = member.value
        elif key_is(&member, b"model"):
            line.model = member.value
        elif key_is(&member, b"done"):
            line.done = member.value
        elif key_is(&member, b"done_reason"):
            line.reason = member.value
        elif key_is(&member, b"prompt_eval_count"):
            line.asked = member.value
        elif key_is(&member, b"eval_count"):
            line.answered = member.value
        elif key_is(&member, b"error"):
            line.error = member.value
        elif key_is(&member, b"logprobs"):
            line.logprobs = member.value
    line.body.p = p
    line.body.end = walk.p
    if walk.failed:
        return NULL
    return walk.p


cdef inline const char *image_type(const Slice *data) noexcept nogil:
    """MIME type of an image by the first characters of its base64 text, five at least."""
    if same(data.p, 4, b"/9j/"):
        return b"image/jpeg"
    if same(data.p, 4, b"R0lG"):
        return b"image/gif"
    return b"image/webp" if same(data.p, 4, b"UklG") else b"image/png"


cdef class OllamaDecoder(Decoder):
    """Reads the lines of an Ollama upstream."""

    def __cinit__(self):
        self.splitter = Lines()
        self.calls = Calls()
        self.text = self.thinking = -1

    cdef int event(self, const Sse *sse) noexcept:
        cdef Line line
        cdef Event event
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        cdef const char *behind
        if p == end:
            return SKIPPED
        behind = read_line(p, end, &line)
        if behind == NULL or skip_space(behind, end) != end:
            self.skipped += 1
            return SKIPPED
        if (is_object(&line.error) or is_string(&line.error)) and line.error.end - line.error.p > 2:
            prepare(&event, ERROR)
            read_fault(&line.error, &event)
            self.emit(&event)
            return TAKEN
        if not self.begun and (is_object(&line.message) or line.done.p != NULL):
            self._begin(&line)
        self.weigh(&line.logprobs)
        if is_object(&line.message):
            self._message(&line.message)
        if line.done.p != NULL and line.done.p[0] == c't':
            self._done(&line)
        return TAKEN

    cdef void _begin(self, const Line *line) noexcept:
        cdef Event event
        self.begun = True
        self.calls.stir(line.body.p, line.body.end - line.body.p)
        prepare(&event, START)
        text_of(&line.model, &event.b)
        self.emit(&event)

    cdef void _message(self, const Value *message) noexcept:
        """Thinking comes before the text and the calls that it led to, whatever the order of the members."""
        cdef Walk walk
        cdef Member member
        cdef Value content, thinking, images, calls
        memset(&content, 0, sizeof(Value))
        memset(&thinking, 0, sizeof(Value))
        memset(&images, 0, sizeof(Value))
        memset(&calls, 0, sizeof(Value))
        enter(&walk, message)
        while next_member(&walk, &member):
            if key_is(&member, b"content"):
                content = member.value
            elif key_is(&member, b"thinking"):
                thinking = member.value
            elif key_is(&member, b"images"):
                images = member.value
            elif key_is(&member, b"tool_calls"):
                calls = member.value
        self._say(THINKING, &thinking)
        self._say(TEXT, &content)
        if is_array(&images):
            self._images(&images)
        if is_array(&calls):
            self._tool_calls(&calls)

    cdef void _images(self, const Value *list) noexcept:
        cdef Walk walk
        cdef Value item
        cdef Event event
        cdef const char *mime
        enter(&walk, list)
        while next_item(&walk, &item):
            prepare(&event, MEDIA)
            if text_of(&item, &event.b) and event.b.n > 4:
                self._leave(-1)
                mime = image_type(&event.b)
                event.a = utf8(mime, <Py_ssize_t> strlen(mime))
                event.index = self.next_block
                self.next_block += 1
                self.emit(&event)

    cdef void _tool_calls(self, const Value *list) noexcept:
        """Every entry is a whole call."""
        cdef Walk walk
        cdef Value item
        cdef Fragment fragment
        enter(&walk, list)
        while next_item(&walk, &item):
            if read_fragment(&item, &fragment):
                self._leave(TOOL)
                self.calls.take(self, &fragment)
        self.calls.settle(self)

    cdef void _say(self, int block, const Value *content) noexcept:
        """A delta of text or thinking, in the open block of that kind or in a new one."""
        cdef int *index = &self.text if block == TEXT else &self.thinking
        cdef Slice said
        if not text_of(content, &said) or said.n == 0:
            return
        if index[0] < 0:
            self._leave(block)
            index[0] = self.open(block)
        self.delta(block, index[0], &said)

    cdef void _leave(self, int block) noexcept:
        """Close the open block of any other kind than ``block``."""
        if self.text >= 0 and block != TEXT:
            self.close(self.text)
            self.text = -1
        if self.thinking >= 0 and block != THINKING:
            self.close(self.thinking)
            self.thinking = -1

    cdef void _done(self, const Line *line) noexcept:
        cdef Event event
        prepare(&event, USAGE)
        integer_of(&line.asked, &event.usage.input)
        integer_of(&line.answered, &event.usage.output)
        if event.usage.input >= 0 or event.usage.output >= 0:
            self.emit(&event)
        self.stop_word = STOP_LENGTH if text_is(&line.reason, b"length") else STOP_STOP
        self.complete()

    cdef void complete(self) noexcept:
        cdef Event event
        self._leave(-1)
        self.calls.finish(self)
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(self.stop_word, self.calls.opened > 0, False)
        self.emit(&event)
        prepare(&event, END)
        self.emit(&event)

    cdef int role(self, const char *key, Py_ssize_t n) noexcept:
        return IGNORED if same(key, n, b"created_at") else FIXED

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        ollama_error(out, error)
