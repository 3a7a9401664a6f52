# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Top-level scan of a JSON request body: what routing needs, without building objects. See the stub for the contract.

The whole body is validated in one pass (``envelope.pxd``), because what is passed through unparsed must not be able to mean one
thing to us and another to the upstream: bad escapes, bad UTF-8 and lone surrogates stop here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp

from json import dumps as _json_text
from json import loads as _json_value

from omniroute._fast.envelope cimport (
    CUT, COLON, COMMA_OR_BRACE, COMMA_OR_BRACKET, CONTROL, DEEP, ENCODING, ESCAPE, Fault, KEY, LITERAL, NONE, NOT_OBJECT,
    NUMBER, SURROGATE, TRAILING, refuse, skip_key, skip_space, skip_value,
)

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    void *memmem(const void *, size_t, const void *, size_t);
    #endif
    """
    void *memmem(const void *haystack, size_t size, const void *needle, size_t length) noexcept nogil


cdef struct Member:
    Py_ssize_t key       # offset of the key's opening quote
    Py_ssize_t key_end   # offset behind its closing quote
    Py_ssize_t value
    Py_ssize_t end       # offset behind the value
    Py_ssize_t elements  # of an array, else 0
    bint escaped         # the key has a backslash inside


cdef class Envelope:
    cdef readonly bytes body
    cdef readonly object model
    cdef readonly object stream
    cdef readonly object max_tokens
    cdef readonly Py_ssize_t messages
    cdef readonly Py_ssize_t tools
    cdef Member *_members
    cdef Py_ssize_t _count
    cdef Py_ssize_t _room
    cdef dict _decoded  # index of a member with escapes in its key: the key as UTF-8
    cdef tuple _keys

    def __dealloc__(self):
        PyMem_Free(self._members)

    def __repr__(self):
        return f"<Envelope model={self.model!r} stream={self.stream!r} bytes={len(self.body)}>"

    @property
    def keys(self):
        cdef Py_ssize_t i
        if self._keys is None:
            self._keys = tuple(dict.fromkeys([self._name(i).decode() for i in range(self._count)]))
        return self._keys

    def span(self, str key not None):
        cdef Py_ssize_t i = self._last(key.encode("utf-8", "surrogatepass"))
        return None if i < 0 else (self._members[i].value, self._members[i].end)

    def raw(self, str key not None):
        cdef Py_ssize_t i = self._last(key.encode("utf-8", "surrogatepass"))
        return None if i < 0 else self._raw(i)

    def holds(self, bytes fragment not None):
        return memmem(
            PyBytes_AS_STRING(self.body), PyBytes_GET_SIZE(self.body), PyBytes_AS_STRING(fragment), PyBytes_GET_SIZE(fragment)
        ) != NULL

    def splice(self, dict changes not None):
        cdef Py_ssize_t i
        cdef dict wanted = {}
        cdef dict done = {}      # index of a member: its new value, None where it goes
        cdef list added = []
        for key, value in changes.items():
            wanted[(<str?>key).encode()] = value
        for key, value in wanted.items():
            i = self._last(key)
            if i < 0:
                if value is not None:
                    added.append((key, value))
                continue
            if value is None or self._raw(i) != value:
                done[i] = value
            while True:
                i = self._last(key, i)
                if i < 0:
                    break
                done[i] = None
        if not done and not added:
            return self.body
        return self._rebuilt(done, added)

    cdef bytes _rebuilt(self, dict done, list added):
        """The body with the members in ``done`` replaced or left out and those in ``added`` behind the last one."""
        cdef list parts = []
        cdef object view = memoryview(self.body)
        cdef Py_ssize_t start = 0     # of the bytes not yet handed on
        cdef Py_ssize_t i, behind
        cdef bint any_kept = False
        cdef Member *m
        for i in range(self._count):
            if i in done:
                m = &self._members[i]
                value = done[i]
                if value is not None:
                    parts.append(view[start:m.value])
                    parts.append(value)
                    start = m.end
                    any_kept = True
                elif any_kept:  # goes with the comma before it
                    parts.append(view[start:self._members[i - 1].end])
                    start = m.end
                else:           # goes with the comma behind it
                    parts.append(view[start:m.key])
                    start = self._members[i + 1].key if i + 1 < self._count else m.end
            else:
                any_kept = True
        if added:
            behind = self._members[self._count - 1].end if self._count else self._opening() + 1
            if start < behind:
                parts.append(view[start:behind])
                start = behind
            for key, value in added:
                comma = b"," if any_kept else b""
                parts.append(b"%b%b:%b" % (comma, _json_text(key.decode(), ensure_ascii=False).encode(), value))
                any_kept = True
        parts.append(view[start:])
        return b"".join(parts)

    cdef Py_ssize_t _opening(self):
        """Offset of the opening brace."""
        cdef const unsigned char *base = <const unsigned char *> PyBytes_AS_STRING(self.body)
        return skip_space(base, base + PyBytes_GET_SIZE(self.body)) - base

    cdef bytes _raw(self, Py_ssize_t i):
        return self.body[self._members[i].value:self._members[i].end]

    cdef bytes _name(self, Py_ssize_t i):
        if self._members[i].escaped:
            return self._decoded[i]
        return self.body[self._members[i].key + 1:self._members[i].key_end - 1]

    cdef Py_ssize_t _last(self, bytes key, Py_ssize_t before=-1):
        """Index of the last member of that name (before member ``before``, if given), -1 when there is none."""
        cdef const char *base = PyBytes_AS_STRING(self.body)
        cdef const char *name = PyBytes_AS_STRING(key)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(key)
        cdef Py_ssize_t i = (self._count if before < 0 else before) - 1
        cdef Member *m
        while i >= 0:
            m = &self._members[i]
            if m.escaped:
                if self._decoded[i] == key:
                    return i
            elif m.key_end - m.key - 2 == n and memcmp(base + m.key + 1, name, n) == 0:
                return i
            i -= 1
        return -1

    cdef Member *_new_member(self) except NULL:
        cdef Member *grown
        if self._count == self._room:
            self._room = self._room * 2 if self._room else 16
            grown = <Member *> PyMem_Realloc(self._members, self._room * sizeof(Member))
            if grown == NULL:
                raise MemoryError
            self._members = grown
        self._count += 1
        return &self._members[self._count - 1]

    cdef int _scan(self, Fault *fault) except -1:
        """Fill the member table; the first offence goes to ``fault``."""
        cdef const unsigned char *base = <const unsigned char *> PyBytes_AS_STRING(self.body)
        cdef const unsigned char *end = base + PyBytes_GET_SIZE(self.body)
        cdef const unsigned char *p = skip_space(base, end)
        cdef const unsigned char *key
        cdef Member *m
        if p >= end:
            refuse(fault, CUT, end)
            return 0
        if p[0] != c'{':
            refuse(fault, NOT_OBJECT, p)
            return 0
        p = skip_space(p + 1, end)
        if p < end and p[0] == c'}':
            p += 1
        else:
            while True:
                m = self._new_member()
                m.escaped = False
                key = p
                p = skip_key(p, end, &m.escaped, fault)
                if p == NULL:
                    return 0
                m.key = key - base
                m.key_end = _string_end(p) - base
                if m.escaped:
                    self._decoded[self._count - 1] = _json_value(self.body[m.key:m.key_end]).encode()
                m.value = p - base
                p = skip_value(p, end, 1, &m.elements, fault)
                if p == NULL:
                    return 0
                m.end = p - base
                p = skip_space(p, end)
                if p < end and p[0] == c'}':
                    p += 1
                    break
                if p >= end or p[0] != c',':
                    refuse(fault, CUT if p >= end else COMMA_OR_BRACE, p)
                    return 0
                p = skip_space(p + 1, end)
        p = skip_space(p, end)
        if p < end:
            refuse(fault, TRAILING, p)
        return 0

    cdef int _read(self) except -1:
        """The values routing asks for."""
        cdef Py_ssize_t i
        i = self._last(b"model")
        if i >= 0 and not self._is_null(i):
            self.model = self._text(i)
        i = self._last(b"stream")
        if i >= 0 and not self._is_null(i):
            raw = self._raw(i)
            if raw != b"true" and raw != b"false":
                raise ValueError(f"stream must be a boolean ({self._place(self._members[i].value)})")
            self.stream = raw == b"true"
        for name in (b"max_tokens", b"max_completion_tokens", b"max_output_tokens"):
            i = self._last(name)
            # more digits than a counter of tokens has are left to the upstream's own check
            if i >= 0 and self._members[i].end - self._members[i].value <= 18:
                raw = self._raw(i)
                if raw.isdigit():
                    self.max_tokens = int(raw)
                    break
        for name in (b"messages", b"input", b"contents"):
            i = self._last(name)
            if i >= 0:
                self.messages = self._members[i].elements
                break
        i = self._last(b"tools")
        if i >= 0:
            self.tools = self._members[i].elements
        return 0

    cdef bint _is_null(self, Py_ssize_t i):
        return PyBytes_AS_STRING(self.body)[self._members[i].value] == c'n'

    cdef str _text(self, Py_ssize_t i):
        cdef const char *base = PyBytes_AS_STRING(self.body)
        cdef Member *m = &self._members[i]
        if base[m.value] != c'"':
            raise ValueError(f"model must be a string ({self._place(m.value)})")
        raw = self.body[m.value:m.end]
        if b"\\" in raw:
            return _json_value(raw)
        return PyUnicode_DecodeUTF8(base + m.value + 1, m.end - m.value - 2, NULL)

    cdef str _place(self, Py_ssize_t offset):
        """``line 1, column 7``; a column is a character, a tab counts as one."""
        cdef bytes before = self.body[:offset]
        cdef Py_ssize_t line_start = before.rfind(b"\n") + 1
        line = before.count(b"\n") + 1
        column = len(before[line_start:].decode("utf-8", "replace")) + 1
        return f"line {line}, column {column}"


cdef const unsigned char *_string_end(const unsigned char *value) noexcept nogil:
    """Behind the closing quote of a key, when ``value`` begins behind its colon: only space and a colon between."""
    while (value - 1)[0] != c'"':
        value -= 1
    return value


cdef str _sentence(int offence):
    if offence == CUT:
        return "the text ends in the middle"
    if offence == CONTROL:
        return "an unescaped control character in a string"
    if offence == ESCAPE:
        return "a bad escape in a string"
    if offence == SURROGATE:
        return "a lone surrogate escape in a string"
    if offence == ENCODING:
        return "invalid UTF-8"
    if offence == NUMBER:
        return "a malformed number"
    if offence == LITERAL:
        return "a word that is neither true, false nor null"
    if offence == KEY:
        return "a key in double quotes was expected"
    if offence == COLON:
        return "':' was expected"
    if offence == COMMA_OR_BRACE:
        return "',' or '}' was expected"
    if offence == COMMA_OR_BRACKET:
        return "',' or ']' was expected"
    if offence == DEEP:
        return "nested deeper than 512 levels"
    if offence == TRAILING:
        return "something follows the end of the object"
    return "a value was expected"


def scan(bytes body not None):
    cdef Envelope envelope = Envelope.__new__(Envelope)
    cdef Fault fault
    fault.offence = NONE
    fault.at = NULL
    envelope.body = body
    envelope._decoded = {}
    envelope._scan(&fault)
    if fault.offence != NONE:
        if not body.strip():
            raise ValueError("the body is empty; a JSON object was expected")
        place = envelope._place(fault.at - <const unsigned char *> PyBytes_AS_STRING(body))
        if fault.offence == NOT_OBJECT:
            raise ValueError(f"the body must be a JSON object ({place})")
        raise ValueError(f"the body is not valid JSON: {_sentence(fault.offence)} ({place})")
    envelope._read()
    return envelope
