# cython: language_level=3
"""Sequentialiser for dialects whose blocks may not interleave.

Every block is a lane. The oldest open lane is live: its frames go straight to the output. The frames of the others are rendered
all the same, since their final index is known when they open, and wait in the lane until everything before them is closed.
"""

from libc.stdlib cimport free, realloc

from omniroute._fast.buffer cimport Buffer, fresh, put_buffer, release


cdef enum:
    MOST_WAITING = 64 * 1024 * 1024     # bytes all lanes together may hold back

cdef struct Lane:
    int source          # index of the block in the events
    int index           # index the client sees
    int block           # events.Block
    bint closed
    Buffer waiting

cdef struct Lanes:
    Lane *lanes
    int count
    int room
    int opened          # blocks opened so far


cdef inline void release_lanes(Lanes *all) noexcept nogil:
    cdef int i
    for i in range(all.count):
        release(&all.lanes[i].waiting)
    free(all.lanes)
    all.lanes = NULL
    all.count = all.room = 0


cdef inline Lane *open_lane(Lanes *all, int source, int block) noexcept nogil:
    """A new last lane; NULL when memory is short."""
    cdef Lane *grown
    cdef Lane *lane
    if all.count == all.room:
        grown = <Lane *> realloc(all.lanes, <size_t> (all.room * 2 + 4) * sizeof(Lane))
        if grown == NULL:
            return NULL
        all.lanes = grown
        all.room = all.room * 2 + 4
    lane = &all.lanes[all.count]
    lane.source = source
    lane.block = block
    lane.index = all.opened
    lane.closed = False
    lane.waiting = fresh()
    all.count += 1
    all.opened += 1
    return lane


cdef inline Lane *lane_of(Lanes *all, int source) noexcept nogil:
    """The open lane of that block, NULL if there is none."""
    cdef int i
    for i in range(all.count - 1, -1, -1):
        if all.lanes[i].source == source and not all.lanes[i].closed:
            return &all.lanes[i]
    return NULL


cdef inline Buffer *target_of(Lanes *all, Lane *lane, Buffer *out) noexcept nogil:
    """Where frames of the lane are to be written."""
    return out if lane == all.lanes else &lane.waiting


cdef inline void advance(Lanes *all, Buffer *out) noexcept nogil:
    """Let go of closed lanes in front, and let the next one speak."""
    cdef int gone = 0
    cdef int i
    while gone < all.count and all.lanes[gone].closed:
        gone += 1
        if gone < all.count:
            put_buffer(out, &all.lanes[gone].waiting)
            release(&all.lanes[gone].waiting)
    if gone:
        for i in range(gone, all.count):
            all.lanes[i - gone] = all.lanes[i]
        all.count -= gone


cdef inline Py_ssize_t waiting_bytes(const Lanes *all) noexcept nogil:
    cdef Py_ssize_t total = 0
    cdef int i
    for i in range(all.count):
        total += all.lanes[i].waiting.size
    return total
