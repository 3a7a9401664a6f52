# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Gemini generateContent streams, read: ``data:`` chunks of one growing answer, no terminator but the end of the data."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset

from omniroute._fast.buffer cimport (
    Buffer, clear, fresh, plain_length, put_bytes, put_int, put_plain, put_string, puts, release,
)
from omniroute._fast.calls cimport Calls, Fragment
from omniroute._fast.events cimport (
    CITATION, END, ERROR, ESCAPED, EXTRA, JSON, MEDIA, SIGNATURE, START, STOP, STOP_FILTER, STOP_LENGTH, STOP_NONE, STOP_STOP,
    TEXT, THINKING, TOOL, USAGE, Event, Slice, prepare, settled, utf8,
)
from omniroute._fast.faults cimport read_fault
from omniroute._fast.frames cimport gemini_error
from omniroute._fast.gemini_parts cimport Candidate, Chunk, Part, is_refusal, is_true, read_candidate, read_chunk, read_part
from omniroute._fast.logprobs cimport put_gemini_entries
from omniroute._fast.mould cimport FIXED, TOTALS
from omniroute._fast.scan cimport (
    Value, Walk, enter, find, integer_of, is_array, is_object, is_string, next_item, raw_of, same, skip_space, step, text_is,
    text_of, value_end,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder
from omniroute._fast.usage cimport read_gemini_usage


cdef class GeminiDecoder(Decoder):
    """Reads the stream of a Gemini upstream."""

    def __cinit__(self, *, bint enveloped=False):
        self.calls = Calls()
        self.text = self.thinking = -1
        self.enveloped = enveloped

    def __dealloc__(self):
        release(&self.spoken_text)
        release(&self.grounding)
        release(&self.proof)

    cdef int event(self, const Sse *sse) noexcept:
        """A chunk, or a list of them as errors come in."""
        cdef const char *end = sse.data + sse.data_length
        cdef const char *p = skip_space(sse.data, end)
        cdef const char *behind
        cdef Chunk chunk
        cdef Value list, item
        cdef Walk walk
        if p == end:
            return SKIPPED
        behind = read_chunk(p, end, self.enveloped, &chunk)
        if behind != NULL and skip_space(behind, end) == end:
            self._chunk(&chunk)
            return TAKEN
        if end - p >= 6 and same(p, 6, b"[DONE]"):      # some relays end with the terminator of another dialect
            return SKIPPED
        list.p = p
        list.end = value_end(p, end)
        if p[0] != c'[' or list.end == NULL or skip_space(list.end, end) != end:
            self.skipped += 1
            return SKIPPED
        enter(&walk, &list)
        while next_item(&walk, &item):
            if read_chunk(item.p, item.end, self.enveloped, &chunk) != NULL:
                self._chunk(&chunk)
            else:
                self.skipped += 1
        return TAKEN

    cdef void _chunk(self, const Chunk *chunk) noexcept:
        cdef Candidate further
        cdef Value reason
        cdef Event event
        cdef Walk walk
        if (is_object(&chunk.error) or is_array(&chunk.error) or is_string(&chunk.error)) and chunk.error.end - chunk.error.p > 2:
            prepare(&event, ERROR)
            read_fault(&chunk.error, &event)
            self.emit(&event)
            return
        self._begin(chunk)
        if is_object(&chunk.usage):
            self.totals(&chunk.usage)
        if chunk.count:
            self._candidate(&chunk.first)
        if chunk.count > 1:
            enter(&walk, &chunk.candidates)
            while step(&walk):
                read_candidate(&walk, &further)
                if further.at > chunk.first.at:
                    self._candidate(&further)
        if find(&chunk.feedback, b"blockReason", &reason) and is_string(&reason) and self.stop_word == STOP_NONE:
            self.stop_word = STOP_FILTER
        if self.stop_word != STOP_NONE and not self.stopped and not self.done:
            self._stop()

    cdef void _begin(self, const Chunk *chunk) noexcept:
        cdef Event event
        if self.begun:
            return
        self.begun = True
        self.calls.stir(chunk.body.p, chunk.body.end - chunk.body.p)
        prepare(&event, START)
        text_of(&chunk.id, &event.a)
        text_of(&chunk.model, &event.b)
        self.emit(&event)

    cdef void _candidate(self, const Candidate *candidate) noexcept:
        cdef Walk walk
        cdef Part part
        cdef GeminiDecoder other
        cdef Py_ssize_t before
        if self.choice < 0:
            self.choice = candidate.index
        if candidate.index != self.choice:
            self.touched = True
            other = self.sibling(candidate.index)
            if other is not None:
                before = other.tap.output_bytes
                if other.calls.count == 0:
                    other.calls.seed = self.calls.seed + <unsigned long long> other.ordinal
                other._candidate(candidate)
                if other.stop_word != STOP_NONE:
                    other.end_choice()
                self.heed(other, before)
                return
        if is_object(&candidate.logprobs):
            self.touched = True
            if self.encoder is not None and candidate.index == self.choice:
                put_gemini_entries(&self.odds, &candidate.logprobs)
        if candidate.count:
            self._part(candidate, &candidate.first)
        if candidate.count > 1:
            enter(&walk, &candidate.parts)
            while step(&walk):
                read_part(&walk, &part)
                if part.whole.p > candidate.first.whole.p:
                    self._part(candidate, &part)
        if candidate.index != self.choice:
            return
        if is_object(&candidate.grounding):
            self.touched = True
            clear(&self.grounding)
            put_bytes(&self.grounding, candidate.grounding.p, candidate.grounding.end - candidate.grounding.p)
        self._finish_reason(&candidate.reason)

    cdef void _part(self, const Candidate *candidate, const Part *part) noexcept:
        """Signatures of thoughts and calls travel with them, those of text parts have no place in other dialects."""
        cdef Slice text
        cdef Event event
        cdef bint thought
        if candidate.index != self.choice:       # only counted
            if text_of(&part.text, &text):
                self.tap.output_bytes += plain_length(&text)
            return
        if is_object(&part.call):
            self._call(part)
        elif text_of(&part.text, &text):
            thought = is_true(&part.thought)
            if text.n:
                self._say(THINKING if thought else TEXT, &text)
            if thought and self.thinking >= 0 and text_of(&part.signature, &text) and text.n:
                self.touched = True
                clear(&self.proof)
                put_bytes(&self.proof, text.p, text.n)
        elif is_object(&part.inline_data):
            self._media(&part.inline_data)
        elif is_object(&part.other):
            prepare(&event, EXTRA)
            raw_of(&part.whole, &event.a)
            self.emit(&event)

    cdef void _call(self, const Part *part) noexcept:
        """A call comes whole. Its id is the upstream's, or one derived from the answer."""
        cdef Fragment fragment
        cdef Slice signature
        cdef Value found
        cdef int known = self.calls.count
        memset(&fragment, 0, sizeof(Fragment))
        fragment.number = self.parts
        find(&part.call, b"id", &found)
        text_of(&found, &fragment.id)
        find(&part.call, b"name", &found)
        text_of(&found, &fragment.name)
        if find(&part.call, b"args", &found) and is_object(&found):
            raw_of(&found, &fragment.arguments)
        if fragment.name.n == 0:
            self.skipped += 1
            return
        self.parts += 1
        self._leave(TOOL)
        self.calls.take(self, &fragment)
        if self.calls.count > known and text_of(&part.signature, &signature) and signature.n:
            self._sign(TOOL, self.calls.calls[known].block, &signature)
        self.calls.settle(self)

    cdef void _media(self, const Value *data) noexcept:
        cdef Event event
        cdef Value found
        self._leave(-1)
        self.calls.settle(self)
        prepare(&event, MEDIA)
        event.index = self.next_block
        find(data, b"mimeType", &found)
        text_of(&found, &event.a)
        find(data, b"data", &found)
        if text_of(&found, &event.b) and event.b.n:
            self.next_block += 1
            self.emit(&event)

    cdef void _say(self, int block, const Slice *text) noexcept:
        """A delta of text or thinking, in the open block of that kind or in a new one."""
        cdef int *index = &self.text if block == TEXT else &self.thinking
        if index[0] < 0:
            self._leave(block)
            index[0] = self.open(block)
            if block == TEXT:
                clear(&self.spoken_text)
        if block == TEXT:
            put_plain(&self.spoken_text, text)
        self.delta(block, index[0], text)

    cdef void _leave(self, int block) noexcept:
        """Close the open block of any other kind than ``block``."""
        cdef Slice proof
        if self.text >= 0 and block != TEXT:
            self.close(self.text)
            self.text = -1
        if self.thinking >= 0 and block != THINKING:
            proof.p = self.proof.data
            proof.n = self.proof.size
            proof.form = ESCAPED
            if proof.n:
                self._sign(THINKING, self.thinking, &proof)
            clear(&self.proof)
            self.close(self.thinking)
            self.thinking = -1

    cdef void _sign(self, int block, int index, const Slice *signature) noexcept:
        cdef Event event
        prepare(&event, SIGNATURE)
        event.block = block
        event.index = index
        event.a = signature[0]
        event.b = utf8(b"gemini", 6)
        self.emit(&event)

    cdef void _finish_reason(self, const Value *word) noexcept:
        cdef int said = STOP_FILTER
        if not is_string(word) or word.end - word.p == 2 or text_is(word, b"FINISH_REASON_UNSPECIFIED"):
            return
        if text_is(word, b"MAX_TOKENS"):
            said = STOP_LENGTH
        elif text_is(word, b"STOP") or text_is(word, b"CONTINUATION"):
            said = STOP_STOP
        elif (text_is(word, b"MALFORMED_FUNCTION_CALL") or text_is(word, b"UNEXPECTED_TOOL_CALL")
                or text_is(word, b"TOO_MANY_TOOL_CALLS") or text_is(word, b"MALFORMED_RESPONSE")
                or text_is(word, b"MISSING_THOUGHT_SIGNATURE") or text_is(word, b"OTHER") or text_is(word, b"LANGUAGE")
                or text_is(word, b"NO_IMAGE") or text_is(word, b"IMAGE_OTHER")):
            said = STOP_STOP
            self.spoiled = True
        elif not is_refusal(word):
            said = STOP_STOP
        self.touched = True
        if self.stop_word == STOP_NONE or said != STOP_STOP:
            self.stop_word = said

    cdef void _cite(self) noexcept:
        """What grounds the open text block: ranges of it with their sources, or the sources alone."""
        cdef Value raw, chunks, supports, item
        cdef Walk walk
        cdef int left = MOST_CITATIONS
        raw.p = self.grounding.data
        raw.end = self.grounding.data + self.grounding.size
        if self.text < 0 or self.grounding.size == 0 or not find(&raw, b"groundingChunks", &chunks) or not is_array(&chunks):
            return
        if find(&raw, b"groundingSupports", &supports) and is_array(&supports):
            enter(&walk, &supports)
            while left > 0 and next_item(&walk, &item):
                self._cite_support(&item, &chunks, &left)
        else:
            enter(&walk, &chunks)
            while left > 0 and next_item(&walk, &item):
                self._citation(&item, -1, -1)
                left -= 1

    cdef void _cite_support(self, const Value *support, const Value *chunks, int *left) noexcept:
        cdef Value segment, indices, number, chunk
        cdef Walk walk, inner
        cdef long long start = 0, stop = 0, wanted = 0, at
        find(support, b"segment", &segment)
        if find(&segment, b"startIndex", &number):
            integer_of(&number, &start)
        if find(&segment, b"endIndex", &number):
            integer_of(&number, &stop)
        if not find(support, b"groundingChunkIndices", &indices) or not is_array(&indices):
            return
        start = self._characters(start)
        stop = self._characters(stop)
        enter(&walk, &indices)
        while left[0] > 0 and next_item(&walk, &number):
            if not integer_of(&number, &wanted):
                continue
            at = 0
            enter(&inner, chunks)
            while next_item(&inner, &chunk):
                if at == wanted:
                    self._citation(&chunk, start, stop)
                    break
                at += 1
            left[0] -= 1

    cdef void _citation(self, const Value *chunk, long long start, long long stop) noexcept:
        cdef Buffer raw = fresh()
        cdef Event event
        cdef Value web, found
        cdef Slice url, title
        if not find(chunk, b"web", &web) or not find(&web, b"uri", &found) or not text_of(&found, &url) or url.n == 0:
            return
        find(&web, b"title", &found)
        text_of(&found, &title)
        puts(&raw, b'{"type":"url_citation","url":"')
        put_string(&raw, &url)
        puts(&raw, b'","title":"')
        put_string(&raw, &title)
        puts(&raw, b'"')
        if stop > start >= 0:
            puts(&raw, b',"start_index":')
            put_int(&raw, start)
            puts(&raw, b',"end_index":')
            put_int(&raw, stop)
        puts(&raw, b"}")
        if not raw.failed:
            prepare(&event, CITATION)
            event.block = TEXT
            event.index = self.text
            event.a.p = raw.data
            event.a.n = raw.size
            event.a.form = JSON
            self.emit(&event)
        release(&raw)

    cdef long long _characters(self, long long bytes) noexcept:
        """Characters in so many bytes of the open text block."""
        cdef Py_ssize_t i
        cdef Py_ssize_t until = <Py_ssize_t> bytes if bytes < self.spoken_text.size else self.spoken_text.size
        cdef long long count = 0
        for i in range(until):
            if (<unsigned char> self.spoken_text.data[i] & 0xC0) != 0x80:
                count += 1
        return count

    cdef void _stop(self) noexcept:
        """Close what is open and say how the answer ended."""
        cdef Event event
        self._cite()
        clear(&self.grounding)
        self._leave(-1)
        self.calls.finish(self)
        if self.spoiled and self.next_block == 0:
            self.give_up(502, b"upstream_bad_answer", b"The model ended its answer without content: it could not be completed.")
            return
        self.stopped = True
        prepare(&event, STOP)
        event.stop = settled(self.stop_word, self.calls.opened > 0, False)
        self.emit(&event)

    cdef void end_choice(self) noexcept:
        if not self.stopped and not self.done:
            self._stop()

    cdef void complete(self) noexcept:
        cdef Event event
        self.end_siblings()
        self._stop()        # again if content followed the finish reason: the last word counts
        prepare(&event, END)
        self.emit(&event)

    cdef int role(self, const char *key, Py_ssize_t n) noexcept:
        return TOTALS if same(key, n, b"usageMetadata") else FIXED

    cdef void again(self, int block, int index, const Slice *text) noexcept:
        if block == TEXT:
            put_plain(&self.spoken_text, text)
        self.delta(block, index, text)

    cdef void totals(self, const Value *value) noexcept:
        cdef Event event
        prepare(&event, USAGE)
        read_gemini_usage(value, &event.usage)
        self.emit(&event)

    cdef void write_error(self, Buffer *out, const Event *error) noexcept:
        gemini_error(out, error)


def unwrapped(bytes data not None):
    cdef const char *begin = PyBytes_AS_STRING(data)
    cdef const char *end = begin + PyBytes_GET_SIZE(data)
    cdef Value whole, found
    whole.p = skip_space(begin, end)
    if whole.p >= end or whole.p[0] != c'{':
        return None
    whole.end = value_end(whole.p, end)
    if whole.end == NULL or skip_space(whole.end, end) != end:
        return None
    if not find(&whole, b"response", &found) or not is_object(&found):
        return None
    return found.p[:found.end - found.p]
