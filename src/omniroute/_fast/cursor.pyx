# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""StreamUnifiedChatWithTools, read: protobuf messages in Connect envelopes, and a JSON trailer that says how it ended.

The messages and the numbers of their fields (what is not named here is passed over):

    StreamUnifiedChatResponseWithTools  1 ClientSideToolV2Call, 2 StreamUnifiedChatResponse
    StreamUnifiedChatResponse           1 text, 22 server bubble id, 25 Thinking
    Thinking                            1 text, 2 signature, 3 redacted
    ClientSideToolV2Call                3 call id, 9 name, 10 raw arguments, 15 is the last message, 27 MCPParams
    MCPParams                           1 tools: 1 name, 3 parameters
"""

from libc.string cimport memchr, memcmp, memset

from omniroute._fast.buffer cimport clear, put_bytes, put_string, puts, release
from omniroute._fast.calls cimport Fragment
from omniroute._fast.connect cimport Envelopes
from omniroute._fast.events cimport ERROR, ESCAPED, TEXT, THINKING, TOOL, Event, Slice, prepare, utf8
from omniroute._fast.framed cimport FramedDecoder
from omniroute._fast.protobuf cimport NUMERIC, TEXTUAL, Field, Fields, enter_message, next_field
from omniroute._fast.scan cimport Value, Walk, enter, find, is_object, next_item, skip_space, text_is, text_of, value_end
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport TAKEN, Decoder


cdef enum:
    LONGEST_MESSAGE = 2000

cdef const char *VENDOR = b"cursor"
cdef const char *PREFIX = b"mcp_custom_"        # before the names of tools that were given under the server name "custom"


cdef int status_of_code(const Value *code) noexcept nogil:
    """The HTTP status of a Connect error code, as the protocol has it."""
    if text_is(code, b"resource_exhausted"):
        return 429
    if text_is(code, b"unauthenticated"):
        return 401
    if text_is(code, b"permission_denied"):
        return 403
    if text_is(code, b"unavailable"):
        return 503
    if text_is(code, b"invalid_argument") or text_is(code, b"failed_precondition") or text_is(code, b"out_of_range"):
        return 400
    if text_is(code, b"not_found"):
        return 404
    if text_is(code, b"aborted") or text_is(code, b"already_exists"):
        return 409
    if text_is(code, b"deadline_exceeded"):
        return 504
    if text_is(code, b"canceled"):
        return 499
    return 500


cdef inline Slice plain(const Field *field) noexcept nogil:
    return utf8(field.p, field.n)


cdef inline bint json_object(const char *p, Py_ssize_t n, Value *value) noexcept nogil:
    """Whether the bytes are one JSON object; no protobuf message begins like one."""
    value.p = skip_space(p, p + n)
    value.end = value_end(value.p, p + n)
    return value.end != NULL and is_object(value) and skip_space(value.end, p + n) == p + n


cdef class CursorDecoder(FramedDecoder):
    """Reads the envelopes of a Cursor upstream."""

    def __cinit__(self):
        self.splitter = Envelopes()

    def __dealloc__(self):
        release(&self.id)
        release(&self.name)
        release(&self.explanation)

    cdef int event(self, const Sse *sse) noexcept:
        cdef Value value, error
        self.touched = True         # never recognised by its shape: lengths stand in it
        if (<Envelopes> self.splitter).trailer:
            self._trailer(sse)
        elif json_object(sse.data, sse.data_length, &value):
            if find(&value, b"error", &error) and is_object(&error):
                self._fault(&error)
            else:
                self.skipped += 1
        elif not self._message(sse):
            self.give_up(502, b"upstream_bad_answer", b"A message of the upstream's stream cannot be read.")
        return TAKEN

    cdef bint _message(self, const Sse *sse) noexcept:
        """One message; False if it is none."""
        cdef Fields fields
        cdef Field field
        self.calls.stir(sse.data, sse.data_length)
        enter_message(&fields, sse.data, sse.data_length)
        while next_field(&fields, &field):
            if field.wire != TEXTUAL:
                continue
            if field.number == 1 and not self._call(field.p, field.n):
                return False
            if field.number == 2 and not self._response(field.p, field.n):
                return False
        return not fields.failed

    cdef bint _response(self, const char *p, Py_ssize_t n) noexcept:
        cdef Fields fields
        cdef Field field
        cdef Slice said = utf8(NULL, 0)
        cdef Slice id
        enter_message(&fields, p, n)
        while next_field(&fields, &field):
            if field.wire != TEXTUAL:
                continue
            if field.number == 1:
                said = plain(&field)
            elif field.number == 22 and field.n:
                id = plain(&field)
                self.begin(&id, NULL)
            elif field.number == 25 and not self._thought(field.p, field.n):
                return False
        if said.n:
            self.stopped = False        # whatever seemed to be the last word
            self.say(TEXT, &said)
        return not fields.failed

    cdef bint _thought(self, const char *p, Py_ssize_t n) noexcept:
        cdef Fields fields
        cdef Field field
        cdef Slice part
        enter_message(&fields, p, n)
        while next_field(&fields, &field):
            if field.wire != TEXTUAL or field.n == 0:
                continue
            part = plain(&field)
            if field.number == 1:
                self.say(THINKING, &part)
            elif field.number == 2:
                self.sign(&part, VENDOR)
            elif field.number == 3:
                self.withhold(&part, VENDOR)
        return not fields.failed

    cdef bint _call(self, const char *p, Py_ssize_t n) noexcept:
        """A fragment of a call. What the tool's own parameters say wins over the text beside them."""
        cdef Fields fields, inner, tool
        cdef Field field, entry, member
        cdef Slice id = utf8(NULL, 0)
        cdef Slice name = utf8(NULL, 0)
        cdef Slice arguments = utf8(NULL, 0)
        cdef Slice own_name = utf8(NULL, 0)
        cdef Slice own_arguments = utf8(NULL, 0)
        cdef bint last = False
        enter_message(&fields, p, n)
        while next_field(&fields, &field):
            if field.wire == NUMERIC and field.number == 15:
                last = field.value != 0
            elif field.wire != TEXTUAL:
                continue
            elif field.number == 3:
                id = plain(&field)
            elif field.number == 9:
                name = plain(&field)
            elif field.number == 10:
                arguments = plain(&field)
            elif field.number == 27:
                enter_message(&inner, field.p, field.n)
                while next_field(&inner, &entry):
                    if entry.number != 1 or entry.wire != TEXTUAL or own_name.n or own_arguments.n:
                        continue
                    enter_message(&tool, entry.p, entry.n)
                    while next_field(&tool, &member):
                        if member.wire == TEXTUAL and member.number == 1:
                            own_name = plain(&member)
                        elif member.wire == TEXTUAL and member.number == 3:
                            own_arguments = plain(&member)
                    if tool.failed:
                        return False
                if inner.failed:
                    return False
        if fields.failed:
            return False
        if name.n > 11 and memcmp(name.p, PREFIX, 11) == 0:
            name = utf8(name.p + 11, name.n - 11)
        self._fragment(&id, &own_name if own_name.n else &name, &own_arguments if own_arguments.n else &arguments)
        if last:
            self.calls.settle(self)
        self.stopped = last and not self.cut()      # then the service waits for results, which come with another request
        return True

    cdef void _fragment(self, const Slice *id, const Slice *name, const Slice *arguments) noexcept:
        cdef Fragment fragment
        cdef Slice first = id[0]
        cdef const char *feed = <const char *> memchr(id.p, c'\n', <size_t> id.n) if id.n else NULL
        if feed != NULL:
            first.n = feed - id.p       # what follows names the call of the model behind it
        if first.n == 0 and name.n == 0 and arguments.n == 0:
            return
        clear(&self.id)
        clear(&self.name)
        put_string(&self.id, &first)
        put_string(&self.name, name)
        memset(&fragment, 0, sizeof(Fragment))
        fragment.number = -1
        fragment.id.p = self.id.data
        fragment.id.n = self.id.size
        fragment.name.p = self.name.data
        fragment.name.n = self.name.size
        fragment.id.form = fragment.name.form = ESCAPED
        fragment.arguments = arguments[0]
        if self.id.failed or self.name.failed:
            self.splitter.held.failed = True
            return
        self.heard = True
        self.begin(NULL, NULL)
        self.leave(TOOL)
        self.calls.take(self, &fragment)

    cdef void _trailer(self, const Sse *sse) noexcept:
        """The end, or why there is none."""
        cdef Value value, error
        if not json_object(sse.data, sse.data_length, &value):
            self.give_up(502, b"upstream_bad_answer", b"The end of the upstream's stream cannot be read.")
        elif find(&value, b"error", &error) and is_object(&error):
            self._fault(&error)
        else:
            self.complete()

    cdef void _fault(self, const Value *error) noexcept:
        cdef Event event
        cdef Value code
        prepare(&event, ERROR)
        find(error, b"code", &code)
        text_of(&code, &event.b)
        event.status = status_of_code(&code)
        self._explain(error)
        event.a.p = self.explanation.data
        event.a.n = self.explanation.size if self.explanation.size < LONGEST_MESSAGE else LONGEST_MESSAGE
        event.a.form = ESCAPED
        if event.a.n == 0:
            event.a = utf8(b"The upstream reported an error without a message.", 49)
        self.emit(&event)

    cdef void _explain(self, const Value *error) noexcept:
        """Title and detail where they are told, since the message is often a single word; and the service's own word for it."""
        cdef Value details, item, debug, told, found
        cdef Walk walk
        cdef Slice title, detail, word
        clear(&self.explanation)
        memset(&title, 0, sizeof(Slice))
        detail = word = title
        find(error, b"details", &details)
        enter(&walk, &details)
        while word.n == 0 and title.n == 0 and next_item(&walk, &item):
            if not find(&item, b"debug", &debug):
                continue
            if find(&debug, b"error", &found):
                text_of(&found, &word)
            if find(&debug, b"details", &told):
                if find(&told, b"title", &found):
                    text_of(&found, &title)
                if find(&told, b"detail", &found):
                    text_of(&found, &detail)
        if title.n == 0 and detail.n == 0 and find(error, b"message", &found):
            text_of(&found, &title)
        put_bytes(&self.explanation, title.p, title.n)
        if title.n and detail.n:
            puts(&self.explanation, b": ")
        put_bytes(&self.explanation, detail.p, detail.n)
        if word.n:
            puts(&self.explanation, b" (" if self.explanation.size else b"(")
            put_bytes(&self.explanation, word.p, word.n)
            puts(&self.explanation, b")")
        if self.explanation.failed:
            self.splitter.held.failed = True

    cdef void check_size(self) noexcept:
        if (<Envelopes> self.splitter).damaged and not self.done:
            self.give_up(502, b"upstream_bad_answer", b"A message of the upstream's stream is damaged.")
        Decoder.check_size(self)
