# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""AWS event streams from bytes. A frame is

    total length u32, length of the headers u32, CRC-32 of these eight bytes, headers, payload, CRC-32 of all before it

all big-endian; a header is the length of its name (u8), the name, a type (u8) and a value.
"""

from omniroute._fast.events cimport utf8
from omniroute._fast.scan cimport same
from omniroute._fast.sse cimport Splitter, Sse


cdef extern from *:
    """
    #include <stdint.h>

    /* What four bits do to the CRC-32 of zlib (reversed polynomial 0xEDB88320). */
    static const uint32_t omniroute_crc_nibble[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu
    };

    static inline uint32_t omniroute_crc32(const unsigned char *p, const unsigned char *end) {
        uint32_t crc = 0xFFFFFFFFu;
        for (; p < end; p++) {
            crc ^= *p;
            crc = (crc >> 4) ^ omniroute_crc_nibble[crc & 15];
            crc = (crc >> 4) ^ omniroute_crc_nibble[crc & 15];
        }
        return ~crc;
    }
    """
    unsigned int crc32 "omniroute_crc32"(const unsigned char *p, const unsigned char *end) noexcept nogil


cdef enum:
    PRELUDE = 12
    SHORTEST = 16           # a prelude and the checksum of the whole


cdef inline unsigned int word(const unsigned char *p) noexcept nogil:
    return (<unsigned int> p[0] << 24) | (<unsigned int> p[1] << 16) | (<unsigned int> p[2] << 8) | p[3]


cdef inline Py_ssize_t width(unsigned char type, const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Bytes of a header's value, its length included where it has one; -1 of a type nobody knows or beyond the headers."""
    cdef Py_ssize_t n = -1
    if type == 0 or type == 1:              # true, false
        n = 0
    elif type == 2:
        n = 1
    elif type == 3:
        n = 2
    elif type == 4:
        n = 4
    elif type == 5 or type == 8:            # a long, a point in time
        n = 8
    elif type == 6 or type == 7:            # bytes, text
        n = 2 + ((<Py_ssize_t> p[0] << 8) | p[1]) if end - p >= 2 else -1
    elif type == 9:
        n = 16
    return n if n <= end - p else -1


cdef class Frames(Splitter):
    """Cuts a stream of bytes into frames."""

    cdef bint next(self, Sse *sse) noexcept:
        """The next complete frame whose checksums are right; False when the window holds no further one."""
        cdef const unsigned char *p = <const unsigned char *> self.base + self.safe
        cdef Py_ssize_t left = self.size - self.safe
        cdef Py_ssize_t total, headers
        if self.oversized or self.damaged or self.held.failed or left < PRELUDE:
            return False
        total = word(p)
        headers = word(p + 4)
        if crc32(p, p + 8) != word(p + 8) or total < SHORTEST or headers > total - SHORTEST:
            self.damaged = True
            return False
        if total > self.limit:
            self.oversized = True
            return False
        if left < total:
            return False
        if crc32(p, p + total - 4) != word(p + total - 4):
            self.damaged = True
            return False
        sse.start = self.safe
        sse.stop = self.safe = self.line = self.scan = self.safe + total
        sse.data = <const char *> p + PRELUDE + headers
        sse.data_length = total - SHORTEST - headers
        self._headers(p + PRELUDE, p + PRELUDE + headers, sse)
        return True

    cdef void _headers(self, const unsigned char *p, const unsigned char *end, Sse *sse) noexcept:
        """What the headers say of the frame. A value of a type nobody knows ends their reading: its length is not known."""
        cdef const unsigned char *value
        cdef const char *name
        cdef Py_ssize_t length, n
        cdef bint text
        self.message = EVENT_FRAME
        self.explanation = utf8(NULL, 0)
        sse.name = NULL
        sse.name_length = 0
        while p < end:
            length = p[0]
            name = <const char *> p + 1
            if end - p < length + 2:
                return
            value = p + length + 2
            n = width((value - 1)[0], value, end)
            if n < 0:
                return
            text = (value - 1)[0] == 7
            p = value + n
            if not text:
                continue
            value += 2
            n -= 2
            if same(name, length, b":message-type"):
                if same(<const char *> value, n, b"exception"):
                    self.message = EXCEPTION_FRAME
                elif same(<const char *> value, n, b"error"):
                    self.message = ERROR_FRAME
            elif (same(name, length, b":event-type") or same(name, length, b":exception-type")
                    or same(name, length, b":error-code")):
                sse.name = <const char *> value
                sse.name_length = n
            elif same(name, length, b":error-message"):
                self.explanation = utf8(<const char *> value, n)

    cdef bint last(self, Sse *sse) noexcept:
        """A frame that is not whole says nothing."""
        return False
