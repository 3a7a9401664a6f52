# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""Output items of Responses streams, written: the events of one item from its start to its end, and the item itself.

Which block belongs to which item, and when an item may speak, is decided in ``openai_responses``.
"""

from libc.stdlib cimport free

from omniroute._fast.buffer cimport (
    FROM_VALUE, Buffer, character_count, clear, fresh, put_buffer, put_bytes, put_int, put_plain, put_sanitised, put_string, puts,
    release,
)
from omniroute._fast.events cimport ESCAPED, MEDIA, REDACTED, REFUSAL, TEXT, THINKING, TOOL, Slice
from omniroute._fast.scan cimport Value, Walk, enter_at, find, integer_of, is_blank, is_object, next_item, text_of
from omniroute._fast.stream cimport Encoder, json_text


cdef inline const char *prefix_of(int block) noexcept nogil:
    if block == TEXT:
        return b"msg_"
    if block == TOOL:
        return b"fc_"
    return b"ig_" if block == MEDIA else b"rs_"


cdef inline Slice content_of(const Buffer *b, Py_ssize_t start) noexcept nogil:
    cdef Slice s
    s.p = b.data + start
    s.n = b.size - start
    s.form = ESCAPED
    return s


cdef str plain_of(const Buffer *b):
    """JSON string content as text."""
    cdef Buffer plain = fresh()
    cdef Slice content = content_of(b, 0)
    put_plain(&plain, &content)
    text = plain.data[:plain.size].decode("utf-8", "replace") if plain.size else ""
    release(&plain)
    return text


cdef void release_item(Item *item) noexcept nogil:
    release(&item.text)
    release(&item.parts)
    release(&item.cited)
    release(&item.odds)
    release(&item.call)
    release(&item.name)
    release(&item.proof)


cdef void put_id(Buffer *out, const char *prefix, const Buffer *tail, int number) noexcept nogil:
    puts(out, prefix)
    put_buffer(out, tail)
    puts(out, b"_")
    put_int(out, number)


cdef void put_call(Buffer *out, const Item *item, const char *status, bint arguments) noexcept nogil:
    """The members of a function call behind its id."""
    puts(out, b'","type":"function_call","status":"')
    puts(out, status)
    puts(out, b'","call_id":"')
    put_buffer(out, &item.call)
    puts(out, b'",')
    put_buffer(out, &item.name)
    puts(out, b',"arguments":"')
    if arguments:
        put_buffer(out, &item.text)
    puts(out, b'"}')


cdef class ItemWriter(Encoder):
    """The half of the encoder that writes items."""

    def __dealloc__(self):
        cdef int i
        release(&self.tail)
        release(&self.output)
        for i in range(self.count):
            release_item(&self.items[i])
        free(self.items)

    cdef void _event(self, const char *type) noexcept:
        """The head of an event; the caller closes the brace."""
        puts(&self.out, b"event: ")
        puts(&self.out, type)
        puts(&self.out, b'\ndata: {"type":"')
        puts(&self.out, type)
        puts(&self.out, b'","sequence_number":')
        put_int(&self.out, self.sequence)
        self.sequence += 1

    cdef void _place(self, const Item *item) noexcept:
        puts(&self.out, b',"item_id":"')
        put_id(&self.out, prefix_of(item.block), &self.tail, item.number)
        puts(&self.out, b'","output_index":')
        put_int(&self.out, item.number)
        if item.block == TEXT:
            puts(&self.out, b',"content_index":')
            put_int(&self.out, item.part)
        elif item.block == THINKING:
            puts(&self.out, b',"summary_index":0')

    cdef void _show(self, Item *item) noexcept:
        if item.shown:
            return
        item.shown = True
        item.number = self.numbered
        self.numbered += 1
        self._event(b"response.output_item.added")
        puts(&self.out, b',"output_index":')
        put_int(&self.out, item.number)
        puts(&self.out, b',"item":{"id":"')
        put_id(&self.out, prefix_of(item.block), &self.tail, item.number)
        if item.block == TEXT:
            puts(&self.out, b'","type":"message","status":"in_progress","role":"assistant","content":[]}')
        elif item.block == TOOL:
            put_call(&self.out, item, b"in_progress", False)
        elif item.block == MEDIA:
            puts(&self.out, b'","type":"image_generation_call","status":"in_progress","result":null}')
        else:
            puts(&self.out, b'","type":"reasoning","summary":[]}')
        puts(&self.out, b"}\n\n")

    cdef void _show_part(self, Item *item) noexcept:
        if item.part_shown:
            return
        item.part_shown = True
        self._event(b"response.content_part.added" if item.block == TEXT else b"response.reasoning_summary_part.added")
        self._place(item)
        if item.block == THINKING:
            puts(&self.out, b',"part":{"type":"summary_text","text":""}}\n\n')
        elif item.part_block == REFUSAL:
            puts(&self.out, b',"part":{"type":"refusal","refusal":""}}\n\n')
        else:
            puts(&self.out, b',"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}}\n\n')

    cdef void _flush(self, Item *item) noexcept:
        """The delta that the client does not have yet."""
        cdef Slice news
        if item.whole or item.block == MEDIA or item.block == REDACTED:
            return
        if item.block == TOOL:
            self._show(item)
        if item.sent == item.text.size:
            return
        news = content_of(&item.text, item.sent)
        if item.block == TOOL:
            if item.sent == 0 and is_blank(&news):      # no arguments yet, or never
                return
            self._event(b"response.function_call_arguments.delta")
        else:
            self._show(item)
            self._show_part(item)
            if item.block == THINKING:
                self._event(b"response.reasoning_summary_text.delta")
            elif item.part_block == REFUSAL:
                self._event(b"response.refusal.delta")
            else:
                self._event(b"response.output_text.delta")
        self._place(item)
        puts(&self.out, b',"delta":"')
        put_bytes(&self.out, news.p, news.n)
        puts(&self.out, b'"')
        if item.block == TEXT and item.part_block == TEXT:
            self._put_odds(item, item.told)
            item.told = item.odds.size
        puts(&self.out, b"}\n\n")
        item.sent = item.text.size

    cdef void _put_odds(self, const Item *item, Py_ssize_t start) noexcept:
        """The member ``logprobs`` with what there is behind ``start``."""
        puts(&self.out, b',"logprobs":[')
        if item.odds.size > start:
            start += start > 0              # the comma
            put_bytes(&self.out, item.odds.data + start, item.odds.size - start)
        puts(&self.out, b"]")

    cdef void _end_part(self, Item *item) noexcept:
        """The end of a message's part, if it said anything."""
        cdef Buffer annotations = fresh()
        cdef Py_ssize_t start
        if item.block != TEXT or item.text.size == 0:
            return
        if item.part_block == REFUSAL:
            self.refused = True
            self._event(b"response.refusal.done")
            self._place(item)
            puts(&self.out, b',"refusal":"')
            put_buffer(&self.out, &item.text)
            puts(&self.out, b'"}\n\n')
        else:
            self._annotate(item, &annotations)
            self._event(b"response.output_text.done")
            self._place(item)
            puts(&self.out, b',"text":"')
            put_buffer(&self.out, &item.text)
            puts(&self.out, b'"')
            self._put_odds(item, 0)
            puts(&self.out, b"}\n\n")
        if item.parts.size:
            puts(&item.parts, b",")
        start = item.parts.size
        puts(&item.parts, b'{"type":"refusal","refusal":"' if item.part_block == REFUSAL else b'{"type":"output_text","text":"')
        put_buffer(&item.parts, &item.text)
        if item.part_block == REFUSAL:
            puts(&item.parts, b'"}')
        else:
            puts(&item.parts, b'","annotations":[')
            put_buffer(&item.parts, &annotations)
            puts(&item.parts, b'],"logprobs":[')
            put_buffer(&item.parts, &item.odds)
            puts(&item.parts, b"]}")
            self.out.failed = self.out.failed or item.odds.failed
        self._event(b"response.content_part.done")
        self._place(item)
        puts(&self.out, b',"part":')
        put_bytes(&self.out, item.parts.data + start, item.parts.size - start)
        puts(&self.out, b"}\n\n")
        release(&annotations)
        clear(&item.text)
        clear(&item.cited)
        clear(&item.odds)
        item.sent = item.told = 0
        item.part_shown = False
        item.part += 1

    cdef void _annotate(self, Item *item, Buffer *annotations) noexcept:
        """The citations of a part that have a URL; without a range of their own they mean all of it."""
        cdef Walk walk
        cdef Value raw, found
        cdef Slice text
        cdef Slice all = content_of(&item.text, 0)
        cdef long long start, stop
        cdef Py_ssize_t begin
        cdef Buffer list = fresh()
        cdef int number = 0
        if item.cited.size == 0:
            return
        puts(&list, b"[")
        put_bytes(&list, item.cited.data, item.cited.size - 1)
        puts(&list, b"]")
        enter_at(&walk, list.data, list.data + list.size)
        while next_item(&walk, &raw):
            if find(&raw, b"url_citation", &found) and is_object(&found):
                raw = found
            find(&raw, b"url", &found)
            if not text_of(&found, &text) or text.n == 0:
                continue
            start = stop = -1
            if annotations.size:
                puts(annotations, b",")
            begin = annotations.size
            puts(annotations, b'{"type":"url_citation","url":"')
            put_string(annotations, &text)
            puts(annotations, b'","title":"')
            if find(&raw, b"title", &found) and text_of(&found, &text):
                put_string(annotations, &text)
            if find(&raw, b"start_index", &found):
                integer_of(&found, &start)
            if find(&raw, b"end_index", &found):
                integer_of(&found, &stop)
            puts(annotations, b'","start_index":')
            put_int(annotations, start if 0 <= start <= stop else 0)
            puts(annotations, b',"end_index":')
            put_int(annotations, stop if 0 <= start <= stop else character_count(&all))
            puts(annotations, b"}")
            self._event(b"response.output_text.annotation.added")
            self._place(item)
            puts(&self.out, b',"annotation_index":')
            put_int(&self.out, number)
            puts(&self.out, b',"annotation":')
            put_bytes(&self.out, annotations.data + begin, annotations.size - begin)
            puts(&self.out, b"}\n\n")
            number += 1
        release(&list)

    cdef void _finish_item(self, Item *item) noexcept:
        cdef Py_ssize_t start = self.output.size
        if item.block == TOOL:
            if item.whole:
                self._finish_whole(item)
            else:
                self._finish_call(item)
            return
        if item.block == TEXT and not item.shown:
            return
        if item.block != TEXT and item.text.size == 0 and item.proof.size == 0:
            return
        self._show(item)
        puts(&self.output, b'{"id":"')
        put_id(&self.output, prefix_of(item.block), &self.tail, item.number)
        if item.block == TEXT:
            puts(&self.output, b'","type":"message","status":"completed","role":"assistant","content":[')
            put_buffer(&self.output, &item.parts)
            puts(&self.output, b"]}")
        elif item.block == MEDIA:
            self._event(b"response.image_generation_call.completed")
            self._place(item)
            puts(&self.out, b"}\n\n")
            puts(&self.output, b'","type":"image_generation_call","status":"completed","result":"')
            put_buffer(&self.output, &item.text)
            puts(&self.output, b'"}')
        else:
            puts(&self.output, b'","type":"reasoning","summary":[')
            if item.text.size:
                self._event(b"response.reasoning_summary_text.done")
                self._place(item)
                puts(&self.out, b',"text":"')
                put_buffer(&self.out, &item.text)
                puts(&self.out, b'"}\n\n')
                self._event(b"response.reasoning_summary_part.done")
                self._place(item)
                puts(&self.out, b',"part":{"type":"summary_text","text":"')
                put_buffer(&self.out, &item.text)
                puts(&self.out, b'"}}\n\n')
                puts(&self.output, b'{"type":"summary_text","text":"')
                put_buffer(&self.output, &item.text)
                puts(&self.output, b'"}')
            puts(&self.output, b"]")
            if item.proof.size:
                puts(&self.output, b',"encrypted_content":"')
                put_buffer(&self.output, &item.proof)
                puts(&self.output, b'"')
            puts(&self.output, b"}")
        self._done(item, start)

    cdef void _finish_call(self, Item *item) noexcept:
        cdef Py_ssize_t start = self.output.size
        cdef Slice arguments = content_of(&item.text, 0)
        self._show(item)
        if is_blank(&arguments):
            clear(&item.text)
            puts(&item.text, b"{}")
            self._flush(item)
        self._event(b"response.function_call_arguments.done")
        self._place(item)
        puts(&self.out, b',')
        put_buffer(&self.out, &item.name)
        puts(&self.out, b',"arguments":"')
        put_buffer(&self.out, &item.text)
        puts(&self.out, b'"}\n\n')
        puts(&self.output, b'{"id":"')
        put_id(&self.output, b"fc_", &self.tail, item.number)
        put_call(&self.output, item, b"completed", True)
        self._done(item, start)

    cdef void _finish_whole(self, Item *item) noexcept:
        """A call that is no plain function: all of its events at once."""
        cdef Py_ssize_t start = self.output.size
        cdef Buffer head = fresh()
        cdef bytes kind, prefix, fields, given
        try:
            found = self.finish(plain_of(&item.name), plain_of(&item.text))
            kind, prefix, fields = found[0].encode(), found[1].encode(), found[2]
            given = None if found[3] is None else json_text(found[3])
        except MemoryError:
            self.out.failed = True
            return
        if kind == b"function_call":        # the arguments make no other item
            item.whole = False
            clear(&item.name)
            put_sanitised(&item.name, fields, fields.rindex(b',"arguments":'), FROM_VALUE)
            self._flush(item)
            self._finish_call(item)
            return
        item.number = self.numbered
        self.numbered += 1
        puts(&head, b'{"id":"')
        put_id(&head, prefix, &self.tail, item.number)
        puts(&head, b'","type":"')
        put_bytes(&head, kind, len(kind))
        puts(&head, b'","call_id":"')
        put_buffer(&head, &item.call)
        puts(&head, b'",')
        self._event(b"response.output_item.added")
        puts(&self.out, b',"output_index":')
        put_int(&self.out, item.number)
        puts(&self.out, b',"item":')
        put_buffer(&self.out, &head)
        if given is None:
            put_sanitised(&self.out, fields, len(fields), FROM_VALUE)
        else:                           # the input is the last member, and comes in its events
            put_sanitised(&self.out, fields, fields.rindex(b'"input":'), FROM_VALUE)
            puts(&self.out, b'"input":""')
        puts(&self.out, b',"status":"in_progress"}}\n\n')
        if given is not None:
            self._input(item, prefix, given)
        put_buffer(&self.output, &head)
        put_sanitised(&self.output, fields, len(fields), FROM_VALUE)
        puts(&self.output, b',"status":"completed"}')
        release(&head)
        self._done(item, start)

    cdef void _input(self, const Item *item, bytes prefix, bytes given) noexcept:
        """The free-form input of a custom call, as one delta."""
        cdef int i
        for i in range(2):
            self._event(b"response.custom_tool_call_input.done" if i else b"response.custom_tool_call_input.delta")
            puts(&self.out, b',"item_id":"')
            put_id(&self.out, prefix, &self.tail, item.number)
            puts(&self.out, b'","output_index":')
            put_int(&self.out, item.number)
            puts(&self.out, b',"input":"' if i else b',"delta":"')
            put_bytes(&self.out, given, len(given))
            puts(&self.out, b'"}\n\n')

    cdef void _done(self, const Item *item, Py_ssize_t start) noexcept:
        """The end of an item, whose JSON begins at ``start`` of the output."""
        self._event(b"response.output_item.done")
        puts(&self.out, b',"output_index":')
        put_int(&self.out, item.number)
        puts(&self.out, b',"item":')
        put_bytes(&self.out, self.output.data + start, self.output.size - start)
        puts(&self.out, b"}\n\n")
        puts(&self.output, b",")
