# cython: language_level=3
"""Error objects inside streams: any vendor's shape → status, code word and message; status → each dialect's type word."""

from omniroute._fast.events cimport Event, Slice, utf8
from omniroute._fast.scan cimport (
    Member, Value, Walk, enter, find, integer_of, is_array, is_object, is_string, key_is, next_item, next_member, same, text_of,
)


cdef enum:
    LONGEST_MESSAGE = 2048      # bytes of an upstream's own text that are passed on
    UNKNOWN = 502               # an error we cannot place


cdef inline int status_of_word(const Slice *word) noexcept nogil:
    """HTTP status a type or code word stands for, 0 if it is not known."""
    cdef const char *p = word.p
    cdef Py_ssize_t n = word.n
    if (same(p, n, b"rate_limit_error") or same(p, n, b"rate_limit_exceeded") or same(p, n, b"insufficient_quota")
            or same(p, n, b"requests") or same(p, n, b"tokens") or same(p, n, b"too_many_requests")
            or same(p, n, b"usage_limit_reached")):
        return 429
    if same(p, n, b"overloaded_error") or same(p, n, b"overloaded"):
        return 529
    if (same(p, n, b"server_error") or same(p, n, b"api_error") or same(p, n, b"internal_error")
            or same(p, n, b"internal_server_error")):
        return 500
    if (same(p, n, b"invalid_request_error") or same(p, n, b"context_length_exceeded") or same(p, n, b"invalid_prompt")
            or same(p, n, b"content_filter") or same(p, n, b"content_policy_violation")):
        return 400
    if same(p, n, b"authentication_error") or same(p, n, b"invalid_api_key"):
        return 401
    if same(p, n, b"billing_error"):
        return 402
    if same(p, n, b"permission_error") or same(p, n, b"permission_denied"):
        return 403
    if same(p, n, b"not_found_error") or same(p, n, b"model_not_found"):
        return 404
    if same(p, n, b"request_too_large"):
        return 413
    if same(p, n, b"service_unavailable") or same(p, n, b"unavailable") or same(p, n, b"server_is_overloaded"):
        return 503
    if same(p, n, b"timeout_error") or same(p, n, b"timeout"):
        return 504
    return status_of_rpc_word(word)


cdef inline int status_of_rpc_word(const Slice *word) noexcept nogil:
    """The same for the words of google.rpc.Code."""
    cdef const char *p = word.p
    cdef Py_ssize_t n = word.n
    if same(p, n, b"INVALID_ARGUMENT") or same(p, n, b"FAILED_PRECONDITION") or same(p, n, b"OUT_OF_RANGE"):
        return 400
    if same(p, n, b"UNAUTHENTICATED"):
        return 401
    if same(p, n, b"PERMISSION_DENIED"):
        return 403
    if same(p, n, b"NOT_FOUND"):
        return 404
    if same(p, n, b"RESOURCE_EXHAUSTED"):
        return 429
    if same(p, n, b"INTERNAL"):
        return 500
    if same(p, n, b"UNAVAILABLE"):
        return 503
    if same(p, n, b"DEADLINE_EXCEEDED"):
        return 504
    return 0


cdef inline bint is_type_word(const Slice *word) noexcept nogil:
    """A class of errors (…_error) rather than a code."""
    return word.n > 6 and same(word.p + word.n - 6, 6, b"_error")


cdef inline void read_fault(const Value *found, Event *event) noexcept nogil:
    """Fill ``event`` (of kind ERROR) from an error value: an object, a string, or a list of them (the first counts)."""
    cdef Walk walk
    cdef Member member
    cdef Slice word
    cdef Value value = found[0]
    cdef Value inner
    cdef long long number = 0
    cdef int by_type = 0
    cdef int by_code = 0
    enter(&walk, &value)
    if is_array(&value) and not next_item(&walk, &value):
        value = found[0]
    if is_object(&value) and find(&value, b"error", &inner) and (is_object(&inner) or is_string(&inner)):
        value = inner
    text_of(&value, &event.a)
    event.status = 0
    enter(&walk, &value)
    while is_object(&value) and next_member(&walk, &member):
        if key_is(&member, b"message") or (key_is(&member, b"detail") and event.a.n == 0):
            text_of(&member.value, &event.a)
        elif key_is(&member, b"type"):
            if text_of(&member.value, &word):
                by_type = status_of_word(&word)
                if event.b.n == 0:
                    event.b = word
        elif key_is(&member, b"code") or key_is(&member, b"status"):
            if text_of(&member.value, &word) and word.n:
                by_code = status_of_word(&word)
                event.b = word
            elif integer_of(&member.value, &number) and 400 <= number <= 599:
                event.status = <int> number
    if event.status == 0:
        event.status = by_code if by_code else by_type if by_type else UNKNOWN
    if event.a.n == 0:
        event.a = utf8(b"The upstream reported an error without a message.", 49)
    if event.a.n > LONGEST_MESSAGE:
        event.a.n = LONGEST_MESSAGE


cdef inline const char *chat_type(int status) noexcept nogil:
    if status == 401:
        return b"authentication_error"
    if status == 402:
        return b"insufficient_quota"
    if status == 403:
        return b"permission_error"
    if status == 404:
        return b"not_found_error"
    if status == 408 or status == 504:
        return b"timeout"
    if status == 429:
        return b"rate_limit_error"
    if 400 <= status < 500:
        return b"invalid_request_error"
    return b"server_error"


cdef inline const char *chat_code(int status) noexcept nogil:
    """The code a status has when the upstream gave none; NULL where there is no usual one."""
    if status == 401:
        return b"invalid_api_key"
    if status == 404:
        return b"model_not_found"
    if status == 429:
        return b"rate_limit_exceeded"
    if status == 503 or status == 529:
        return b"overloaded"
    return NULL


cdef inline const char *anthropic_type(int status) noexcept nogil:
    if status == 401:
        return b"authentication_error"
    if status == 402:
        return b"billing_error"
    if status == 403:
        return b"permission_error"
    if status == 404:
        return b"not_found_error"
    if status == 408 or status == 504:
        return b"timeout_error"
    if status == 413:
        return b"request_too_large"
    if status == 429:
        return b"rate_limit_error"
    if status == 503 or status == 529:
        return b"overloaded_error"
    if 400 <= status < 500:
        return b"invalid_request_error"
    return b"api_error"


cdef inline const char *gemini_status(int status) noexcept nogil:
    if status == 401:
        return b"UNAUTHENTICATED"
    if status == 402:
        return b"FAILED_PRECONDITION"
    if status == 403:
        return b"PERMISSION_DENIED"
    if status == 404:
        return b"NOT_FOUND"
    if status == 408 or status == 504:
        return b"DEADLINE_EXCEEDED"
    if status == 409:
        return b"ABORTED"
    if status == 429:
        return b"RESOURCE_EXHAUSTED"
    if status == 499:
        return b"CANCELLED"
    if status == 503 or status == 529:
        return b"UNAVAILABLE"
    if 400 <= status < 500:
        return b"INVALID_ARGUMENT"
    return b"INTERNAL"


cdef inline bint is_responses_code(const Slice *word) noexcept nogil:
    """A code that a failed response of OpenAI may have, or that agents act on."""
    cdef const char *p = word.p
    cdef Py_ssize_t n = word.n
    return (same(p, n, b"server_error") or same(p, n, b"rate_limit_exceeded") or same(p, n, b"invalid_prompt")
            or same(p, n, b"context_length_exceeded") or same(p, n, b"insufficient_quota") or same(p, n, b"bio_policy")
            or same(p, n, b"usage_limit_reached") or same(p, n, b"usage_not_included") or same(p, n, b"server_is_overloaded")
            or same(p, n, b"slow_down") or same(p, n, b"vector_store_timeout"))


cdef inline const char *responses_code(int status) noexcept nogil:
    if status == 429:
        return b"rate_limit_exceeded"
    if status == 402:
        return b"insufficient_quota"
    return b"invalid_prompt" if status == 400 else b"server_error"
