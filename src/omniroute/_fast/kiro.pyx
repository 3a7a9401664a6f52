# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""CodeWhisperer streams: JSON events in AWS event-stream frames. There is no reliable end: a clean end of data is one."""

from libc.string cimport memset

from omniroute._fast.calls cimport Fragment
from omniroute._fast.events cimport (
    ERROR, STOP_CONTEXT, STOP_FILTER, STOP_LENGTH, STOP_NONE, STOP_PAUSE, STOP_STOP, STOP_TOOL, TEXT, THINKING, TOOL, USAGE,
    Event, Slice, prepare, utf8,
)
from omniroute._fast.eventstream cimport EVENT_FRAME, Frames
from omniroute._fast.framed cimport FramedDecoder
from omniroute._fast.scan cimport (
    Value, find, integer_of, is_object, is_string, raw_of, same, skip_space, text_is, text_of, value_end,
)
from omniroute._fast.sse cimport Sse
from omniroute._fast.stream cimport SKIPPED, TAKEN, Decoder


cdef enum:
    WINDOW = 200000         # tokens, of the models served here: shares of it are all that is told of the input
    LONGEST_MESSAGE = 2000

cdef const char *VENDOR = b"kiro"


cdef inline bint is_event(const Sse *sse, const char *name) noexcept nogil:
    return same(sse.name, sse.name_length, name)


cdef int status_of_kind(const Sse *sse) noexcept nogil:
    """The HTTP status an exception would have been answered with, 0 of one nobody knows."""
    if is_event(sse, b"ThrottlingException") or is_event(sse, b"ServiceQuotaExceededException"):
        return 429
    if is_event(sse, b"ValidationException") or is_event(sse, b"ContentLengthExceededException"):
        return 400
    if is_event(sse, b"ExpiredTokenException") or is_event(sse, b"UnrecognizedClientException"):
        return 401
    if is_event(sse, b"AccessDeniedException"):
        return 403
    if is_event(sse, b"ResourceNotFoundException"):
        return 404
    if is_event(sse, b"ConflictException"):
        return 409
    if is_event(sse, b"InternalServerException"):
        return 500
    return 503 if is_event(sse, b"ServiceUnavailableException") else 0


cdef int stop_of(const Value *word) noexcept nogil:
    if text_is(word, b"END_TURN"):
        return STOP_STOP
    if text_is(word, b"TOOL_USE"):
        return STOP_TOOL
    if text_is(word, b"MAX_TOKENS"):
        return STOP_LENGTH
    if text_is(word, b"MODEL_CONTEXT_WINDOW_EXCEEDED"):
        return STOP_CONTEXT
    if text_is(word, b"CONTENT_FILTERED"):
        return STOP_FILTER
    return STOP_PAUSE if text_is(word, b"PAUSE_TURN") else STOP_NONE


cdef long long share_of_window(const Value *percentage) noexcept nogil:
    """Tokens that are so many per cent of the window; -1 if it is no share of it."""
    cdef const char *p = percentage.p
    cdef long long whole = 0
    cdef long long weight = 100000      # of the first decimal place, in millionths
    if not integer_of(percentage, &whole) or whole > 100:
        return -1
    whole *= 1000000
    while p < percentage.end and c'0' <= p[0] <= c'9':
        p += 1
    if p < percentage.end and p[0] == c'.':
        p += 1
        while p < percentage.end and c'0' <= p[0] <= c'9':
            whole += weight * (p[0] - c'0')
            weight //= 10
            p += 1
    if p < percentage.end:
        return 0                        # an exponent: numbers that small are written so
    return (whole * (WINDOW // 1000) + 99999) // 100000


cdef class KiroDecoder(FramedDecoder):
    """Reads the frames of a CodeWhisperer upstream."""

    def __cinit__(self):
        self.splitter = Frames()

    cdef int event(self, const Sse *sse) noexcept:
        cdef Frames frames = <Frames> self.splitter
        cdef const char *end = sse.data + sse.data_length
        cdef Value body
        self.touched = True         # never recognised by its shape: its checksums must be looked at
        body.p = skip_space(sse.data, end)
        body.end = value_end(body.p, end)
        if body.end == NULL or not is_object(&body) or skip_space(body.end, end) != end:
            body.p = body.end = NULL
        if frames.message != EVENT_FRAME:
            self._fault(sse, &body)
            return TAKEN
        if body.p == NULL or sse.name == NULL:
            self.skipped += 1
            return SKIPPED
        self.calls.stir(body.p, body.end - body.p)
        self._event(sse, &body)
        return TAKEN

    cdef void _event(self, const Sse *sse, const Value *body) noexcept:
        cdef Value found
        cdef Slice id
        if is_event(sse, b"assistantResponseEvent") or is_event(sse, b"codeEvent"):
            self._text(TEXT, body)
        elif is_event(sse, b"toolUseEvent"):
            self._call(body)
        elif is_event(sse, b"reasoningContentEvent"):
            self._reason(body)
        elif is_event(sse, b"messageMetadataEvent"):
            find(body, b"utteranceId", &found)
            if text_of(&found, &id) and id.n:
                self.begin(&id, NULL)
        elif is_event(sse, b"metadataEvent"):
            if find(body, b"tokenUsage", &found):
                self._count(&found)
            self._stop(body)
        elif is_event(sse, b"metricsEvent"):
            self._count(body)
        elif is_event(sse, b"contextUsageEvent"):
            self._share(body)
        elif is_event(sse, b"messageStopEvent"):
            self.stopped = True
            self._stop(body)

    cdef void _text(self, int block, const Value *body) noexcept:
        cdef Value found
        cdef Slice said, model
        if not find(body, b"content", &found) or not text_of(&found, &said) or said.n == 0:
            return
        if find(body, b"modelId", &found) and text_of(&found, &model):
            self.begin(NULL, &model)
        self.say(block, &said)

    cdef void _reason(self, const Value *body) noexcept:
        cdef Value found
        cdef Slice said
        if find(body, b"redactedContent", &found) and text_of(&found, &said):
            self.withhold(&said, VENDOR)
        if (find(body, b"text", &found) or find(body, b"content", &found)) and text_of(&found, &said):
            self.say(THINKING, &said)
        if find(body, b"signature", &found) and text_of(&found, &said):
            self.sign(&said, VENDOR)

    cdef void _call(self, const Value *body) noexcept:
        """Calls come one after the other, their input in pieces of text or, rarely, as one object."""
        cdef Fragment fragment
        cdef Value found
        memset(&fragment, 0, sizeof(Fragment))
        fragment.number = -1
        if find(body, b"toolUseId", &found):
            text_of(&found, &fragment.id)
        if find(body, b"name", &found):
            text_of(&found, &fragment.name)
        if find(body, b"input", &found):
            if is_object(&found):
                raw_of(&found, &fragment.arguments)
            else:
                text_of(&found, &fragment.arguments)
        if fragment.id.n or fragment.name.n or fragment.arguments.n:
            self.heard = self.calling = True
            self.begin(NULL, NULL)
            self.leave(TOOL)
            self.calls.take(self, &fragment)
        if find(body, b"stop", &found) and found.p[0] == c't':
            self.calling = False
            self.calls.settle(self)

    cdef void _count(self, const Value *usage) noexcept:
        """Exact counts. Those of the input are of parts that do not overlap."""
        cdef Event event
        cdef Value found
        prepare(&event, USAGE)
        if find(usage, b"outputTokens", &found):
            integer_of(&found, &event.usage.output)
        if find(usage, b"inputTokens", &found):
            integer_of(&found, &event.usage.input)
        if find(usage, b"uncachedInputTokens", &found):
            integer_of(&found, &event.usage.input)
            if find(usage, b"cacheReadInputTokens", &found) and integer_of(&found, &event.usage.cached):
                event.usage.input += event.usage.cached if event.usage.input >= 0 else 0
            if find(usage, b"cacheWriteInputTokens", &found) and integer_of(&found, &event.usage.written):
                event.usage.input += event.usage.written if event.usage.input >= 0 else 0
        if event.usage.input >= 0 or event.usage.output >= 0:
            self.counted_exactly = self.counted_exactly or event.usage.input >= 0
            self.emit(&event)

    cdef void _share(self, const Value *body) noexcept:
        """How full the window is: an estimate of the input, told without the output so that it is known to be one."""
        cdef Event event
        cdef Value found
        prepare(&event, USAGE)
        if not self.counted_exactly and find(body, b"contextUsagePercentage", &found):
            event.usage.input = share_of_window(&found)
            if event.usage.input >= 0:
                self.emit(&event)

    cdef void _stop(self, const Value *body) noexcept:
        cdef Value found
        if find(body, b"stopReason", &found) and is_string(&found):
            self.stop_word = stop_of(&found)
            self.stopped = True

    cdef void _fault(self, const Sse *sse, const Value *body) noexcept:
        """An exception inside the stream. An answer that grew too long has ended, if there is any of it."""
        cdef Frames frames = <Frames> self.splitter
        cdef Event event
        cdef Value found
        if is_event(sse, b"ContentLengthExceededException") and self.heard:
            self.stop_word = STOP_LENGTH
            self.stopped = True
            return
        prepare(&event, ERROR)
        event.status = status_of_kind(sse)
        event.b = utf8(sse.name, sse.name_length)
        event.a = frames.explanation
        if find(body, b"message", &found) or find(body, b"Message", &found):
            text_of(&found, &event.a)
        if find(body, b"reason", &found) and is_string(&found) and found.end - found.p > 2:
            text_of(&found, &event.b)
        elif is_event(sse, b"ContentLengthExceededException"):
            event.b = utf8(b"CONTENT_LENGTH_EXCEEDS_THRESHOLD", 32)
        if event.a.n == 0:
            event.a = utf8(b"The upstream reported an error without a message.", 49)
        if event.a.n > LONGEST_MESSAGE:
            event.a.n = LONGEST_MESSAGE
        if event.status == 0:
            event.status = 502
        self.emit(&event)

    cdef bint plausible(self) noexcept:
        return self.heard and not (self.calling and self.cut())

    cdef void check_size(self) noexcept:
        if (<Frames> self.splitter).damaged and not self.done:
            self.give_up(502, b"upstream_bad_answer", b"A frame of the upstream's stream is damaged.")
        Decoder.check_size(self)
