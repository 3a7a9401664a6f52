# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Connect streams from bytes. An envelope is flags (u8: 1 compressed, 2 end of stream), a length (u32, big-endian), a message."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from omniroute._fast.sse cimport Splitter, Sse

from zlib import decompressobj, error as ZlibError


cdef enum:
    HEAD = 5
    COMPRESSED = 1
    END_OF_STREAM = 2
    GZIP = 31           # window bits: a gzip header, not zlib's own


cdef class Envelopes(Splitter):
    """Cuts a stream of bytes into messages."""

    cdef bint next(self, Sse *sse) noexcept:
        """The next complete message, decompressed; False when the window holds no further one. Behind the last one nothing is."""
        cdef const unsigned char *p = <const unsigned char *> self.base + self.safe
        cdef Py_ssize_t left = self.size - self.safe
        cdef Py_ssize_t length
        if self.oversized or self.damaged or self.trailer or self.held.failed or left < HEAD:
            return False
        length = (
            (<Py_ssize_t> p[1] << 24) | (<Py_ssize_t> p[2] << 16) | (<Py_ssize_t> p[3] << 8) | <Py_ssize_t> p[4]
        )
        if p[0] & ~(COMPRESSED | END_OF_STREAM):
            self.damaged = True
            return False
        if length > self.limit - HEAD:
            self.oversized = True
            return False
        if left < HEAD + length:
            return False
        sse.name = NULL
        sse.name_length = 0
        sse.start = self.safe
        sse.stop = self.safe = self.line = self.scan = self.safe + HEAD + length
        sse.data = <const char *> p + HEAD
        sse.data_length = length
        self.trailer = p[0] & END_OF_STREAM
        return self._inflate(sse) if p[0] & COMPRESSED and length else True

    cdef bint _inflate(self, Sse *sse) noexcept:
        """Decompress one message, never beyond the limit: a few bytes may stand for gigabytes."""
        try:
            inflater = decompressobj(GZIP)
            self.plain = inflater.decompress(sse.data[:sse.data_length], self.limit + 1)
            if PyBytes_GET_SIZE(self.plain) > self.limit:
                self.oversized = True
                return False
            if not inflater.eof or inflater.unused_data:
                self.damaged = True
                return False
        except ZlibError:
            self.damaged = True
            return False
        except MemoryError:
            self.held.failed = True
            return False
        sse.data = PyBytes_AS_STRING(self.plain)
        sse.data_length = PyBytes_GET_SIZE(self.plain)
        return True

    cdef bint last(self, Sse *sse) noexcept:
        """A message that is not whole says nothing."""
        return False
