# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""The contracts of the stream codecs: Encoder and Decoder."""

from libc.string cimport memcpy, strlen

from omniroute._fast.buffer cimport (
    FROM_PLAIN, Buffer, character_count, clear, ends_in_half, fresh, plain_length, put_buffer, put_bytes, put_plain,
    put_sanitised, put_string, puts, release, survey,
)
from omniroute._fast.envelope cimport Fault, skip_value
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, CITATION, DELTA, END, ERROR, ESCAPED, JSON, LOGPROBS, START, TEXT, USAGE, Event, Slice, prepare,
    utf8,
)
from omniroute._fast.logprobs cimport put_entries
from omniroute._fast.mould cimport (
    FIXED, LEARNING, MOST_MISSES, SAID, STRING_HOLE, TOTALS, Filling, Mould, add_hole, add_value, keep, match,
)
from omniroute._fast.scan cimport Value, is_array, skip_space as past_space, string_end
from omniroute._fast.sse cimport Splitter, Sse


cdef enum:
    MOST_CHOICES = 128          # answers of one stream that are told apart


cdef bytes json_text(str text):
    """Text as JSON string content."""
    cdef Buffer out = fresh()
    cdef bytes encoded = text.encode("utf-8", "replace")
    put_sanitised(&out, encoded, len(encoded), FROM_PLAIN)
    if out.failed:
        release(&out)
        raise MemoryError
    encoded = out.data[:out.size]
    release(&out)
    return encoded


cdef class Encoder:
    """Turns events into one client's bytes. One instance per stream."""

    def __dealloc__(self):
        release(&self.out)
        release(&self.odds)

    cdef void put(self, const Event *event) noexcept:
        """A dialect writes here."""

    cdef Encoder further(self, int choice):
        """A dialect that holds several answers gives one more here."""
        return None

    cdef Encoder other(self, int choice):
        cdef Encoder known
        try:
            if self.others is None:
                self.others = []
            for known in self.others:
                if known.number == choice:
                    return known
            known = self.further(choice)
            if known is not None:
                known.number = choice
                self.others.append(known)
        except MemoryError:
            self.out.failed = True
            return None
        return known

    cdef void put_other(self, const Event *event) noexcept:
        cdef Encoder other = self.other(event.choice)
        cdef Event own = event[0]
        if other is None:
            return
        own.choice = 0
        other.put(&own)
        put_buffer(&self.out, &other.out)
        self.out.failed = self.out.failed or other.out.failed
        clear(&other.out)

    cdef void hold_odds(self, const Event *event) noexcept:
        puts(&self.odds, b"," if self.odds.size else b"[")
        put_bytes(&self.odds, event.a.p, event.a.n)

    cdef void put_odds(self) noexcept:
        put_buffer(&self.out, &self.odds)
        puts(&self.out, b"]")
        self.out.failed = self.out.failed or self.odds.failed
        clear(&self.odds)

    cdef void ping(self, bint comments) noexcept:
        """A dialect that has a keep-alive writes it here."""

    cdef void put_name(self, Buffer *out, const Slice *name) noexcept:
        """A tool's name as JSON string content, restored to the client's own."""
        cdef Buffer plain = fresh()
        cdef bytes restored
        if self.tool_names is None:
            put_string(out, name)
            return
        put_plain(&plain, name)
        try:
            known = self.tool_names.get(plain.data[:plain.size].decode("utf-8", "replace"))
            restored = None if known is None else known.encode("utf-8", "replace")
        except MemoryError:
            out.failed = True
            restored = None
        release(&plain)
        if restored is None:
            put_string(out, name)
        else:
            put_sanitised(out, restored, len(restored), FROM_PLAIN)


cdef inline bint well_formed(const Slice *raw) noexcept nogil:
    """Whether JSON of the upstream's can be handed on as it is: decoders look at what they need of it only."""
    cdef const unsigned char *end = <const unsigned char *> raw.p + raw.n
    cdef Py_ssize_t elements = 0
    cdef Fault fault
    return skip_value(<const unsigned char *> raw.p, end, 0, &elements, &fault) == end


cdef class Decoder:
    """Turns one upstream's bytes into events. One instance per stream."""

    def __cinit__(self):
        self.splitter = Splitter()
        self.tap = Tap()
        self.half_index = self.choice = -1
        prepare(&self.spoken, DELTA)

    def __dealloc__(self):
        release(&self.joined)
        release(&self.odds)
        release(&self.mould.raw)

    cdef void feed(self, const char *p, Py_ssize_t n) noexcept:
        cdef Sse sse
        self.splitter.attach(p, n)
        while self.next(&sse):
            self.take(&sse)
        self.splitter.detach()
        self.check_size()

    cdef bint next(self, Sse *sse) noexcept:
        if self.mould.active:
            self._repeat()
        return not self.done and self.splitter.next(sse)

    cdef void _repeat(self) noexcept:
        """Take the events at the front of the window that are of the last one's shape."""
        cdef Splitter splitter = self.splitter
        cdef Mould *mould = &self.mould
        cdef Filling filling
        cdef Slice text
        cdef Py_ssize_t n
        text.form = mould.form
        while not self.done and splitter.between():
            n = match(mould, splitter.base + splitter.safe, splitter.base + splitter.size, &filling)
            if n == 0 or n > splitter.limit:
                return
            splitter.pass_by(n)
            mould.misses = 0
            self.recognised += 1
            if filling.count >= 0:
                self.counted(filling.count)
            if filling.totals.p != NULL:
                self.totals(&filling.totals)
            text.p = filling.said.p
            text.n = filling.said.end - filling.said.p
            self.survey = filling.survey
            self.surveyed = text.p
            self.again(mould.block, mould.index, &text)

    cdef int take(self, const Sse *sse) noexcept:
        cdef Py_ssize_t skipped = self.skipped
        cdef int verdict
        self.mould.active = False
        self.emits = self.deltas = 0
        self.touched = False
        self.surveyed = NULL
        verdict = self.event(sse)
        if self.deltas == 1 and not self.touched and not self.done and verdict == TAKEN and skipped == self.skipped:
            if self.mould.misses < MOST_MISSES * LEARNING:
                self._learn(sse)
        return EXCUSED if self.excused else verdict

    cdef void _learn(self, const Sse *sse) noexcept:
        """The event only added text to a block: take its shape, unless it is the known one."""
        cdef Mould *mould = &self.mould
        cdef const char *raw = self.splitter.base + sse.start
        cdef const char *end = self.splitter.base + sse.stop
        cdef const char *said = self.said.p
        cdef Filling filling
        cdef bint same_place = (
            mould.block == self.said_block and mould.index == self.said_index and mould.form == self.said.form
        )
        if sse.data < raw or sse.data + sse.data_length >= end or (end - 1)[0] != c'\n':
            return
        if said <= sse.data or said + self.said.n >= sse.data + sse.data_length:
            return
        if mould.count == 0 or not same_place or match(mould, raw, end, &filling) != end - raw:
            mould.misses += LEARNING
            mould.block = self.said_block
            mould.index = self.said_index
            mould.form = self.said.form
            if not self._shape(raw, sse):
                mould.count = 0
                return
        else:
            mould.misses += 1
        mould.active = True

    cdef bint _shape(self, const char *raw, const Sse *sse) noexcept:
        """Keep the event, and find what may differ in its like; False where that cannot be told."""
        cdef Mould *mould = &self.mould
        cdef const char *p
        cdef const char *end
        cdef const char *said
        cdef const char *quote
        cdef int depth = 0
        cdef int role
        cdef int totals = 0
        cdef bint found = False
        if not keep(mould, raw, sse.stop - sse.start):
            return False
        p = mould.raw.data + (sse.data - raw)
        end = p + sse.data_length
        said = mould.raw.data + (self.said.p - raw)
        while p < end:
            if p[0] != c'"':
                depth += 1 if p[0] == c'{' or p[0] == c'[' else -1 if p[0] == c'}' or p[0] == c']' else 0
                p += 1
                continue
            quote = string_end(p + 1, end)
            if quote == NULL:
                return False
            if p + 1 == said:
                found = quote == said + self.said.n and add_hole(mould, said, quote, SAID, STRING_HOLE)
            role = FIXED
            if depth > 0 and past_space(quote + 1, end) < end and past_space(quote + 1, end)[0] == c':':
                role = self.role(p + 1, quote - p - 1)
            p = quote + 1
            if role != FIXED:
                p = add_value(mould, past_space(past_space(p, end) + 1, end), end, role, depth)
                if p == NULL:
                    return False
                totals += role == TOTALS
        return found and self.emits == 1 + totals

    cdef void check_size(self) noexcept:
        if self.splitter.oversized and not self.done:
            self.give_up(502, b"upstream_bad_answer", b"An event of the upstream's stream is larger than allowed.")

    cdef void finish(self) noexcept:
        cdef Sse sse
        if not self.done and self.splitter.last(&sse):
            self.event(&sse)
        self.check_size()
        if self.done:
            return
        if self.over():
            self.complete()
        else:
            self.give_up(502, b"upstream_truncated", b"The upstream's stream ended before the answer was complete.")

    cdef void emit(self, const Event *event) noexcept:
        cdef Event own
        if self.done:
            return
        if event.kind == ERROR and self.ordinal == 0 and self.over():
            self.excused = True
            self.complete()
            return
        if event.kind == CITATION and not well_formed(&event.a):
            self.skipped += 1
            return
        self.emits += 1
        self.tap.see(event)
        if self.ordinal:
            own = event[0]
            own.choice = self.ordinal
            if event.kind != START and event.kind != USAGE and event.kind != ERROR and event.kind != END:
                self.encoder.put(&own)
            self.done = event.kind == ERROR
            return
        if self.encoder is not None:
            self.encoder.put(event)
        if event.kind == END or event.kind == ERROR:
            self.done = True

    cdef Decoder sibling(self, long long choice):
        cdef Decoder known
        if self.encoder is None or not self.encoder.choices or self.ordinal:
            return None
        try:
            if self.siblings is None:
                self.siblings = []
            for known in self.siblings:
                if known.choice == choice:
                    return known
            if len(self.siblings) + 1 >= MOST_CHOICES:
                return None
            known = type(self)()
            known.choice = choice
            known.ordinal = len(self.siblings) + 1
            known.encoder = self.encoder
            self.siblings.append(known)
        except MemoryError:
            self.give_up(502, b"upstream_bad_answer", b"The upstream's stream needs more memory than there is.")
            return None
        return known

    cdef void heed(self, Decoder sibling, Py_ssize_t before) noexcept:
        cdef Event event
        self.tap.output_bytes += sibling.tap.output_bytes - before
        self.tap.useful = self.tap.useful or sibling.tap.useful
        if sibling.tap.error_status:
            prepare(&event, ERROR)
            event.status = sibling.tap.error_status
            event.a = utf8(sibling.tap.error_message.data, sibling.tap.error_message.size)
            event.b = utf8(sibling.tap.error_code.data, sibling.tap.error_code.size)
            self.emit(&event)

    cdef bint over(self) noexcept:
        cdef Decoder other
        if self.stopped and self.siblings is not None:
            for other in self.siblings:
                if not other.stopped:
                    return False
        return self.stopped

    cdef void end_siblings(self) noexcept:
        cdef Decoder other
        if self.siblings is not None:
            for other in self.siblings:
                other.end_choice()

    cdef int open(self, int block) noexcept:
        cdef Event event
        prepare(&event, BLOCK_OPEN)
        event.block = block
        event.index = self.next_block
        self.next_block += 1
        self.emit(&event)
        return event.index

    cdef void delta(self, int block, int index, const Slice *text) noexcept:
        """DELTA. Some upstreams cut text between the two escapes of a surrogate pair: such a half waits for the other one."""
        cdef Slice whole = text[0]
        self.said = whole
        self.said_block = block
        self.said_index = index
        self.deltas += 1
        if self.odds.size and block == TEXT:
            self._tell_odds(index)
        if self.half_index >= 0:
            if self.half_index != index:
                self._flush_half()
            else:
                self._join(&whole)
        if ends_in_half(&whole):
            whole.n -= 6
            memcpy(self.half, whole.p + whole.n, 6)
            self.half_index = index
            self.half_block = block
        if whole.n:
            self._emit_delta(block, index, &whole)

    cdef void weigh(self, const Value *list) noexcept:
        """They are told with the next text. What they come with is not read by its shape."""
        if is_array(list):
            self.touched = True
            if self.encoder is not None:
                put_entries(&self.odds, list)

    cdef void _tell_odds(self, int index) noexcept:
        cdef Event event
        prepare(&event, LOGPROBS)
        event.block = TEXT
        event.index = index
        event.a.p = self.odds.data
        event.a.n = self.odds.size
        event.a.form = JSON
        if not self.odds.failed:
            self.emit(&event)
        clear(&self.odds)

    cdef void _join(self, Slice *text) noexcept:
        """Put the half before ``text``."""
        clear(&self.joined)
        put_bytes(&self.joined, self.half, 6)
        if text.form == ESCAPED:
            put_bytes(&self.joined, text.p, text.n)
        else:
            put_string(&self.joined, text)
        self.half_index = -1
        if not self.joined.failed:
            text.p = self.joined.data
            text.n = self.joined.size
            text.form = ESCAPED

    cdef void _flush_half(self) noexcept:
        """It stays alone: writers replace it."""
        cdef Slice text
        text.p = self.half
        text.n = 6
        text.form = ESCAPED
        self._emit_delta(self.half_block, self.half_index, &text)
        self.half_index = -1

    cdef void _emit_delta(self, int block, int index, const Slice *text) noexcept:
        cdef Event *event = &self.spoken
        cdef const unsigned char *end = <const unsigned char *> text.p + text.n
        event.block = block
        event.index = index
        event.a = text[0]
        event.clean = False
        event.length = event.characters = text.n
        if text.form == ESCAPED:
            if self.surveyed != text.p or text.n != self.said.n:
                if survey(<const unsigned char *> text.p, end, &self.survey) != end:
                    self.survey.length = plain_length(text)         # control characters stand in it
                    self.survey.characters = character_count(text)
                    self.survey.clean = False
            event.clean = self.survey.clean
            event.length = self.survey.length
            event.characters = self.survey.characters
        else:
            event.characters = character_count(text)
        self.surveyed = NULL
        self.emit(event)

    cdef void close(self, int index) noexcept:
        cdef Event event
        if self.half_index == index:
            self._flush_half()
        if self.odds.size and self.said_block == TEXT and self.said_index == index:
            self._tell_odds(index)
        prepare(&event, BLOCK_CLOSE)
        event.index = index
        self.emit(&event)

    cdef void give_up(self, int status, const char *code, const char *message) noexcept:
        cdef Event event
        prepare(&event, ERROR)
        event.status = status
        event.a = utf8(message, <Py_ssize_t> strlen(message))
        event.b = utf8(code, <Py_ssize_t> strlen(code))
        self.emit(&event)

    cdef int event(self, const Sse *sse) noexcept:
        """A dialect reads here."""
        return SKIPPED

    cdef int role(self, const char *key, Py_ssize_t n) noexcept:
        """A dialect names what varies here."""
        return FIXED

    cdef void again(self, int block, int index, const Slice *text) noexcept:
        """A dialect that keeps more of a delta does it here as well."""
        self.delta(block, index, text)

    cdef void counted(self, long long number) noexcept:
        """A dialect whose events are numbered reads here."""

    cdef void totals(self, const Value *value) noexcept:
        """A dialect whose deltas say token counts reads here."""

    cdef void end_choice(self) noexcept:
        """A dialect with several answers ends this one here."""

    cdef void complete(self) noexcept:
        """A dialect ends its answer here."""

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        """A dialect writes its error event here."""

    cdef void write_terminator(self, Buffer *out) noexcept:
        """A dialect that has a terminator writes it here."""

    cdef void write_ping(self, Buffer *out, bint comments) noexcept:
        """A dialect that has a keep-alive writes it here."""
