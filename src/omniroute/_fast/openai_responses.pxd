# cython: language_level=3
"""OpenAI Responses: the stream encoder (and, by import, the decoder)."""

from omniroute._fast.buffer cimport Buffer
from omniroute._fast.events cimport Event, Usage
from omniroute._fast.openai_responses_items cimport Item, ItemWriter


cdef class OpenAIResponsesEncoder(ItemWriter):
    cdef Buffer head            # members id, object, created_at and model of the response
    cdef Buffer echo            # members repeated from the request, comma before each
    cdef dict tools             # client's tool name → (name in its namespace, namespace or None, whole)
    cdef long long input_estimate
    cdef Py_ssize_t waiting     # bytes behind the live item
    cdef Py_ssize_t output_bytes
    cdef Usage usage
    cdef int stop
    cdef bint begun

    cdef void _begin(self) noexcept
    cdef void _response(self, const char *status, const char *reason, const Event *error, bint final) noexcept
    cdef Item *_find(self, int source) noexcept
    cdef Item *_add(self, const Event *event) noexcept
    cdef void _open(self, const Event *event) noexcept
    cdef void _call(self, Item *item, const Event *event) noexcept
    cdef void _delta(self, const Event *event) noexcept
    cdef void _signature(self, const Event *event) noexcept
    cdef void _citation(self, const Event *event) noexcept
    cdef void _odds(self, const Event *event) noexcept
    cdef void _media(self, const Event *event) noexcept
    cdef void _close(self, int source) noexcept
    cdef void _advance(self) noexcept
    cdef void _end(self) noexcept
    cdef void _error(self, const Event *event) noexcept
