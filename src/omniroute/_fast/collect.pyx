# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Collector: gathers a stream into the blocks of a finished answer."""

from omniroute._fast.buffer cimport Buffer, clear, fresh, put_plain, put_value, release
from omniroute._fast.events cimport (
    BLOCK_OPEN, CITATION, DELTA, END, ERROR, EXTRA, LOGPROBS, MEDIA, REDACTED, SIGNATURE, STOP, STOP_SEQUENCE, TEXT, THINKING,
    TOOL, Event,
)
from omniroute._fast.stream cimport Encoder


cdef str text(const Buffer *b):
    return b.data[:b.size].decode("utf-8", "replace") if b.size else ""


cdef class Piece:
    """One block while it is gathered."""

    def __dealloc__(self):
        release(&self.text)
        release(&self.id)
        release(&self.name)
        release(&self.signature)

    cdef dict built(self):
        if self.text.failed or self.id.failed or self.name.failed or self.signature.failed:
            raise MemoryError
        if self.block == TEXT:
            return {"type": "text", "text": text(&self.text), "citations": self.citations or []}
        if self.block == THINKING:
            return {"type": "thinking", "text": text(&self.text), "signature": text(&self.signature) or None}
        if self.block == REDACTED:
            return {"type": "redacted", "data": text(&self.text)}
        if self.block == TOOL:
            arguments = text(&self.text)
            if not arguments.strip():
                arguments = "{}"
            built = {"type": "tool", "id": text(&self.id), "name": text(&self.name), "arguments": arguments}
            return {**built, "signature": text(&self.signature)} if self.signature.size else built
        if self.block == MEDIA:
            return {"type": "media", "mime": text(&self.name), "data": text(&self.text)}
        return {"type": "refusal", "text": text(&self.text)}


cdef class Collector(Encoder):
    """An encoder that builds the finished answer instead of bytes."""

    def __init__(self):
        self.pieces = []

    def __dealloc__(self):
        release(&self.sequence)
        release(&self.extra)

    cdef void put(self, const Event *event) noexcept:
        cdef Piece piece
        cdef int kind = event.kind
        if self.ended:
            return
        if kind == BLOCK_OPEN or kind == MEDIA:
            self._open(event)
        elif kind == DELTA or kind == SIGNATURE:
            piece = self._piece(event.index)
            if piece is not None:
                put_plain(&piece.text if kind == DELTA else &piece.signature, &event.a)
        elif kind == CITATION:
            self._cite(event)
        elif kind == LOGPROBS:
            self.hold_odds(event)
        elif kind == EXTRA:
            clear(&self.extra)
            put_value(&self.extra, &event.a)
        elif kind == STOP:
            self.sequenced = event.stop == STOP_SEQUENCE and event.a.n > 0
            clear(&self.sequence)
            put_plain(&self.sequence, &event.a)
        elif kind == END or kind == ERROR:
            self.ended = True

    cdef Piece _piece(self, int index):
        cdef Piece piece
        cdef Py_ssize_t i
        for i in range(len(self.pieces) - 1, -1, -1):
            piece = self.pieces[i]
            if piece.index == index:
                return piece
        return None

    cdef void _open(self, const Event *event) noexcept:
        cdef Piece piece
        try:
            piece = Piece.__new__(Piece)
            self.pieces.append(piece)
        except MemoryError:
            self.out.failed = True
            return
        piece.index = event.index
        piece.block = MEDIA if event.kind == MEDIA else event.block
        if piece.block == MEDIA:
            put_plain(&piece.name, &event.a)
            put_plain(&piece.text, &event.b)
        elif event.block == TOOL:
            put_plain(&piece.id, &event.a)
            put_plain(&piece.name, &event.b)
        elif event.block == REDACTED:
            put_plain(&piece.text, &event.a)

    cdef void _cite(self, const Event *event) noexcept:
        cdef Piece piece = self._piece(event.index)
        cdef Buffer raw = fresh()
        if piece is None:
            return
        put_value(&raw, &event.a)
        try:
            if piece.citations is None:
                piece.citations = []
            piece.citations.append(raw.data[:raw.size])
        except MemoryError:
            self.out.failed = True
        release(&raw)

    @property
    def blocks(self):
        cdef Piece piece
        built = []
        for piece in self.pieces:
            built.append(piece.built())
        return built

    @property
    def logprobs(self):
        return self.odds.data[:self.odds.size] + b"]" if self.odds.size else b""

    @property
    def stop_sequence(self):
        return text(&self.sequence) if self.sequenced else None

    @property
    def last_extra(self):
        return self.extra.data[:self.extra.size] if self.extra.size else b""
