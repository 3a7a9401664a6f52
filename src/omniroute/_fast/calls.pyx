# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Assembly of tool calls from the fragments of a Chat stream."""

from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memset

from omniroute._fast.buffer cimport Buffer, clear, put_bytes, put_hex, put_int, put_string, puts, release
from omniroute._fast.events cimport BLOCK_OPEN, ESCAPED, TOOL, Event, Slice, prepare, utf8
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, follow, integer_of, is_blank, is_complete, is_object, key_is, next_member, raw_of, text_of,
)
from omniroute._fast.stream cimport Decoder


cdef inline Slice escaped(const Buffer *b) noexcept nogil:
    cdef Slice s
    s.p = b.data
    s.n = b.size
    s.form = ESCAPED
    return s


cdef inline bint differs(const Buffer *known, const Slice *news) noexcept nogil:
    return known.size != news.n or memcmp(known.data, news.p, <size_t> news.n) != 0


cdef bint read_fragment(const Value *item, Fragment *fragment) noexcept:
    """One entry of tool_calls, or a deprecated function_call (which has no entry around it); False if it says nothing."""
    cdef Walk walk
    cdef Member member
    cdef Value function = item[0]
    memset(fragment, 0, sizeof(Fragment))
    fragment.number = -1
    enter(&walk, item)
    while is_object(item) and next_member(&walk, &member):
        if key_is(&member, b"index"):
            integer_of(&member.value, &fragment.number)
        elif key_is(&member, b"id"):
            text_of(&member.value, &fragment.id)
        elif key_is(&member, b"function"):
            function = member.value
        elif key_is(&member, b"custom") and is_object(&member.value):
            function = member.value
            fragment.custom = True
    enter(&walk, &function)
    while is_object(&function) and next_member(&walk, &member):
        if key_is(&member, b"name"):
            text_of(&member.value, &fragment.name)
        elif key_is(&member, b"arguments") or (fragment.custom and key_is(&member, b"input")):
            if not text_of(&member.value, &fragment.arguments) and is_object(&member.value):
                raw_of(&member.value, &fragment.arguments)
    return fragment.id.n > 0 or fragment.name.n > 0 or fragment.arguments.n > 0


cdef class Calls:

    def __cinit__(self):
        self.seed = 0xCBF29CE484222325

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            release(&self.calls[i].id)
            release(&self.calls[i].name)
            release(&self.calls[i].waiting)
        free(self.calls)

    cdef void stir(self, const char *p, Py_ssize_t n) noexcept:
        """Mix bytes of the stream into the seed (FNV-1a): invented ids differ between answers, not between cuttings of one."""
        cdef Py_ssize_t i
        for i in range(n if n < 4096 else 4096):
            self.seed = (self.seed ^ <unsigned char> p[i]) * <unsigned long long> 0x100000001B3

    cdef void take(self, Decoder decoder, const Fragment *fragment) noexcept:
        cdef Call *call = self._match(fragment)
        if call == NULL:
            call = self._add(fragment)
            if call == NULL:
                decoder.skipped += 1
                return
        self._feed(decoder, call, fragment)

    cdef void more(self, Decoder decoder, int block, const Slice *arguments) noexcept:
        cdef Fragment fragment
        cdef int i
        memset(&fragment, 0, sizeof(Fragment))
        fragment.arguments = arguments[0]
        fragment.arguments.form = ESCAPED
        for i in range(self.count - 1, -1, -1):
            if self.calls[i].block == block:
                self._feed(decoder, &self.calls[i], &fragment)
                return

    cdef void _feed(self, Decoder decoder, Call *call, const Fragment *fragment) noexcept:
        if call.closed or is_complete(&call.nesting):      # what comes now repeats the call, or is space
            if not is_blank(&fragment.arguments):
                decoder.skipped += 1
            return
        if call.block < 0:
            if call.id.size == 0:
                put_bytes(&call.id, fragment.id.p, fragment.id.n)
            if call.name.size == 0:
                put_bytes(&call.name, fragment.name.p, fragment.name.n)
            if call.name.size:
                self._open(decoder, call)
        if fragment.arguments.n:
            if call.block < 0:
                put_string(&call.waiting, &fragment.arguments)
            else:
                self._arguments(decoder, call, &fragment.arguments)
        if call.block >= 0 and call.block + 1 < decoder.next_block and is_complete(&call.nesting):
            self._close(decoder, call)

    cdef void settle(self, Decoder decoder) noexcept:
        """Close the calls that are complete or have no arguments; one cut in the middle goes on beside what follows."""
        cdef int i
        for i in range(self.count):
            if self.calls[i].block >= 0 and (
                self.calls[i].size == 0 or self.calls[i].custom or is_complete(&self.calls[i].nesting)
            ):
                self._close(decoder, &self.calls[i])

    cdef void finish(self, Decoder decoder) noexcept:
        cdef int i
        cdef Call *call
        for i in range(self.count):
            call = &self.calls[i]
            if call.block < 0 and not call.closed:
                if call.waiting.size == 0:
                    call.closed = True
                    continue
                puts(&call.name, b"tool_")
                put_int(&call.name, i)
                self._open(decoder, call)
            self._close(decoder, call)

    cdef Call *_match(self, const Fragment *fragment) noexcept:
        """The call a fragment goes on with, NULL if it begins one."""
        cdef int i
        cdef Call *call
        if fragment.number >= 0:
            for i in range(self.count - 1, -1, -1):
                call = &self.calls[i]
                if call.number == fragment.number:
                    return NULL if self._is_new(call, fragment) else call
            return NULL
        if fragment.id.n:
            for i in range(self.count - 1, -1, -1):
                if not differs(&self.calls[i].id, &fragment.id):
                    return &self.calls[i]
            return NULL
        if self.count == 0:
            return NULL
        call = &self.calls[self.count - 1]
        if fragment.name.n and call.name.size and (differs(&call.name, &fragment.name) or call.size == 0
                                                   or is_complete(&call.nesting)):
            return NULL
        return call

    cdef bint _is_new(self, const Call *call, const Fragment *fragment) noexcept:
        """Does a fragment with the number of a known call begin another one (servers that never count up)?"""
        cdef bint finished = is_complete(&call.nesting)
        if fragment.name.n == 0 or call.name.size == 0:
            return False
        if fragment.id.n and call.id.size:
            if not differs(&call.id, &fragment.id):
                return False
            return finished or call.size == 0 or differs(&call.name, &fragment.name)
        return finished and not is_blank(&fragment.arguments)

    cdef Call *_add(self, const Fragment *fragment) noexcept:
        cdef Call *grown
        cdef Call *call
        cdef int room
        if self.count == self.room:
            room = self.room * 2 if self.room else 4
            if room > MOST_CALLS:
                return NULL
            grown = <Call *> realloc(self.calls, <size_t> room * sizeof(Call))
            if grown == NULL:
                return NULL
            self.calls = grown
            self.room = room
        call = &self.calls[self.count]
        self.count += 1
        memset(call, 0, sizeof(Call))
        call.number = fragment.number
        call.custom = fragment.custom
        call.block = -1
        return call

    cdef bint _known_id(self, const Slice *id, const Call *other) noexcept:
        cdef int i
        for i in range(self.count):
            if &self.calls[i] != other and not differs(&self.calls[i].id, id):
                return True
        return False

    cdef void _open(self, Decoder decoder, Call *call) noexcept:
        """The name is known: the block begins. Earlier calls that are complete end first."""
        cdef Event event
        cdef Slice id = escaped(&call.id)
        cdef int i
        for i in range(self.count):
            if self.calls[i].block >= 0 and is_complete(&self.calls[i].nesting):
                self._close(decoder, &self.calls[i])
        if call.id.size == 0 or self._known_id(&id, call):
            self.stir(call.name.data, call.name.size)
            self.stir(b"\x00", 1)
            clear(&call.id)
            puts(&call.id, b"call_")
            put_hex(&call.id, self.seed, 16)
        prepare(&event, BLOCK_OPEN)
        event.block = TOOL
        event.index = call.block = decoder.next_block
        event.a = escaped(&call.id)
        event.b = escaped(&call.name)
        decoder.next_block += 1
        self.opened += 1
        decoder.emit(&event)
        if call.custom:
            event.a = utf8(b'{"input":"', 10)
            decoder.delta(TOOL, call.block, &event.a)
        if call.waiting.size:
            event.a = escaped(&call.waiting)
            self._arguments(decoder, call, &event.a)
            release(&call.waiting)

    cdef void _close(self, Decoder decoder, Call *call) noexcept:
        cdef Slice tail
        if call.closed:
            return
        if call.custom:
            tail = utf8(b'"}', 2)
            decoder.delta(TOOL, call.block, &tail)
        call.closed = True
        decoder.close(call.block)

    cdef void _arguments(self, Decoder decoder, Call *call, const Slice *text) noexcept:
        cdef Slice inner = text[0]
        call.size += text.n
        if call.custom:
            inner = utf8(text.p, text.n)    # escaped once more by the writer: a string inside of the arguments string
        else:
            follow(&call.nesting, text)
        decoder.delta(TOOL, call.block, &inner)
