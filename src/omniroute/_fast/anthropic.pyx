# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Anthropic Messages streams, written: named events around strictly sequential content blocks."""

from hashlib import sha256

from libc.string cimport strlen

from omniroute._fast.buffer cimport (
    Buffer, clear, fresh, put_buffer, put_bytes, put_plain, put_string, put_text, put_value, puts, release,
)
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, CITATION, DELTA, END, ERROR, MEDIA, PING, REDACTED, SIGNATURE, STOP, STOP_CONTEXT, STOP_FILTER,
    STOP_LENGTH, STOP_NONE, STOP_PAUSE, STOP_REFUSAL, STOP_SEQUENCE, STOP_TOOL, TEXT, THINKING, TOOL, USAGE, Event, Slice,
    Usage, merge, nothing_stated, prepare, utf8,
)
from omniroute._fast.frames cimport anthropic_error, anthropic_ping, anthropic_stop, block_delta, block_start, block_stop
from omniroute._fast.lanes cimport MOST_WAITING, Lane, advance, lane_of, open_lane, release_lanes, target_of, waiting_bytes
from omniroute._fast.scan cimport Value, find, is_string, same
from omniroute._fast.signature cimport put_proof
from omniroute._fast.stream cimport Encoder, json_text
from omniroute._fast.usage cimport write_anthropic_usage

from omniroute._fast.anthropic_decoder import AnthropicDecoder

__all__ = ["AnthropicDecoder", "AnthropicEncoder"]


cdef enum:
    LONGEST_ID = 64


cdef const char *MEDIA_NOTE = b"[image attachment omitted: not supported by this model]"


cdef inline bint id_byte(unsigned char c) noexcept nogil:
    return c'0' <= c <= c'9' or c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c == c'_' or c == c'-'


cdef bytes legal_id(bytes original, set given):
    """A tool_use id the dialect accepts, different for different originals: itself where possible, else with a hash of itself."""
    cdef bytes legal = bytes([c if id_byte(c) else 0x5F for c in original])
    if 0 < len(legal) <= LONGEST_ID and legal not in given:
        return legal
    return legal[:47] + b"_" + sha256(original).hexdigest()[:16].encode()


cdef class AnthropicEncoder(Encoder):
    """Writes the stream an Anthropic client expects: message_start, sequential blocks, message_delta, message_stop."""

    def __init__(self, str id not None, str model not None, long long input_tokens=0, tool_names=None):
        self.id = json_text(id)
        self.model = json_text(model)
        self.input_estimate = input_tokens
        self.tool_names = dict(tool_names) if tool_names else None
        self.usage = nothing_stated()
        self.given = set()

    def __dealloc__(self):
        release_lanes(&self.lanes)
        release(&self.stop_sequence)

    cdef void put(self, const Event *event) noexcept:
        cdef int kind = event.kind
        if self.ended:
            return
        if kind == DELTA:
            self._delta(event)
        elif kind == BLOCK_OPEN:
            self._open(event)
        elif kind == BLOCK_CLOSE:
            self._close(event.index)
        elif kind == SIGNATURE:
            self._signature(event)
        elif kind == CITATION:
            self._citation(event)
        elif kind == MEDIA:
            self._media(event)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
            if self.stop != STOP_NONE and event.usage.output >= 0:      # the late usage everybody waits for
                self._end()
        elif kind == STOP:
            self.stop = event.stop
            clear(&self.stop_sequence)
            put_string(&self.stop_sequence, &event.a)
        elif kind == END:
            self._end()
        elif kind == ERROR:
            self._error(event)
        elif kind == PING and self.begun:
            anthropic_ping(&self.out)

    cdef void _begin(self) noexcept:
        """message_start, as late as its input usage may still come and not later."""
        cdef Usage usage = self.usage
        if self.begun:
            return
        self.begun = True
        if usage.input < 0:
            usage.input = self.input_estimate
        puts(&self.out, b'event: message_start\ndata: {"type":"message_start","message":{"id":"')
        put_bytes(&self.out, <const char *> self.id, len(self.id))
        puts(&self.out, b'","type":"message","role":"assistant","model":"')
        put_bytes(&self.out, <const char *> self.model, len(self.model))
        puts(&self.out, b'","content":[],"stop_reason":null,"stop_sequence":null,')
        write_anthropic_usage(&self.out, &usage, usage.output)
        puts(&self.out, b"}}\n\n")

    cdef void _open(self, const Event *event) noexcept:
        cdef Lane *lane
        cdef Buffer *out
        self._begin()
        lane = open_lane(&self.lanes, event.index, event.block)
        if lane == NULL:
            self.out.failed = True
            return
        out = target_of(&self.lanes, lane, &self.out)
        if event.block == TOOL:
            block_start(out, lane.index, b"tool_use")
            puts(out, b',"id":"')
            self._put_id(out, &event.a)
            self.output_bytes += event.b.n
            puts(out, b'","name":"')
            self.put_name(out, &event.b)
            puts(out, b'","input":{}')
        elif event.block == THINKING:
            block_start(out, lane.index, b"thinking")
            puts(out, b',"thinking":"","signature":""')
        elif event.block == REDACTED:
            block_start(out, lane.index, b"redacted_thinking")
            puts(out, b',"data":"')
            put_proof(out, b"anthropic", &event.b, b"redacted", &event.a, NULL)
            puts(out, b'"')
        else:
            block_start(out, lane.index, b"text")
            puts(out, b',"text":""')
        puts(out, b"}}\n\n")

    cdef void _delta(self, const Event *event) noexcept:
        cdef Lane *lane = lane_of(&self.lanes, event.index)
        cdef Buffer *out
        if lane == NULL or event.a.n == 0:
            return
        out = target_of(&self.lanes, lane, &self.out)
        self.output_bytes += event.a.n
        if lane.block == TOOL:
            block_delta(out, lane.index, b'input_json_delta","partial_json')
        elif lane.block == THINKING:
            block_delta(out, lane.index, b'thinking_delta","thinking')
        else:
            block_delta(out, lane.index, b'text_delta","text')
        puts(out, b'"')
        put_text(out, event)
        puts(out, b'"}}\n\n')
        if out != &self.out and waiting_bytes(&self.lanes) > MOST_WAITING:
            self._close(self.lanes.lanes[0].source)     # the one in front keeps too many waiting

    cdef void _signature(self, const Event *event) noexcept:
        cdef Lane *lane = lane_of(&self.lanes, event.index)
        cdef Buffer *out
        if lane == NULL or lane.block != THINKING or event.b.n == 0:
            return
        out = target_of(&self.lanes, lane, &self.out)
        block_delta(out, lane.index, b'signature_delta","signature')
        puts(out, b'"')
        put_proof(out, b"anthropic", &event.b, b"signature", &event.a, NULL)
        puts(out, b'"}}\n\n')

    cdef void _media(self, const Event *event) noexcept:
        """Answers of this dialect hold no files: a note in a text block says what was there."""
        cdef Event note = event[0]
        note.block = TEXT
        self._open(&note)
        note.a = utf8(MEDIA_NOTE, <Py_ssize_t> strlen(MEDIA_NOTE))
        self._delta(&note)
        self._close(note.index)

    cdef void _citation(self, const Event *event) noexcept:
        """Only what an Anthropic upstream said: other vendors' objects would not be understood."""
        cdef Lane *lane = lane_of(&self.lanes, event.index)
        cdef Buffer *out
        cdef Value raw, type
        raw.p = event.a.p
        raw.end = event.a.p + event.a.n
        if lane == NULL or lane.block != TEXT or not find(&raw, b"type", &type) or not is_string(&type):
            return
        if type.end - type.p < 11 or not same(type.end - 10, 9, b"_location"):
            return
        out = target_of(&self.lanes, lane, &self.out)
        block_delta(out, lane.index, b'citations_delta","citation')
        put_value(out, &event.a)
        puts(out, b"}}\n\n")

    cdef void _close(self, int source) noexcept:
        cdef Lane *lane = lane_of(&self.lanes, source)
        cdef Buffer *out
        if lane == NULL:
            return
        out = target_of(&self.lanes, lane, &self.out)
        block_stop(out, lane.index)
        lane.closed = True
        advance(&self.lanes, &self.out)

    cdef void _put_id(self, Buffer *out, const Slice *id) noexcept:
        cdef Buffer plain = fresh()
        cdef bytes legal
        put_plain(&plain, id)
        try:
            legal = legal_id(plain.data[:plain.size] if plain.size else self.id + b"_%d" % self.lanes.opened, self.given)
            self.given.add(legal)
        except MemoryError:
            out.failed = True
            legal = b""
        release(&plain)
        put_bytes(out, <const char *> legal, len(legal))

    cdef void _end(self) noexcept:
        cdef Event empty
        cdef Usage usage = self.usage
        cdef int stop = self.stop
        while self.lanes.count:
            self._close(self.lanes.lanes[0].source)
        self._begin()
        if self.lanes.opened == 0:      # clients choke on an answer without any block
            prepare(&empty, BLOCK_OPEN)
            empty.block = TEXT
            self._open(&empty)
            self._close(empty.index)
        if usage.input < 0:
            usage.input = self.input_estimate
        if usage.output < 0:            # the upstream never said: about four bytes make a token
            usage.output = (self.output_bytes + 3) // 4
        puts(&self.out, b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"')
        if stop == STOP_TOOL:
            puts(&self.out, b"tool_use")
        elif stop == STOP_LENGTH:
            puts(&self.out, b"max_tokens")
        elif stop == STOP_CONTEXT:
            puts(&self.out, b"model_context_window_exceeded")
        elif stop == STOP_FILTER or stop == STOP_REFUSAL:
            puts(&self.out, b"refusal")
        elif stop == STOP_PAUSE:
            puts(&self.out, b"pause_turn")
        elif stop == STOP_SEQUENCE and self.stop_sequence.size:
            puts(&self.out, b"stop_sequence")
        else:
            puts(&self.out, b"end_turn")
        puts(&self.out, b'","stop_sequence":')
        if stop == STOP_SEQUENCE and self.stop_sequence.size:
            puts(&self.out, b'"')
            put_buffer(&self.out, &self.stop_sequence)
            puts(&self.out, b'"},')
        else:
            puts(&self.out, b"null},")
        write_anthropic_usage(&self.out, &usage, usage.output)
        puts(&self.out, b"}\n\n")
        anthropic_stop(&self.out)
        self.ended = True

    cdef void _error(self, const Event *event) noexcept:
        """Close the block the client sees open, say what happened, and nothing after it."""
        if self.lanes.count:
            block_stop(&self.out, self.lanes.lanes[0].index)
        anthropic_error(&self.out, event)
        self.ended = True

    cdef void ping(self, bint comments) noexcept:
        anthropic_ping(&self.out)
