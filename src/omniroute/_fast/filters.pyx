# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Filters of the event stream: a tee, and the thinking that some models write between tags into their text."""

from libc.string cimport memcmp

from omniroute._fast.buffer cimport Buffer, clear, drop_front, put_plain, release
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, CITATION, DELTA, END, ERROR, LOGPROBS, MEDIA, SIGNATURE, TEXT, THINKING, Event, prepare, utf8,
)
from omniroute._fast.stream cimport Encoder


cdef const char *OPEN_TAG = b"<think>"
cdef const char *CLOSE_TAG = b"</think>"

cdef enum State:
    WAITING         # nothing of the answer came yet
    OPENING         # text that may still become the opening tag
    THOUGHT         # between the tags
    AFTER           # behind the closing tag: space is skipped until the answer begins
    THROUGH         # nothing is changed any more but indices

cdef enum:
    OPEN_LENGTH = 7
    CLOSE_LENGTH = 8
    MOST_SPACE = 4096           # of undecided space that is held back


cdef inline bint is_space(char c) noexcept nogil:
    return c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09


cdef Py_ssize_t undecided(const Buffer *text) noexcept nogil:
    """Where the end of ``text`` begins that may belong to the closing tag or the space before it."""
    cdef Py_ssize_t length
    cdef Py_ssize_t tag = text.size
    cdef Py_ssize_t at
    for length in range(min(CLOSE_LENGTH - 1, text.size), 0, -1):
        if memcmp(text.data + text.size - length, CLOSE_TAG, <size_t> length) == 0:
            tag = text.size - length
            break
    at = tag
    while at > 0 and is_space(text.data[at - 1]):
        at -= 1
    return at if tag - at <= MOST_SPACE else tag


cdef Py_ssize_t closing_tag(const Buffer *text) noexcept nogil:
    """Where it stands, -1 if it does not."""
    cdef Py_ssize_t i
    for i in range(text.size - CLOSE_LENGTH + 1):
        if text.data[i] == c'<' and memcmp(text.data + i, CLOSE_TAG, CLOSE_LENGTH) == 0:
            return i
    return -1


cdef class Filter(Encoder):
    """Hands every event on as it is."""

    cdef void put(self, const Event *event) noexcept:
        self.hand_on(event)

    cdef void hand_on(self, const Event *event) noexcept:
        cdef Event own
        if self.next is None:
            return
        if self.number == 0:
            self.next.put(event)
            return
        own = event[0]
        own.choice = self.number
        self.next.put(&own)


cdef class Tee(Filter):
    """Gives another encoder every event as well."""

    def __init__(self, Encoder copy not None, done=None):
        self.copy = copy
        self.done = done

    cdef void put(self, const Event *event) noexcept:
        self.hand_on(event)
        if event.choice == 0:
            self.copy.put(event)
        if event.kind == END and self.done is not None:
            self.done()


cdef class ThinkTags(Filter):
    """Makes tagged thinking at the start of the text a block of its own."""

    def __cinit__(self):
        self.first = -1

    def __dealloc__(self):
        release(&self.held)

    cdef void put(self, const Event *event) noexcept:
        cdef int kind = event.kind
        cdef Encoder other
        if event.choice != self.number:
            other = self.other(event.choice)
            if other is not None:
                other.put(event)
            return
        if self.state == THROUGH and self.shift == 0:
            self.hand_on(event)
            return
        if kind == BLOCK_OPEN or kind == MEDIA:
            if self.state == WAITING and kind == BLOCK_OPEN and event.block == TEXT:
                self.first = event.index
                self.state = OPENING
                return
            if self.state == WAITING or self.state == OPENING:
                self._settle()
        elif event.index == self.first and self.state != WAITING and self.state != THROUGH:
            if kind == DELTA:
                put_plain(&self.held, &event.a)
                self._text()
                return
            if kind == BLOCK_CLOSE:
                self._settle()
            elif kind == LOGPROBS:
                if self.state != OPENING:
                    return              # nor are its tokens anybody's business
            elif kind == CITATION:
                if self.state != OPENING:
                    return              # private thinking cites nobody
                self._settle()
        if kind == END or kind == ERROR:
            self._settle()
        if kind == BLOCK_CLOSE and event.index == self.first and self.shift and not self.answered:
            return                      # there was nothing but thinking
        self._shifted(event)

    cdef Encoder further(self, int choice):
        cdef ThinkTags other = ThinkTags()
        other.next = self.next
        return other

    cdef void _shifted(self, const Event *event) noexcept:
        cdef Event moved
        cdef int kind = event.kind
        if self.shift and event.index >= self.first >= 0 and (
            kind == BLOCK_OPEN or kind == DELTA or kind == SIGNATURE or kind == BLOCK_CLOSE or kind == CITATION or kind == MEDIA
        ):
            moved = event[0]
            moved.index += self.shift
            self.hand_on(&moved)
        else:
            self.hand_on(event)

    cdef void _text(self) noexcept:
        if self.held.failed:
            self._settle()
            return
        if self.state == OPENING:
            self._look_for_open()
        if self.state == THOUGHT:
            self._look_for_close()
        if self.state == AFTER:
            self._answer()

    cdef void _say(self, int kind, int block, int index, const char *p, Py_ssize_t n) noexcept:
        cdef Event event
        prepare(&event, kind)
        event.block = block
        event.index = index
        event.a = utf8(p, n)
        if kind != DELTA or n > 0:
            self.hand_on(&event)

    cdef void _look_for_open(self) noexcept:
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t n
        while at < self.held.size and is_space(self.held.data[at]):
            at += 1
        n = min(self.held.size - at, OPEN_LENGTH)
        if at > MOST_SPACE or memcmp(self.held.data + at, OPEN_TAG, <size_t> n) != 0:
            self._settle()
        elif n == OPEN_LENGTH:
            drop_front(&self.held, at + OPEN_LENGTH)
            self.state = THOUGHT
            self.shift = 1
            self._say(BLOCK_OPEN, THINKING, self.first, NULL, 0)

    cdef void _look_for_close(self) noexcept:
        cdef Py_ssize_t at
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t end
        if not self.begun:              # space before the thinking is dropped
            while start < self.held.size and is_space(self.held.data[start]):
                start += 1
            drop_front(&self.held, start)
        at = closing_tag(&self.held)
        end = undecided(&self.held) if at < 0 else at
        while at >= 0 and end > 0 and is_space(self.held.data[end - 1]):
            end -= 1
        if end > 0:
            self.begun = True
            self._say(DELTA, THINKING, self.first, self.held.data, end)
        if at < 0:
            drop_front(&self.held, end)
            return
        drop_front(&self.held, at + CLOSE_LENGTH)
        self._say(BLOCK_CLOSE, THINKING, self.first, NULL, 0)
        self.state = AFTER

    cdef void _answer(self) noexcept:
        """Text behind the closing tag opens its own block, from its first visible character on."""
        cdef Py_ssize_t start = 0
        while start < self.held.size and is_space(self.held.data[start]):
            start += 1
        if start < self.held.size:
            self.answered = True
            self.state = THROUGH
            self._say(BLOCK_OPEN, TEXT, self.first + 1, NULL, 0)
            self._say(DELTA, TEXT, self.first + 1, self.held.data + start, self.held.size - start)
        clear(&self.held)

    cdef void _settle(self) noexcept:
        """No more text will come for what is held: it is what it looks like."""
        if self.state == OPENING:
            self._say(BLOCK_OPEN, TEXT, self.first, NULL, 0)
            self._say(DELTA, TEXT, self.first, self.held.data, self.held.size)
        elif self.state == THOUGHT:
            while self.held.size and is_space(self.held.data[self.held.size - 1]):
                self.held.size -= 1
            self._say(DELTA, THINKING, self.first, self.held.data, self.held.size)
            self._say(BLOCK_CLOSE, THINKING, self.first, NULL, 0)
        clear(&self.held)
        self.state = THROUGH
