# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Token counts without a vocabulary. See the stub for what is promised and how exact it is.

Text is cut into the pieces that BPE vocabularies of today are trained on (a word with the space before it, three digits, a run
of punctuation, a run of space), and each piece costs what pieces of its kind and length cost on average in the o200k vocabulary.
The averages below were measured on licence texts, Markdown, Python, JavaScript, JSON and one manual in 19 languages.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

from omniroute._fast.envelope cimport (
    CUT, DEEP, DEPTH, Fault, NONE, COMMA_OR_BRACE, COMMA_OR_BRACKET, VALUE,
    hex4, refuse, skip_key, skip_literal, skip_number, skip_space, skip_string, skip_value,
)

cdef enum:
    UNIT = 1000           # of one token
    MEDIA = 1300          # tokens of one image, file or recording: between a small and a large picture
    PER_MESSAGE = 4       # role and separators
    PER_TOOL = 8          # what a tool's declaration is wrapped in
    BLOB = 512            # an unbroken base64 text of this length is media, not words

cdef enum Run:
    START
    WORD
    DIGITS
    SPACE
    NEWLINE
    MARKS
    HAN
    KANA
    HANGUL
    LETTERS               # of other scripts: Cyrillic, Greek, Arabic, Thai …
    EMOJI

cdef enum Lead:           # what was merged into the front of a run
    BARE
    SPACED
    MARKED
    QUOTED                # by an apostrophe: the 's and 't of English
    JOINED                # line ends behind punctuation

cdef enum Mode:
    TEXT                  # only string values count: the dialect's own keys are no tokens
    HOLDER                # the same, but a link stands for the picture or file behind it
    PAYLOAD               # the model sees this as JSON: tool schemas, arguments, results
    IGNORED

cdef struct Counter:
    long long units
    int run
    int before            # the run before this one, SPACE if its last space was merged
    int lead
    Py_ssize_t n
    Py_ssize_t upper
    Py_ssize_t accents
    Py_ssize_t same       # marks equal to the first one
    unsigned int first
    bint lower_last


cdef inline int kind_of(unsigned int c) noexcept nogil:
    if c < 0x80:
        if c'a' <= c <= c'z' or c'A' <= c <= c'Z':
            return WORD
        if c'0' <= c <= c'9':
            return DIGITS
        if c == 0x0A or c == 0x0D:
            return NEWLINE
        return SPACE if c == 0x20 or c == 0x09 else MARKS
    if c < 0xC0 or 0x2000 <= c < 0x2C00:
        return MARKS
    if c < 0x250 or 0x1E00 <= c < 0x1F00:
        return WORD
    if 0x3040 <= c < 0x3100:
        return KANA
    if 0xAC00 <= c < 0xD7B0:
        return HANGUL
    if 0x2E80 <= c < 0xA000 or 0xF900 <= c < 0xFB00 or 0xFF00 <= c < 0xFFF0 or 0x20000 <= c < 0x32000:
        return HAN
    return EMOJI if c >= 0x1F000 else LETTERS


cdef long long word_cost(Counter *t, int after) noexcept nogil:
    cdef Py_ssize_t n = t.n
    cdef long long cost = UNIT
    if t.lead == QUOTED and n <= 2:
        return UNIT / 20
    if t.upper == n and n > 1:
        cost += 170 * (n - 2) + (0 if t.lead == SPACED else 100)
    elif t.lead == SPACED:
        cost += 15 * (n - 3) if n > 3 else 0
    else:
        cost += 30 * (n - 2) if n > 2 else 0
    if n > 13:
        cost += 200 * (n - 13)
    if t.lead == MARKED:
        cost += 100
    # a letter with an accent splits a word; beyond two the pieces are as short as they get
    cost += 750 * (t.accents if t.accents < 2 else 2)
    # letters and digits without a border are no words but names, hashes, base64
    if (t.before == DIGITS or after == DIGITS) and cost < 550 * n:
        cost = 550 * n
    return cost


cdef long long mark_cost(Counter *t, int after) noexcept nogil:
    if t.n == 1 and after == WORD and t.lead != SPACED:
        return 0  # merges with the word behind it
    if t.same == t.n and t.n > 3:
        return UNIT + t.n * UNIT / 40  # a ruler
    if t.n <= 2:
        return UNIT
    return 1170 if t.n == 3 else 1200 + 450 * (t.n - 3)


cdef long long run_cost(Counter *t, int after) noexcept nogil:
    if t.run == WORD:
        return word_cost(t, after)
    if t.run == DIGITS:
        return (t.n + 2) / 3 * UNIT
    if t.run == SPACE:
        # the last space merges with what follows, unless that is a number
        return ((0 if t.n == 1 else UNIT) + (UNIT if after == DIGITS else 0)
                + ((t.n - 16) * UNIT / 64 if t.n > 16 else 0))
    if t.run == NEWLINE:
        return UNIT * 35 / 100 if t.lead == JOINED else UNIT
    if t.run == MARKS:
        return mark_cost(t, after)
    if t.run == HAN:
        return t.n * 800
    if t.run == KANA:
        return t.n * 650
    if t.run == HANGUL:
        return t.n * 840
    if t.run == LETTERS:
        return t.n * 400 if t.n > 2 else UNIT
    return t.n * 2 * UNIT


cdef void put(Counter *t, unsigned int c) noexcept nogil:
    """One character more."""
    cdef int kind = kind_of(c)
    cdef bint upper = c'A' <= c <= c'Z'
    cdef int lead = BARE
    if kind == t.run and not (kind == WORD and upper and t.lower_last):
        t.n += 1
        t.same += c == t.first
    elif kind == NEWLINE and t.run == SPACE:
        t.run = NEWLINE
        t.n = 1
    else:
        if kind == NEWLINE and t.run == MARKS:
            lead = JOINED
        elif t.run == SPACE and kind != DIGITS:
            lead = SPACED
        elif t.run == MARKS and t.n == 1 and t.lead != SPACED and kind == WORD:
            lead = QUOTED if t.first == c"'" and t.before == WORD else MARKED
        if t.run != START:
            t.units += run_cost(t, kind)
        t.before = t.run
        t.run = kind
        t.lead = lead
        t.n = 1
        t.upper = 0
        t.accents = 0
        t.same = 1
        t.first = c
    if kind == WORD:
        t.upper += upper
        t.accents += c >= 0x80
        t.lower_last = not upper


cdef void flush(Counter *t) noexcept nogil:
    """End the text: nothing merges over this border."""
    if t.run != START:
        t.units += run_cost(t, START)
    t.run = START
    t.before = START


cdef const unsigned char *put_utf8(Counter *t, const unsigned char *p, const unsigned char *end) noexcept nogil:
    """One multi-byte character; a byte that is none of UTF-8 counts by itself."""
    cdef unsigned char c = p[0]
    cdef int more = 3 if c >= 0xF0 else 2 if c >= 0xE0 else 1
    cdef unsigned int value = c & (0x3F >> more)
    cdef int i
    if c < 0xC0 or end - p <= more:
        put(t, 0xFFFD)
        return p + 1
    for i in range(1, more + 1):
        value = (value << 6) | (p[i] & 0x3F)
    put(t, value)
    return p + more + 1


cdef const unsigned char *put_escape(Counter *t, const unsigned char *p, const unsigned char *end) noexcept nogil:
    """One JSON escape that has been validated; ``p`` stands at the backslash."""
    cdef unsigned char c = p[1]
    cdef int unit
    if c != c'u':
        put(t, 0x0A if c == c'n' else 0x0D if c == c'r' else 0x09 if c == c't' else c)
        return p + 2
    unit = hex4(p + 2)
    if 0xD800 <= unit <= 0xDBFF and end - p >= 12:
        put(t, 0x10000 + ((unit - 0xD800) << 10) + (hex4(p + 8) - 0xDC00))
        return p + 12
    put(t, unit)
    return p + 6


cdef void put_text(Counter *t, const unsigned char *p, const unsigned char *end, bint escaped) noexcept nogil:
    cdef const unsigned char *start
    while p < end:
        if p[0] >= 0x80:
            p = put_utf8(t, p, end)
        elif p[0] == c'\\' and escaped:
            p = put_escape(t, p, end)
        else:
            put(t, p[0])
            p += 1
            if t.run == WORD:  # most of most texts: the rest of a word in small letters
                start = p
                while p < end and c'a' <= p[0] <= c'z':
                    p += 1
                if p > start:
                    t.n += p - start
                    t.lower_last = True


cdef bint listed(const char *words, const unsigned char *key, Py_ssize_t n) noexcept nogil:
    """Whether ``key`` is one of ``words``, which are separated and enclosed by single spaces."""
    cdef const char *word = words + 1
    cdef const char *p
    while word[0] != 0:
        p = word
        while p[0] != c' ':
            p += 1
        if p - word == n and memcmp(word, key, n) == 0:
            return True
        word = p + 1
    return False


cdef int mode_of(const unsigned char *key, Py_ssize_t n) noexcept nogil:
    """What a key inside a message says about its value."""
    if listed(b" role type id call_id tool_call_id tool_use_id cache_control media_type mimeType mime_type format detail status "
              b"signature thoughtSignature thought_signature encrypted_content ", key, n):
        return IGNORED
    if listed(b" input arguments args response input_schema parameters schema json ", key, n):
        return PAYLOAD
    if listed(b" image_url image input_image source file fileData file_data file_url audio video_url ", key, n):
        return HOLDER
    return TEXT


cdef bint is_blob(const unsigned char *p, const unsigned char *end) noexcept nogil:
    """Whether a string value is media: a data URL or an unbroken base64 text (either alphabet)."""
    cdef unsigned char c
    if end - p >= 5 and memcmp(p, b"data:", 5) == 0:
        return True
    if end - p < BLOB:
        return False
    while p < end:
        c = p[0]
        if not (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9' or c == c'+' or c == c'/' or c == c'-' or c == c'_'
                or c == c'=' or c == c'\\'):
            return False
        p += 1
    return True


cdef bint is_link(const unsigned char *p, const unsigned char *end) noexcept nogil:
    return end - p > 8 and (memcmp(p, b"https://", 8) == 0 or memcmp(p, b"http://", 7) == 0 or memcmp(p, b"gs://", 5) == 0)


cdef void count_string(
    Counter *t, const unsigned char *p, const unsigned char *end, bint escaped, int mode, const unsigned char *key, Py_ssize_t n
) noexcept nogil:
    """A string value between its quotes, found under ``key``."""
    if listed(b" data url image_url image images file_data file_url fileUri file_uri audio ", key, n) and (
        is_blob(p, end) or (mode == HOLDER and is_link(p, end))
    ):
        flush(t)
        t.units += MEDIA * UNIT
        return
    if mode == PAYLOAD:
        put(t, c'"')
        put_text(t, p, end, escaped)
        put(t, c'"')
    else:
        flush(t)
        put_text(t, p, end, escaped)
        flush(t)


cdef const unsigned char *count_object(
    Counter *t, const unsigned char *p, const unsigned char *end, int mode, int depth, Fault *fault
) noexcept nogil:
    """Past an object; ``p`` stands behind its brace."""
    cdef const unsigned char *key
    cdef const unsigned char *key_end
    cdef bint escaped
    cdef int inner
    p = skip_space(p, end)
    if p < end and p[0] == c'}':
        return p + 1
    while True:
        key = p + 1
        escaped = False
        p = skip_key(p, end, &escaped, fault)
        if p == NULL:
            return NULL
        key_end = p - 1
        while key_end[0] != c'"':
            key_end -= 1
        inner = mode if mode == PAYLOAD else mode_of(key, key_end - key)
        if mode == HOLDER and inner == TEXT:
            inner = HOLDER
        if mode == PAYLOAD:
            put(t, c'"')
            put_text(t, key, key_end, escaped)
            put(t, c'"')
            put(t, c':')
        p = count_value(t, p, end, inner, depth, key, key_end - key, NULL, fault)
        if p == NULL:
            return NULL
        p = skip_space(p, end)
        if p < end and p[0] == c'}':
            return p + 1
        if p >= end or p[0] != c',':
            return refuse(fault, COMMA_OR_BRACE, p)
        if mode == PAYLOAD:
            put(t, c',')
        p = skip_space(p + 1, end)


cdef const unsigned char *count_array(
    Counter *t, const unsigned char *p, const unsigned char *end, int mode, int depth,
    const unsigned char *key, Py_ssize_t n, Py_ssize_t *elements, Fault *fault
) noexcept nogil:
    """Past an array; ``p`` stands behind its bracket."""
    cdef Py_ssize_t count = 0
    p = skip_space(p, end)
    if p < end and p[0] == c']':
        return p + 1
    while True:
        p = count_value(t, p, end, mode, depth, key, n, NULL, fault)
        if p == NULL:
            return NULL
        count += 1
        p = skip_space(p, end)
        if p < end and p[0] == c']':
            if elements != NULL:
                elements[0] = count
            return p + 1
        if p >= end or p[0] != c',':
            return refuse(fault, COMMA_OR_BRACKET, p)
        if mode == PAYLOAD:
            put(t, c',')
        p = skip_space(p + 1, end)


cdef const unsigned char *count_value(
    Counter *t, const unsigned char *p, const unsigned char *end, int mode, int depth,
    const unsigned char *key, Py_ssize_t n, Py_ssize_t *elements, Fault *fault
) noexcept nogil:
    """Past one value, counted; ``elements`` (may be NULL) becomes the length if it is an array."""
    cdef const unsigned char *start = p
    cdef Py_ssize_t ignored
    cdef bint escaped = False
    if p >= end:
        return refuse(fault, CUT, end)
    if depth >= DEPTH:
        return refuse(fault, DEEP, p)
    if mode == IGNORED:
        return skip_value(p, end, depth, &ignored, fault)
    if p[0] == c'"':
        p = skip_string(p + 1, end, &escaped, fault)
        if p != NULL:
            count_string(t, start + 1, p - 1, escaped, mode, key, n)
        return p
    if p[0] == c'{' or p[0] == c'[':
        if mode == PAYLOAD:
            put(t, p[0])
        if p[0] == c'{':
            p = count_object(t, p + 1, end, mode, depth + 1, fault)
        else:
            p = count_array(t, p + 1, end, mode, depth + 1, key, n, elements, fault)
        if p != NULL and mode == PAYLOAD:
            put(t, (p - 1)[0])
        return p
    if p[0] == c'-' or c'0' <= p[0] <= c'9':
        p = skip_number(p, end, fault)
    elif p[0] == c't' or p[0] == c'f' or p[0] == c'n':
        p = skip_literal(p, end, fault)
    else:
        return refuse(fault, VALUE, p)
    if p != NULL and mode == PAYLOAD:
        put_text(t, start, p, False)
    return p


cdef const unsigned char *count_body(Counter *t, const unsigned char *p, const unsigned char *end, Fault *fault) noexcept nogil:
    """The members of a body that a model reads; ``p`` stands behind the brace."""
    cdef const unsigned char *key
    cdef const unsigned char *key_end
    cdef Py_ssize_t n, elements
    cdef bint escaped
    cdef int mode
    p = skip_space(p, end)
    if p < end and p[0] == c'}':
        return p + 1
    while True:
        key = p + 1
        escaped = False
        p = skip_key(p, end, &escaped, fault)
        if p == NULL:
            return NULL
        key_end = p - 1
        while key_end[0] != c'"':
            key_end -= 1
        n = key_end - key
        mode = IGNORED
        if listed(b" messages input contents system system_instruction systemInstruction instructions prompt suffix query "
                  b"documents ", key, n):
            mode = TEXT
        elif listed(b" tools functions response_format output_config text ", key, n):
            mode = PAYLOAD
        elements = 0
        p = count_value(t, p, end, mode, 1, key, n, &elements, fault)
        if p == NULL:
            return NULL
        flush(t)
        if listed(b" messages input contents ", key, n):
            t.units += elements * PER_MESSAGE * UNIT
        elif mode == PAYLOAD:
            t.units += elements * PER_TOOL * UNIT
        p = skip_space(p, end)
        if p < end and p[0] == c'}':
            return p + 1
        if p >= end or p[0] != c',':
            return refuse(fault, COMMA_OR_BRACE, p)
        p = skip_space(p + 1, end)


cdef Py_ssize_t tokens_of(Counter *t) noexcept nogil:
    cdef Py_ssize_t tokens = (t.units + UNIT / 2) / UNIT
    return tokens if tokens > 0 else 1


cdef void start(Counter *t) noexcept nogil:
    t.units = 0
    t.run = START
    t.before = START
    t.lead = BARE
    t.n = 0
    t.upper = 0
    t.accents = 0
    t.same = 0
    t.first = 0
    t.lower_last = False


def estimate(bytes text not None):
    cdef Counter counter
    cdef const unsigned char *p = <const unsigned char *> PyBytes_AS_STRING(text)
    if not text:
        return 0
    start(&counter)
    put_text(&counter, p, p + PyBytes_GET_SIZE(text), False)
    flush(&counter)
    return tokens_of(&counter)


def estimate_body(bytes body not None):
    cdef Counter counter
    cdef Fault fault
    cdef const unsigned char *base = <const unsigned char *> PyBytes_AS_STRING(body)
    cdef const unsigned char *end = base + PyBytes_GET_SIZE(body)
    cdef const unsigned char *p = skip_space(base, end)
    fault.offence = NONE
    fault.at = NULL
    start(&counter)
    if p < end and p[0] == c'{' and count_body(&counter, p + 1, end, &fault) != NULL:
        return tokens_of(&counter)
    # no JSON object: whatever it is, it is text
    start(&counter)
    put_text(&counter, base, end, False)
    flush(&counter)
    return tokens_of(&counter)
