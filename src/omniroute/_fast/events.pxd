# cython: language_level=3
"""The stream IR: what any dialect's stream says, as C structs that live until the encoder's ``put`` returns.

Grammar a Decoder emits (one answer):

    START  (BLOCK_OPEN DELTA* BLOCK_CLOSE | MEDIA | USAGE | PING | EXTRA | STOP)*  [END]
    ERROR may come at any time and ends the stream; nothing follows END.

The blocks of a further ``choice`` have indices of their own; START, USAGE, ERROR and END are of the whole.

``index`` counts up per block from 0 in order of opening. Blocks overlap only while a TOOL block is open (Chat upstreams
interleave parallel calls, and some put text between the fragments of one): encoders whose dialect is sequential queue what
overlaps. STOP comes before END and may be repeated, the last one counts: sloppy upstreams go on after their finish, so
encoders hold the stop word until END, or until a USAGE that follows it.
"""

from libc.string cimport memset


cdef enum Kind:
    START        # a: response id, b: model
    BLOCK_OPEN   # block, index; TOOL: a = call id, b = name
    DELTA        # block, index, a = text | thinking text | argument JSON fragment | refusal text
    SIGNATURE    # index of an open THINKING (or TOOL) block, a = signature, b = format name of the vendor whose it is
    BLOCK_CLOSE  # index
    CITATION     # index, a = raw citation object (JSON) of the source dialect
    USAGE        # usage fields that are >= 0 replace what is known
    STOP         # stop, a = stop sequence if any
    ERROR        # status, a = message, b = type or code word
    PING
    EXTRA        # a = raw event (JSON) that only the source dialect knows
    END          # the dialect's terminator was seen, or clean end of data after STOP
    MEDIA        # index of a block of its own, a = MIME type, b = base64 data: an image or other file, whole
    LOGPROBS     # index of an open TEXT block, a = entries (``logprobs.pxd``) of the DELTA that follows or of the text so far

cdef enum Block:
    TEXT
    THINKING
    REDACTED     # a of BLOCK_OPEN = opaque data, b = format name of the vendor whose it is; no deltas
    TOOL
    REFUSAL

cdef enum Form:
    ESCAPED      # the inside of a JSON string, still escaped
    JSON         # a raw JSON value
    UTF8         # plain bytes

cdef enum Stop:
    STOP_NONE
    STOP_STOP
    STOP_SEQUENCE
    STOP_TOOL
    STOP_LENGTH
    STOP_CONTEXT
    STOP_FILTER
    STOP_REFUSAL
    STOP_PAUSE

cdef struct Slice:
    const char *p
    Py_ssize_t n
    int form

cdef struct Usage:
    # -1 = not stated. input includes cached and written, output includes reasoning (canonical, see ir.response.Usage)
    long long input
    long long cached
    long long written
    long long output
    long long reasoning

cdef struct Event:
    int kind
    int block
    int index
    int stop
    int status
    int choice              # which of several answers, in the order of their appearance; others than 0: blocks and STOP alone
    bint clean              # of a DELTA: the text may be copied into a JSON string as it is
    Slice a
    Slice b
    Py_ssize_t length       # of a DELTA: bytes and code points of the plain text, 0 where nobody counted yet
    Py_ssize_t characters
    Usage usage


cdef inline void prepare(Event *event, int kind) noexcept nogil:
    """An event without content."""
    memset(event, 0, sizeof(Event))
    event.kind = kind
    event.usage.input = event.usage.cached = event.usage.written = event.usage.output = event.usage.reasoning = -1


cdef inline Slice utf8(const char *p, Py_ssize_t n) noexcept nogil:
    cdef Slice s
    s.p = p
    s.n = n
    s.form = UTF8
    return s


cdef inline void merge(Usage *known, const Usage *news) noexcept nogil:
    """Values that are stated replace what is known."""
    if news.input >= 0:
        known.input = news.input
    if news.cached >= 0:
        known.cached = news.cached
    if news.written >= 0:
        known.written = news.written
    if news.output >= 0:
        known.output = news.output
    if news.reasoning >= 0:
        known.reasoning = news.reasoning


cdef inline Usage nothing_stated() noexcept nogil:
    cdef Usage usage
    usage.input = usage.cached = usage.written = usage.output = usage.reasoning = -1
    return usage


cdef inline int settled(int said, bint called, bint refused) noexcept nogil:
    """The stop word that fits what was sent: a finish with calls is the tool one, and never without; text refusals count."""
    if said == STOP_LENGTH or said == STOP_CONTEXT or said == STOP_FILTER or said == STOP_REFUSAL:
        return said
    if called:
        return STOP_TOOL
    if refused:
        return STOP_REFUSAL
    return STOP_STOP if said == STOP_NONE or said == STOP_TOOL else said
