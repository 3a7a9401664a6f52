# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""OpenAI Chat Completions streams, written: chunks of one choice."""

from libc.stdlib cimport free, realloc

from omniroute._fast.arguments cimport put_input
from omniroute._fast.buffer cimport (
    Buffer, character_count, fresh, put_buffer, put_bytes, put_int, put_plain, put_string, put_text, puts,
    release,
)
from omniroute._fast.events cimport (
    BLOCK_CLOSE, BLOCK_OPEN, CITATION, DELTA, END, ERROR, LOGPROBS, MEDIA, STOP, STOP_CONTEXT, STOP_FILTER, STOP_LENGTH,
    STOP_REFUSAL, STOP_TOOL, TEXT, THINKING, TOOL, USAGE, Event, Slice, merge, nothing_stated, utf8,
)
from omniroute._fast.frames cimport chat_done, chat_error, chat_ping
from omniroute._fast.scan cimport Value, find, integer_of, text_of
from omniroute._fast.stream cimport Encoder, json_text
from omniroute._fast.usage cimport write_chat_usage

from omniroute._fast.openai_chat_decoder import OpenAIChatDecoder

__all__ = ["OpenAIChatDecoder", "OpenAIChatEncoder"]


cdef bytes string_content(const Slice *text):
    cdef Buffer out = fresh()
    cdef bytes content
    put_string(&out, text)
    if out.failed:
        release(&out)
        raise MemoryError
    content = out.data[:out.size]
    release(&out)
    return content


cdef class OpenAIChatEncoder(Encoder):
    """Writes the stream an OpenAI client expects: role, deltas, finish chunk, usage chunk if asked for, ``[DONE]``."""

    def __init__(
        self, str id not None, str model not None, long long created, bint include_usage=False, tool_names=None, custom_tools=(),
    ):
        cdef bytes text
        self.choices = True
        self.include_usage = include_usage
        self.custom_tools = frozenset(custom_tools)
        self.tool_names = dict(tool_names) if tool_names else None
        self.usage = nothing_stated()
        puts(&self.prefix, b'data: {"id":"')
        text = json_text(id)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'","object":"chat.completion.chunk","created":')
        put_int(&self.prefix, created)
        puts(&self.prefix, b',"model":"')
        text = json_text(model)
        put_bytes(&self.prefix, text, len(text))
        puts(&self.prefix, b'",')
        put_buffer(&self.head, &self.prefix)
        puts(&self.head, b'"choices":[{"index":0,"delta":{')
        if self.head.failed or self.prefix.failed:
            raise MemoryError

    def __dealloc__(self):
        cdef int i
        release(&self.prefix)
        release(&self.head)
        for i in range(self.count):
            release(&self.lanes[i].given)
        free(self.lanes)

    cdef void put(self, const Event *event) noexcept:
        cdef int kind = event.kind
        if self.ended:
            return
        if event.choice:
            self.put_other(event)
        elif kind == DELTA:
            self._delta(event)
        elif kind == BLOCK_OPEN:
            self._begin()
            if event.block == TOOL:
                self._open_tool(event)
            elif event.block == TEXT:
                self.text_start = self.characters
        elif kind == BLOCK_CLOSE:
            self._close(event.index)
        elif kind == CITATION:
            self._cite(event)
        elif kind == LOGPROBS:
            self.hold_odds(event)
        elif kind == MEDIA:
            self._begin()
            self._image(event)
        elif kind == USAGE:
            merge(&self.usage, &event.usage)
        elif kind == STOP:
            self.stop = event.stop
        elif kind == END:
            self._end()
        elif kind == ERROR:
            chat_error(&self.out, event)
            self.ended = True

    cdef void _begin(self) noexcept:
        """The role, once, when it is certain that an answer comes."""
        if not self.begun:
            self.begun = True
            put_buffer(&self.out, &self.head)
            puts(&self.out, b'"role":"assistant","content":""')
            self._tail()

    cdef void _tail(self) noexcept:
        if self.odds.size:
            puts(&self.out, b'},"logprobs":{"content":')
            self.put_odds()
            puts(&self.out, b',"refusal":null')
        if self.include_usage:
            puts(&self.out, b'},"finish_reason":null}],"usage":null}\n\n')
        else:
            puts(&self.out, b'},"finish_reason":null}]}\n\n')

    cdef void _delta(self, const Event *event) noexcept:
        if event.block == TOOL:
            self._arguments(event.index, &event.a)
            return
        put_buffer(&self.out, &self.head)
        if event.block == TEXT:
            self.characters += event.characters if event.characters else character_count(&event.a)
            puts(&self.out, b'"content":"')
        elif event.block == THINKING:
            puts(&self.out, b'"reasoning_content":"')
        else:
            self.refused = True
            puts(&self.out, b'"refusal":"')
        put_text(&self.out, event)
        puts(&self.out, b'"')
        self._tail()

    cdef ToolLane *_lane(self, int index) noexcept:
        cdef int i
        for i in range(self.count - 1, -1, -1):
            if self.lanes[i].index == index:
                return &self.lanes[i]
        return NULL

    cdef void _arguments(self, int index, const Slice *text) noexcept:
        cdef ToolLane *lane = self._lane(index)
        if lane == NULL or text.n == 0:
            return
        if lane.custom:
            put_plain(&lane.given, text)
            return
        lane.some = True
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'"tool_calls":[{"index":')
        put_int(&self.out, lane.ordinal)
        puts(&self.out, b',"function":{"arguments":"')
        put_string(&self.out, text)
        puts(&self.out, b'"}}]')
        self._tail()

    cdef void _open_tool(self, const Event *event) noexcept:
        cdef ToolLane *grown
        if self.count == self.room:
            grown = <ToolLane *> realloc(self.lanes, <size_t> (self.room * 2 + 4) * sizeof(ToolLane))
            if grown == NULL:
                self.out.failed = True
                return
            self.lanes = grown
            self.room = self.room * 2 + 4
        self.lanes[self.count].index = event.index
        self.lanes[self.count].ordinal = self.count
        self.lanes[self.count].some = False
        self.lanes[self.count].custom = self._is_custom(&event.b)
        self.lanes[self.count].given = fresh()
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'"tool_calls":[{"index":')
        put_int(&self.out, self.count)
        puts(&self.out, b',"id":"')
        put_string(&self.out, &event.a)
        if self.lanes[self.count].custom:
            puts(&self.out, b'","type":"custom","custom":{"name":"')
            self.put_name(&self.out, &event.b)
            puts(&self.out, b'","input":""}}]')
        else:
            puts(&self.out, b'","type":"function","function":{"name":"')
            self.put_name(&self.out, &event.b)
            puts(&self.out, b'","arguments":""}}]')
        self._tail()
        self.count += 1

    cdef bint _is_custom(self, const Slice *name) noexcept:
        """Whether the client gave that tool as a free-form one; upstream it may have been a function of one ``input``."""
        cdef Buffer plain = fresh()
        cdef bint custom = False
        if not self.custom_tools:
            return False
        put_plain(&plain, name)
        try:
            known = plain.data[:plain.size].decode("utf-8", "replace")
            if self.tool_names is not None:
                known = self.tool_names.get(known, known)
            custom = known in self.custom_tools
        except MemoryError:
            self.out.failed = True
        release(&plain)
        return custom

    cdef void _input(self, const ToolLane *lane) noexcept:
        """Whole: only the end shows whether it was wrapped."""
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'"tool_calls":[{"index":')
        put_int(&self.out, lane.ordinal)
        puts(&self.out, b',"custom":{"input":"')
        put_input(&self.out, &lane.given)
        puts(&self.out, b'"}}]')
        self._tail()
        if lane.given.failed:
            self.out.failed = True

    cdef void _image(self, const Event *event) noexcept:
        """As OpenRouter and its followers send images; entries of lists in deltas need an ``index``."""
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'"images":[{"index":')
        put_int(&self.out, self.images)
        puts(&self.out, b',"type":"image_url","image_url":{"url":"data:')
        put_string(&self.out, &event.a)
        puts(&self.out, b";base64,")
        put_string(&self.out, &event.b)
        puts(&self.out, b'"}}]')
        self._tail()
        self.images += 1

    cdef void _cite(self, const Event *event) noexcept:
        """Web citations are kept until their text block ends; others have no form here. Without a range they mean all of it."""
        cdef Value raw, url, title, place
        cdef Slice address, name
        cdef long long start = -1
        cdef long long stop = -1
        raw.p = event.a.p
        raw.end = event.a.p + event.a.n
        find(&raw, b"url", &url)
        find(&raw, b"title", &title)
        if not text_of(&url, &address) or address.n == 0:
            return
        text_of(&title, &name)
        if find(&raw, b"start_index", &place):
            integer_of(&place, &start)
        if find(&raw, b"end_index", &place):
            integer_of(&place, &stop)
        try:
            if self.cited is None:
                self.cited = []
            self.cited.append((string_content(&address), string_content(&name), start, stop))
        except MemoryError:
            self.out.failed = True

    cdef void _annotate(self) noexcept:
        """One chunk for the citations of a text block. Entries of lists in deltas need an ``index`` for SDKs to add them up."""
        cdef bytes url, title
        cdef long long start, stop
        cdef bint first = True
        put_buffer(&self.out, &self.head)
        puts(&self.out, b'"annotations":[')
        for url, title, start, stop in self.cited:
            if not first:
                puts(&self.out, b",")
            puts(&self.out, b'{"index":')
            put_int(&self.out, self.annotations)
            puts(&self.out, b',"type":"url_citation","url_citation":{"url":"')
            put_bytes(&self.out, url, len(url))
            puts(&self.out, b'","title":"')
            put_bytes(&self.out, title, len(title))
            puts(&self.out, b'","start_index":')
            put_int(&self.out, self.text_start + start if stop > start >= 0 else self.text_start)
            puts(&self.out, b',"end_index":')
            put_int(&self.out, self.text_start + stop if stop > start >= 0 else self.characters)
            puts(&self.out, b"}}")
            self.annotations += 1
            first = False
        puts(&self.out, b"]")
        self._tail()
        self.cited = None

    cdef void _close(self, int index) noexcept:
        """A call without a single byte of arguments has none: ``{}``."""
        cdef ToolLane *lane = self._lane(index)
        cdef Slice nothing = utf8(b"{}", 2)
        if self.odds.size and lane == NULL:     # of characters that came with earlier tokens
            put_buffer(&self.out, &self.head)
            puts(&self.out, b'"content":""')
            self._tail()
        if self.cited is not None and lane == NULL:
            self._annotate()
        if lane != NULL and lane.custom:
            self._input(lane)
        elif lane != NULL and not lane.some:
            self._arguments(index, &nothing)

    cdef Encoder further(self, int choice):
        cdef OpenAIChatEncoder other = OpenAIChatEncoder.__new__(OpenAIChatEncoder)
        other.include_usage = self.include_usage
        other.custom_tools = self.custom_tools
        other.tool_names = self.tool_names
        put_buffer(&other.prefix, &self.prefix)
        put_buffer(&other.head, &self.prefix)
        puts(&other.head, b'"choices":[{"index":')
        put_int(&other.head, choice)
        puts(&other.head, b',"delta":{')
        if other.head.failed or other.prefix.failed:
            raise MemoryError
        return other

    cdef void _finish(self) noexcept:
        """The last chunk of this answer."""
        cdef int stop = self.stop
        self._begin()
        put_buffer(&self.out, &self.prefix)
        puts(&self.out, b'"choices":[{"index":')
        put_int(&self.out, self.number)
        puts(&self.out, b',"delta":{},"finish_reason":"')
        if stop == STOP_TOOL:
            puts(&self.out, b"tool_calls")
        elif stop == STOP_LENGTH or stop == STOP_CONTEXT:
            puts(&self.out, b"length")
        elif stop == STOP_FILTER or (stop == STOP_REFUSAL and not self.refused):
            puts(&self.out, b"content_filter")
        else:
            puts(&self.out, b"stop")
        puts(&self.out, b'"}],"usage":null}\n\n' if self.include_usage else b'"}]}\n\n')

    cdef void _end(self) noexcept:
        cdef OpenAIChatEncoder other
        self._finish()
        if self.others is not None:
            for other in self.others:
                other._finish()
                put_buffer(&self.out, &other.out)
        if self.include_usage:
            put_buffer(&self.out, &self.prefix)
            puts(&self.out, b'"choices":[],')
            write_chat_usage(&self.out, &self.usage)
            puts(&self.out, b"}\n\n")
        chat_done(&self.out)
        self.ended = True

    cdef void ping(self, bint comments) noexcept:
        if comments:
            chat_ping(&self.out)
