# cython: language_level=3
"""The stream IR: what any dialect's stream says, as C structs that live until the encoder's ``put`` returns.

Grammar a Decoder emits (one answer):

    START  (BLOCK_OPEN DELTA* BLOCK_CLOSE | USAGE | PING | EXTRA)*  STOP  USAGE*  [END]
    ERROR may come at any time and ends the stream.

Blocks may overlap only for tools (Chat upstreams interleave parallel calls); ``index`` tells them apart: it counts up per
block from 0 in order of opening. Encoders whose dialect is sequential queue what overlaps.
"""

cdef enum Kind:
    START        # a: response id, b: model
    BLOCK_OPEN   # block, index; TOOL: a = call id, b = name
    DELTA        # block, index, a = text | thinking text | argument JSON fragment | refusal text
    SIGNATURE    # index of an open THINKING (or TOOL) block, a = signature
    BLOCK_CLOSE  # index
    CITATION     # index, a = raw citation object (JSON) of the source dialect
    USAGE        # usage fields that are >= 0 replace what is known
    STOP         # stop, a = stop sequence if any; always before END
    ERROR        # status, a = message, b = type or code word
    PING
    EXTRA        # a = raw event (JSON) that only the source dialect knows
    END          # the dialect's terminator was seen, or clean end of data after STOP

cdef enum Block:
    TEXT
    THINKING
    REDACTED     # a of BLOCK_OPEN = opaque data; no deltas
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
    Slice a
    Slice b
    Usage usage
