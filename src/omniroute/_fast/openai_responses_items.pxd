# cython: language_level=3
"""OpenAI Responses: output items of a stream, as they are written."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.stream cimport Encoder


cdef struct Item:
    int source              # index of its open (or last) block in the events
    int block               # TEXT: a message; THINKING, REDACTED, TOOL, MEDIA
    int number              # output_index
    int part                # content_index of the present part of a message
    int part_block          # TEXT or REFUSAL: what that part is
    bint open               # its block is open
    bint sealed             # nothing more can come into it
    bint shown              # its added event is written
    bint part_shown
    bint whole              # a call whose item is made when all of it is known
    Py_ssize_t sent         # bytes of ``text`` the client has
    Buffer text             # JSON string content: of the present part, the summary, the arguments, base64 data
    Buffer parts            # the message's finished content parts, as JSON
    Py_ssize_t told         # bytes of ``odds`` the client has
    Buffer odds             # log probabilities of the present part, with commas between them
    Buffer cited            # raw citations of the present part, comma behind each
    Buffer call             # call id, JSON string content
    Buffer name             # members "name" and "namespace" of a call, as JSON; the client's plain name if ``whole``
    Buffer proof            # encrypted content, JSON string content

cdef str plain_of(const Buffer *b)
cdef void release_item(Item *item) noexcept nogil

cdef class ItemWriter(Encoder):
    cdef Buffer tail            # of item ids, JSON string content
    cdef Buffer output          # the finished items, comma behind each
    cdef object finish          # see the stub of the encoder
    cdef long long sequence
    cdef Item *items            # the first one is live, the others wait
    cdef int count
    cdef int room
    cdef int numbered           # items shown so far
    cdef bint refused           # refusal text was sent

    cdef void _event(self, const char *type) noexcept
    cdef void _place(self, const Item *item) noexcept
    cdef void _show(self, Item *item) noexcept
    cdef void _show_part(self, Item *item) noexcept
    cdef void _flush(self, Item *item) noexcept
    cdef void _put_odds(self, const Item *item, Py_ssize_t start) noexcept
    cdef void _end_part(self, Item *item) noexcept
    cdef void _annotate(self, Item *item, Buffer *annotations) noexcept
    cdef void _finish_item(self, Item *item) noexcept
    cdef void _finish_call(self, Item *item) noexcept
    cdef void _finish_whole(self, Item *item) noexcept
    cdef void _input(self, const Item *item, bytes prefix, bytes given) noexcept
    cdef void _done(self, const Item *item, Py_ssize_t start) noexcept
