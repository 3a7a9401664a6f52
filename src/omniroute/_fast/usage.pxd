# cython: language_level=3
"""Token counts of each dialect ↔ the canonical ones. The arithmetic stands here and nowhere else of the stream codecs.

Canonical input includes cached and written tokens, canonical output includes reasoning. Totals are computed, never copied.
"""

from omniroute._fast.buffer cimport Buffer, put_int, puts
from omniroute._fast.events cimport Usage
from omniroute._fast.scan cimport Member, Value, Walk, enter, find, integer_of, is_object, key_is, next_member


cdef struct AnthropicCounts:
    # what an Anthropic stream said so far, -1 = nothing; fields absent from a later event keep their value
    long long uncached
    long long cached
    long long written
    long long output
    long long reasoning


cdef inline long long known(long long value) noexcept nogil:
    return value if value > 0 else 0


cdef inline void read_chat_usage(const Value *value, Usage *usage) noexcept nogil:
    cdef Walk walk
    cdef Member member
    cdef Value inner
    enter(&walk, value)
    while is_object(value) and next_member(&walk, &member):
        if key_is(&member, b"prompt_tokens"):
            integer_of(&member.value, &usage.input)
        elif key_is(&member, b"completion_tokens"):
            integer_of(&member.value, &usage.output)
        elif key_is(&member, b"prompt_tokens_details"):
            if find(&member.value, b"cached_tokens", &inner):
                integer_of(&inner, &usage.cached)
            if find(&member.value, b"cache_write_tokens", &inner):
                integer_of(&inner, &usage.written)
        elif key_is(&member, b"completion_tokens_details"):
            if find(&member.value, b"reasoning_tokens", &inner):
                integer_of(&inner, &usage.reasoning)
        elif (key_is(&member, b"prompt_cache_hit_tokens") or key_is(&member, b"cached_tokens")) and usage.cached < 0:
            integer_of(&member.value, &usage.cached)


cdef inline void write_chat_usage(Buffer *out, const Usage *usage) noexcept nogil:
    puts(out, b'"usage":{"prompt_tokens":')
    put_int(out, known(usage.input))
    puts(out, b',"completion_tokens":')
    put_int(out, known(usage.output))
    puts(out, b',"total_tokens":')
    put_int(out, known(usage.input) + known(usage.output))
    puts(out, b',"prompt_tokens_details":{"cached_tokens":')
    put_int(out, known(usage.cached))
    if usage.written > 0:
        puts(out, b',"cache_write_tokens":')
        put_int(out, usage.written)
    puts(out, b'},"completion_tokens_details":{"reasoning_tokens":')
    put_int(out, known(usage.reasoning))
    puts(out, b"}}")


cdef inline void read_anthropic_usage(const Value *value, AnthropicCounts *counts, Usage *usage) noexcept nogil:
    """Take over what ``value`` states and sum up what is known now."""
    cdef Walk walk
    cdef Member member
    cdef Value inner
    enter(&walk, value)
    while is_object(value) and next_member(&walk, &member):
        if key_is(&member, b"input_tokens"):
            integer_of(&member.value, &counts.uncached)
        elif key_is(&member, b"cache_read_input_tokens"):
            integer_of(&member.value, &counts.cached)
        elif key_is(&member, b"cache_creation_input_tokens"):
            integer_of(&member.value, &counts.written)
        elif key_is(&member, b"output_tokens"):
            integer_of(&member.value, &counts.output)
        elif key_is(&member, b"output_tokens_details"):
            if find(&member.value, b"thinking_tokens", &inner):
                integer_of(&inner, &counts.reasoning)
    if counts.uncached >= 0 or counts.cached >= 0 or counts.written >= 0:
        usage.input = known(counts.uncached) + known(counts.cached) + known(counts.written)
    usage.cached = counts.cached
    usage.written = counts.written
    usage.output = counts.output
    usage.reasoning = counts.reasoning


cdef inline void write_anthropic_usage(Buffer *out, const Usage *usage, long long output) noexcept nogil:
    cdef long long uncached = known(usage.input) - known(usage.cached) - known(usage.written)
    puts(out, b'"usage":{"input_tokens":')
    put_int(out, known(uncached))
    puts(out, b',"cache_creation_input_tokens":')
    put_int(out, known(usage.written))
    puts(out, b',"cache_read_input_tokens":')
    put_int(out, known(usage.cached))
    puts(out, b',"output_tokens":')
    put_int(out, known(output))
    puts(out, b"}")


cdef inline void read_gemini_usage(const Value *value, Usage *usage) noexcept nogil:
    """A count that is left out is 0: that is how the dialect writes zeros."""
    cdef Walk walk
    cdef Member member
    cdef long long prompt = 0, tools = 0, answer = 0, thoughts = 0, cached = 0
    enter(&walk, value)
    while is_object(value) and next_member(&walk, &member):
        if key_is(&member, b"promptTokenCount"):
            integer_of(&member.value, &prompt)
        elif key_is(&member, b"toolUsePromptTokenCount"):
            integer_of(&member.value, &tools)
        elif key_is(&member, b"candidatesTokenCount"):
            integer_of(&member.value, &answer)
        elif key_is(&member, b"thoughtsTokenCount"):
            integer_of(&member.value, &thoughts)
        elif key_is(&member, b"cachedContentTokenCount"):
            integer_of(&member.value, &cached)
    usage.input = prompt + tools
    usage.cached = cached
    usage.output = answer + thoughts
    usage.reasoning = thoughts


cdef inline void write_gemini_usage(Buffer *out, const Usage *usage) noexcept nogil:
    cdef long long answer = known(usage.output) - known(usage.reasoning)
    puts(out, b'"usageMetadata":{"promptTokenCount":')
    put_int(out, known(usage.input))
    if usage.cached > 0:
        puts(out, b',"cachedContentTokenCount":')
        put_int(out, usage.cached)
    puts(out, b',"candidatesTokenCount":')
    put_int(out, known(answer))
    if usage.reasoning > 0:
        puts(out, b',"thoughtsTokenCount":')
        put_int(out, usage.reasoning)
    puts(out, b',"totalTokenCount":')
    put_int(out, known(usage.input) + known(answer) + known(usage.reasoning))
    puts(out, b"}")


cdef inline void read_responses_usage(const Value *value, Usage *usage) noexcept nogil:
    cdef Walk walk
    cdef Member member
    cdef Value inner
    enter(&walk, value)
    while is_object(value) and next_member(&walk, &member):
        if key_is(&member, b"input_tokens"):
            integer_of(&member.value, &usage.input)
        elif key_is(&member, b"output_tokens"):
            integer_of(&member.value, &usage.output)
        elif key_is(&member, b"input_tokens_details"):
            if find(&member.value, b"cached_tokens", &inner):
                integer_of(&inner, &usage.cached)
            if find(&member.value, b"cache_write_tokens", &inner):
                integer_of(&inner, &usage.written)
        elif key_is(&member, b"output_tokens_details"):
            if find(&member.value, b"reasoning_tokens", &inner):
                integer_of(&inner, &usage.reasoning)


cdef inline void write_responses_usage(Buffer *out, const Usage *usage) noexcept nogil:
    """Both detail objects are required."""
    puts(out, b'{"input_tokens":')
    put_int(out, known(usage.input))
    puts(out, b',"input_tokens_details":{"cached_tokens":')
    put_int(out, known(usage.cached))
    puts(out, b',"cache_write_tokens":')
    put_int(out, known(usage.written))
    puts(out, b'},"output_tokens":')
    put_int(out, known(usage.output))
    puts(out, b',"output_tokens_details":{"reasoning_tokens":')
    put_int(out, known(usage.reasoning))
    puts(out, b'},"total_tokens":')
    put_int(out, known(usage.input) + known(usage.output))
    puts(out, b"}")
