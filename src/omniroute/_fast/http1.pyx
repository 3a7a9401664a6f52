# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""HTTP/1.1 from the client's side: one connection's protocol. See the stub.

httptools (llhttp) reads the messages; here is what surrounds it: one shared read buffer, the queue of body parts, back-pressure,
the times that timers are measured against, and what may be kept alive.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.math cimport INFINITY
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

cdef enum State:
    IDLE        # nothing asked
    HEAD        # the request is on its way, the head of the answer is not here
    BODY        # the head is here, the end is not
    DONE        # the whole answer is here, perhaps not yet fetched

cdef enum:
    HEAD_LIMIT = 65536       # bytes of head, interim answers included; also of framing between two pieces of body
    HIGH_WATER = 262144      # bytes of body in the queue above which reading pauses


class Cut(ConnectionError):
    """The connection ended before the answer did."""


class Malformed(ConnectionError):
    """What came is not HTTP/1.1, or more of it than we take."""


class Expired(TimeoutError):
    """A timer ran out: ``timer`` is ``first_byte``, ``between`` or ``total``."""

    timer = "total"

    def __init__(self, timer):
        super().__init__(f"{timer} timer ran out")
        self.timer = timer


cdef inline double _now() noexcept nogil:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return t.tv_sec + t.tv_nsec * 1e-9


cdef class Http1:
    cdef readonly object transport
    cdef readonly int status
    cdef readonly list headers
    cdef readonly object encoding
    cdef object _sink
    cdef object _listener
    cdef readonly Py_ssize_t length
    cdef readonly bint lost
    cdef readonly bint answered
    cdef readonly long long serial
    cdef object _loop
    cdef object _buffer
    cdef object _parser
    cdef object _feed
    cdef object _waiter
    cdef object _error
    cdef list _parts
    cdef Py_ssize_t _size
    cdef Py_ssize_t _framing
    cdef Py_ssize_t _unsent
    cdef int _state
    cdef bint _bodiless, _chunked, _keep_alive, _until_close, _surplus, _paused, _started
    cdef double _first_byte, _between, _total_at, _since

    def __init__(self, loop, buffer):
        self._loop = loop
        self._buffer = buffer
        self._parts = []
        self._state = IDLE

    # hooks -----------------------------------------------------------------------------------------------------------------

    def fault(self, error):
        return error

    def on_idle(self):
        """Replaced by the owner."""

    def on_lost(self):
        """Replaced by the owner."""

    # one exchange ----------------------------------------------------------------------------------------------------------

    def begin(
        self, bytes head not None, bytes body not None, *, bint bodiless, double first_byte, double between, double total_at
    ):
        self._ask(head, body, bodiless, first_byte, between, total_at)
        self._waiter = self._loop.create_future()
        return self._waiter

    def ask(self, bytes head not None, bytes body not None, listener, *, double first_byte, double between, double total_at):
        self._ask(head, body, False, first_byte, between, total_at)
        self._listener = listener

    cdef int _ask(self, bytes head, bytes body, bint bodiless, double first_byte, double between, double total_at) except -1:
        if self._state != IDLE or self.lost:
            raise RuntimeError("this connection is in use or gone")
        self.serial += 1
        self.status = 0
        self.headers = []
        self.encoding = None
        self.length = -1
        self.answered = False
        self._error = None
        self._framing = 0
        self._unsent = 0
        self._bodiless = bodiless
        self._chunked = self._keep_alive = self._until_close = self._surplus = self._started = False
        self._first_byte = first_byte
        self._between = between
        self._total_at = total_at
        self._state = HEAD
        if not body:
            self.transport.write(head)
        elif PyBytes_GET_SIZE(body) <= 16384:
            self.transport.write(head + body)
        else:
            self.transport.writelines([head, body])
            self._unsent = self.transport.get_write_buffer_size()
        self._since = _now()
        return 0

    def headed(self):
        self._listener = None
        if self._state != HEAD or self._error is not None:
            return None
        self._waiter = self._loop.create_future()
        return self._waiter

    @property
    def failure(self):
        return self._error

    @property
    def whole(self):
        return self._state == DONE

    @property
    def waiting(self):
        return self._size

    def peek(self):
        cdef list parts = self._parts
        cdef bytes data
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return b""
        data = b"".join(parts)
        self._parts = [data]
        return data

    def flow(self, sink):
        self._take()
        self._sink = sink

    def chunks(self, long long serial):
        return Body(self, serial)

    def finish(self, long long serial):
        if serial != self.serial or self._state == IDLE:
            return
        self._listener = None
        if self._state == DONE:
            self._release()
        else:
            self.fail(Cut("the answer was closed on our side"))

    def fail(self, error):
        if self._state == HEAD or self._state == BODY:
            if self._error is None:
                self._error = error
            self._keep_alive = False
        if not self.lost:
            self.transport.abort()
        self._wake()

    def due(self, double now):
        cdef double limit = INFINITY
        cdef Py_ssize_t unsent
        if self._state == HEAD:
            if self._unsent and not self.lost:
                unsent = self.transport.get_write_buffer_size()
                if unsent < self._unsent:  # the upload goes on
                    self._unsent = unsent
                    self._since = now
            limit = self._since + self._first_byte
        elif self._state == BODY:
            if (self._waiter is not None or self._listener is not None) and not self._paused:
                limit = self._since + (self._between if self._started else self._first_byte)
        else:
            return INFINITY
        return limit if limit < self._total_at else self._total_at

    def expire(self, double now):
        if self._total_at <= now:
            self.fail(Expired("total"))
        else:
            self.fail(Expired("between" if self._started else "first_byte"))

    def look_again(self, double now):
        cdef double patience = self._first_byte if self._first_byte < self._between else self._between
        return now + patience if now + patience < self._total_at else self._total_at

    async def _next(self, long long serial):
        """What arrived since the last call; b"" behind the end."""
        if self.serial != serial:
            return b""
        while True:
            if self._size:
                return self._take()
            if self._error is not None:
                raise self.fault(self._error)
            if self._state == DONE:
                self._release()
            if self._state == IDLE:
                return b""
            if self._waiter is not None:
                raise RuntimeError("two tasks read one answer")
            self._waiter = self._loop.create_future()
            self._since = _now()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def relay(self, long long serial, sink):
        """Hand every read's bytes to ``sink`` in the read callback itself; ends with the answer. See the stub."""
        if self.serial != serial:
            return
        self._sink = sink
        try:
            if self._size:
                sink(self._take())
            while True:
                if self._error is not None:
                    raise self.fault(self._error)
                if self._state == DONE:
                    self._release()
                if self._state == IDLE:
                    return
                if self._waiter is not None:
                    raise RuntimeError("two tasks read one answer")
                self._waiter = self._loop.create_future()
                self._since = _now()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        finally:
            self._sink = None

    def pause(self):
        """Stop reading until :meth:`resume`: the receiver of a relayed answer is slow."""
        if not self._paused and not self.lost and self._state == BODY:
            self._paused = True
            self.transport.pause_reading()

    def resume(self):
        if self._paused:
            self._paused = False
            self._since = _now()
            if not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()

    cdef bytes _take(self):
        cdef list parts = self._parts
        cdef bytes data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._size = 0
        if self._paused:
            self._paused = False
            if not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()
        return data

    cdef int _push(self) except -1:
        """The queue to the sink. What a sink raises ends the exchange, not the event loop."""
        cdef list parts = self._parts
        cdef bytes data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._size = 0
        try:
            self._sink(data)
        except Exception as error:
            self.fail(error)
        return 0

    cdef int _release(self) except -1:
        """The answer is over: keep the connection or drop it."""
        self._state = IDLE
        self._sink = None
        self._listener = None
        self._parts = []
        self._size = 0
        if self.lost:
            return 0
        if self._is_reusable():
            if self._paused:
                self._paused = False
                self.transport.resume_reading()
            self.on_idle()
        else:
            self.transport.abort()
        return 0

    cdef bint _is_reusable(self) except -1:
        if not self._keep_alive or self._surplus or self.transport.is_closing():
            return False
        # an answer that came before the request was out leaves the rest of the request in the pipe
        return self._unsent == 0 or self.transport.get_write_buffer_size() == 0

    cdef int _wake(self) except -1:
        cdef object waiter = self._waiter
        if self._listener is not None:
            self._listener()
            return 0
        self._waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return 0

    # the transport's side --------------------------------------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data

    def get_buffer(self, Py_ssize_t hint):
        return self._buffer

    def buffer_updated(self, Py_ssize_t n):
        cdef Py_ssize_t size = self._size
        cdef int state = self._state
        if state == IDLE or state == DONE:
            # nothing was asked: whatever this is, it must not become the answer to the next request
            self._surplus = True
            if state == IDLE:
                self.transport.abort()
            return
        self.answered = True
        self._since = _now()
        try:
            self._feed(self._buffer[:n])
        except HttpParserUpgrade:
            self.fail(Malformed("it switched to another protocol"))
            return
        except HttpParserError as error:
            self._surplus = True
            if self._state != DONE:
                self.fail(Malformed(f"it did not speak HTTP/1.1: {error}"))
            return
        if self._size != size:
            self._started = True
            if self._sink is not None:
                self._push()
                if self._state == BODY:
                    self._framing = 0
                    return
            elif self._size > HIGH_WATER and not self._paused:
                self._paused = True
                self.transport.pause_reading()
        elif self._state == state:
            self._framing += n
            if self._framing > HEAD_LIMIT:
                self.fail(Malformed(f"it sent more than {HEAD_LIMIT} bytes of headers"))
            return
        self._framing = 0
        self._wake()

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.lost = True
        self._parser = None  # parser and protocol hold each other
        self._feed = None
        if self._state == BODY and self._until_close and error is None and self._error is None:
            self._state = DONE
        elif (self._state == HEAD or self._state == BODY) and self._error is None:
            self._error = error if error is not None else Cut("the connection was closed")
        self._keep_alive = False
        self._wake()
        self.on_lost()

    def pause_writing(self):
        """Requests are written whole; what does not fit yet waits in the transport."""

    def resume_writing(self):
        """See pause_writing."""

    # the parser's side -----------------------------------------------------------------------------------------------------

    def on_message_begin(self):
        if self._state == DONE:
            self._surplus = True

    def on_header(self, bytes name, bytes value):
        cdef str key
        if self._state != HEAD:
            return  # a trailer, or of a message nobody asked for
        key = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), NULL).lower()
        text = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), NULL)
        self.headers.append((key, text))
        if key == "content-length":
            self.length = int(text)
        elif key == "transfer-encoding":
            self._chunked = True
        elif key == "content-encoding":
            self.encoding = text if self.encoding is None else f"{self.encoding}, {text}"

    def on_headers_complete(self):
        cdef int status
        if self._state != HEAD:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.headers = []
            self.length = -1
            self.encoding = None
            self._chunked = False
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        self._state = BODY
        if self._bodiless:
            # the parser waits for a body that never comes: the connection cannot serve another request
            self._state = DONE
            self._keep_alive = self._keep_alive and self.length <= 0 and not self._chunked
        else:
            self._until_close = self.length < 0 and not self._chunked and status != 204 and status != 304

    def on_body(self, bytes data):
        if self._state == BODY:
            self._parts.append(data)
            self._size += PyBytes_GET_SIZE(data)

    def on_message_complete(self):
        if self._state == BODY:
            self._state = DONE


cdef class Body:
    """The parts of one answer, for ``async for``."""
    cdef Http1 _connection
    cdef long long _serial

    def __init__(self, Http1 connection, long long serial):
        self._connection = connection
        self._serial = serial

    def __aiter__(self):
        return self

    async def __anext__(self):
        data = await self._connection._next(self._serial)
        if not data:
            raise StopAsyncIteration
        return data
