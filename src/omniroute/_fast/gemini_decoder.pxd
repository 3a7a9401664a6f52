# cython: language_level=3
"""Gemini generateContent: the stream decoder."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.calls cimport Calls
from omniroute._fast.events cimport Slice
from omniroute._fast.gemini_parts cimport Candidate, Chunk, Part
from omniroute._fast.scan cimport Value
from omniroute._fast.stream cimport Decoder


cdef enum:
    MOST_CITATIONS = 1024

cdef class GeminiDecoder(Decoder):
    cdef Calls calls
    cdef long long parts            # function calls seen so far
    cdef int text                   # index of the open block of that kind, -1
    cdef int thinking
    cdef int stop_word              # events.Stop of the upstream
    cdef bint enveloped             # chunks stand in the member "response" of another object
    cdef bint begun
    cdef bint spoiled               # the finish reason speaks of an answer that could not be made
    cdef Buffer spoken_text         # the open text block as plain text: citations count its bytes
    cdef Buffer grounding           # raw, the latest
    cdef Buffer proof               # signature of the open thinking block, JSON string content

    cdef void _chunk(self, const Chunk *chunk) noexcept
    cdef void _begin(self, const Chunk *chunk) noexcept
    cdef void _candidate(self, const Candidate *candidate) noexcept
    cdef void _part(self, const Candidate *candidate, const Part *part) noexcept
    cdef void _call(self, const Part *part) noexcept
    cdef void _media(self, const Value *data) noexcept
    cdef void _say(self, int block, const Slice *text) noexcept
    cdef void _leave(self, int block) noexcept
    cdef void _sign(self, int block, int index, const Slice *signature) noexcept
    cdef void _finish_reason(self, const Value *word) noexcept
    cdef void _cite(self) noexcept
    cdef void _cite_support(self, const Value *support, const Value *chunks, int *left) noexcept
    cdef void _citation(self, const Value *chunk, long long start, long long stop) noexcept
    cdef long long _characters(self, long long bytes) noexcept
    cdef void _stop(self) noexcept
