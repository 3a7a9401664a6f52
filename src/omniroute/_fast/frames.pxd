# cython: language_level=3
"""The fixed frames of each dialect's stream: errors, keep-alives, terminators, and the opening of what varies."""

from omniroute._fast.buffer cimport Buffer, put_int, put_string, puts
from omniroute._fast.events cimport Event, Slice
from omniroute._fast.faults cimport (
    anthropic_type, chat_code, chat_type, gemini_status, is_responses_code, is_type_word, responses_code,
)


cdef inline void chat_error(Buffer *out, const Event *error) noexcept nogil:
    """An error chunk and the terminator, without which clients wait."""
    cdef const char *code = chat_code(error.status)
    puts(out, b'data: {"error":{"message":"')
    put_string(out, &error.a)
    puts(out, b'","type":"')
    puts(out, chat_type(error.status))
    puts(out, b'","param":null,"code":')
    if error.b.n and not is_type_word(&error.b):
        puts(out, b'"')
        put_string(out, &error.b)
        puts(out, b'"')
    elif code != NULL:
        puts(out, b'"')
        puts(out, code)
        puts(out, b'"')
    else:
        puts(out, b"null")
    puts(out, b"}}\n\ndata: [DONE]\n\n")


cdef inline void chat_done(Buffer *out) noexcept nogil:
    puts(out, b"data: [DONE]\n\n")


cdef inline void chat_ping(Buffer *out) noexcept nogil:
    """A comment: Chat has no ping of its own."""
    puts(out, b": ping\n\n")


cdef inline void anthropic_error(Buffer *out, const Event *error) noexcept nogil:
    puts(out, b'event: error\ndata: {"type":"error","error":{"type":"')
    puts(out, anthropic_type(error.status))
    puts(out, b'","message":"')
    put_string(out, &error.a)
    puts(out, b'"}}\n\n')


cdef inline void anthropic_stop(Buffer *out) noexcept nogil:
    puts(out, b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


cdef inline void anthropic_ping(Buffer *out) noexcept nogil:
    puts(out, b'event: ping\ndata: {"type":"ping"}\n\n')


cdef inline void block_start(Buffer *out, int index, const char *type) noexcept nogil:
    """Up to and with the type of a content block; the caller closes two braces."""
    puts(out, b'event: content_block_start\ndata: {"type":"content_block_start","index":')
    put_int(out, index)
    puts(out, b',"content_block":{"type":"')
    puts(out, type)
    puts(out, b'"')


cdef inline void block_delta(Buffer *out, int index, const char *type_and_key) noexcept nogil:
    """Up to the value of a delta, ``type_and_key`` being ``text_delta","text`` or its like; the caller closes two braces."""
    puts(out, b'event: content_block_delta\ndata: {"type":"content_block_delta","index":')
    put_int(out, index)
    puts(out, b',"delta":{"type":"')
    puts(out, type_and_key)
    puts(out, b'":')


cdef inline void block_stop(Buffer *out, int index) noexcept nogil:
    puts(out, b'event: content_block_stop\ndata: {"type":"content_block_stop","index":')
    put_int(out, index)
    puts(out, b"}\n\n")


cdef inline void gemini_error(Buffer *out, const Event *error) noexcept nogil:
    cdef int status = 503 if error.status == 529 else error.status
    puts(out, b'data: {"error":{"code":')
    put_int(out, status)
    puts(out, b',"message":"')
    put_string(out, &error.a)
    puts(out, b'","status":"')
    puts(out, gemini_status(status))
    puts(out, b'"}}\r\n\r\n')


cdef inline void responses_fault(Buffer *out, const Event *error) noexcept nogil:
    """Members ``code`` and ``message``: the upstream's own code where agents know it."""
    puts(out, b'"code":"')
    if is_responses_code(&error.b):
        put_string(out, &error.b)
    else:
        puts(out, responses_code(error.status))
    puts(out, b'","message":"')
    put_string(out, &error.a)
    puts(out, b'"')


cdef inline void responses_error(Buffer *out, const Event *error) noexcept nogil:
    """The error object of a failed response."""
    puts(out, b"{")
    responses_fault(out, error)
    puts(out, b"}")


cdef inline void responses_failure(
    Buffer *out, const Slice *id, const Slice *model, long long created, long long sequence, const Event *error
) noexcept nogil:
    """The end of a response the client knows, a bare error if it knows none yet."""
    if id.n == 0:
        puts(out, b'event: error\ndata: {"type":"error","sequence_number":')
        put_int(out, sequence)
        puts(out, b',"param":null,')
        responses_fault(out, error)
        puts(out, b"}\n\n")
        return
    puts(out, b'event: response.failed\ndata: {"type":"response.failed","sequence_number":')
    put_int(out, sequence)
    puts(out, b',"response":{"id":"')
    put_string(out, id)
    puts(out, b'","object":"response","created_at":')
    put_int(out, created)
    puts(out, b',"model":"')
    put_string(out, model)
    puts(out, b'","status":"failed","error":')
    responses_error(out, error)
    puts(out, b',"incomplete_details":null,"output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":null}}')
    puts(out, b"\n\n")
