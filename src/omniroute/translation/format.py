"""Format: everything the product knows of one wire format, in one record, and the registry of all of them.

A format is a folder of ``translation/formats`` whose ``__init__`` exports ``FORMAT``. Nothing outside that folder (and its
compiled stream codec) knows how the format looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from omniroute.core.errors import OmniRouteError
from omniroute.core.registry import Registry
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.ir.response import ChatResponse, Usage
from omniroute.translation.replay_reasoning import Recall
from omniroute.translation.rules import Rules
from omniroute.translation.system_prompt import SystemPrompt

if TYPE_CHECKING:
    from omniroute._fast.codec import Decoder, Encoder
    from omniroute._fast.envelope import Envelope

Changes = dict[str, bytes | None]


class StreamMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream encoder must know before the first event.

    ``model`` is the name shown to the client; ``input_tokens`` an estimate for dialects that state input usage at the start;
    ``tool_names`` maps names sent upstream back to the client's own (only those that were changed). ``array``: the client
    wants the stream in its dialect's other framing, see ``Format.array``. ``think_tags``: the upstream puts its thinking between
    tags into the text, where it must not stay even between equal formats. ``sparse_end``: its last event may lack the output.
    """

    id: str
    model: str
    created: int
    include_usage: bool = False
    input_tokens: int = 0
    tool_names: Mapping[str, str] = {}
    request: ChatRequest | None = None
    array: bool = False
    think_tags: bool = False
    sparse_end: bool = False

    @property
    def rewrites(self) -> bool:
        """The answer has to be written anew, even between equal formats."""
        return self.think_tags or bool(self.tool_names)

    def named(self, prefix: str) -> StreamMeta:
        """The same with an id of the dialect's own look: ``prefix`` in place of our ``req_``."""
        if self.id.startswith(prefix):
            return self
        return replace(self, id=prefix + self.id.removeprefix("req_"))


class Framing(Protocol):
    """Another framing of a stream: whole events in, the same events framed anew out."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """What closes the stream; b"" the second time."""
        ...


class Stored(Protocol):
    """A finished response and what led to it, as its format keeps it; ``size`` in bytes."""

    @property
    def id(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def response(self) -> bytes: ...


class History(msgspec.Struct, frozen=True, kw_only=True):
    """How a dialect lets a request go on from an earlier response. Pure functions over bodies.

    terminal      what the last event of a stream begins with; its answer is in that event
    wants_storage whether a request lets its response be kept
    previous_id   the response a request goes on from
    resume        the request made whole
    remember      (request, response) → what to keep
    finished      the response in the end of a stream, None when it failed
    page          a page of the kept input: (stored, after, limit, ascending)
    deleted       the answer to a deletion
    triggered     whether a request asks for compaction of its conversation
    ask           the request for a summary in words instead
    bare          a request for compaction as a vendor's own route for it takes it
    compacted     (that request, its response, ``alone``: on a route of its own) → the answer to the request for compaction
    as_stream     a finished response as a stream
    """

    terminal: tuple[bytes, ...]
    wants_storage: Callable[[bytes], bool]
    previous_id: Callable[[bytes], str | None]
    resume: Callable[[bytes, Any], bytes]
    remember: Callable[[bytes, bytes], Stored]
    finished: Callable[[bytes], bytes | None]
    page: Callable[..., bytes]
    deleted: Callable[[str], bytes]
    triggered: Callable[[bytes], bool]
    ask: Callable[[bytes], bytes]
    bare: Callable[[bytes], bytes]
    compacted: Callable[..., bytes]
    as_stream: Callable[[bytes], bytes]


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """How to tell, without parsing all of it, that the body of an upstream is a finished answer of this dialect.

    answer      the top-level array the answer stands in
    holders     each element has an object under one of these names; () = its elements may be anything, also none
    usage       the top-level member that states the usage
    read_usage  that member's value → usage, None when it states none
    """

    answer: bytes
    holders: tuple[bytes, ...] = ()
    usage: bytes = b"usage"
    read_usage: Callable[[Any], Usage | None]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format.

    name              registry key, also the word in configuration (``openai_chat``, ``anthropic``, …)
    chat_path         default path of a chat call, appended to a node's base URL
    stream_type       content type of its streams
    id_prefix         how the ids of its answers begin
    rules             what the format can say and what it refuses; drives ``normalise``
    decode_request    body of a client in this format → ChatRequest; BadRequest names the field
    encode_request    ChatRequest → body for an upstream in this format, after normalisation
    decode_response   body of an upstream's finished answer → ChatResponse; BadAnswer
    encode_response   ChatResponse → body for a client (``meta`` gives id, model, created)
    decoder, encoder  the compiled stream halves
    encode_error      any error of ours → body in this dialect; ``request_id`` goes in where the dialect has room
    error_status      the HTTP status that error has in this dialect
    adjust            top-level changes a body needs that is passed on unparsed to an upstream of this same format
    put_system        changes that put the operator's system prompt into a client's body
    reasoning_fields  the top-level fields by which thinking is asked for, and those that it bears on
    wants_usage       whether the client asked for usage in its stream (True where the dialect always has it)
    default_headers   sent upstream unless the client's own replace them (anthropic-version, …)
    forward_headers   client headers handed on when both sides speak this format (lower case)
    stream_default    a request that does not say whether to stream wants a stream
    stream_lines      a stream is lines of JSON objects, and a whole answer is one such line
    client_only       a second face of another format for some clients; no upstream speaks it
    egress_only       spoken to providers only: its client half is not there, see ``egress.egress_format``
    binary            its requests are no JSON
    idle              the whole answer to a request that asks its model nothing, None for a real one; None = there are no such
    model_in_url      model and stream switch stand in the URL, not in the body
    array             turns a stream of this dialect into one JSON array of its events, None where that does not exist
    ending            a framing that completes the last event of a stream, None = it never lacks anything
    count_key         the field of a token count's answer
    count_fields      what else stands in it
    replay            changes that put remembered reasoning back into an unparsed body, None where clients carry it themselves
    unsigned          a body without the thinking of earlier answers (None: it has none), None = this format has no proofs of it
    gathered          the finished answer in the last vendor-only event of a stream (None: it holds none), None = no such event
    history           how a request goes on from an earlier response, None where the dialect is stateless
    passing           how a finished answer is told at a glance when it is handed on as it is, None = it is parsed
    inner             the format inside of this one, which is an envelope that only upstreams speak; its parts, proofs and rules
                      are the inner one's, and so is all that faces a client
    unwrap            a finished answer without that envelope; anything else as it is
    unwrapping        the same for streams
    """

    name: str
    chat_path: str
    stream_type: str
    id_prefix: str
    rules: Rules
    decode_request: Callable[[bytes], ChatRequest]
    encode_request: Callable[[ChatRequest, Profile], bytes]
    decode_response: Callable[[bytes], ChatResponse]
    encode_response: Callable[[ChatResponse, StreamMeta], bytes]
    decoder: Callable[[], Decoder]
    encoder: Callable[[StreamMeta], Encoder]
    encode_error: Callable[[OmniRouteError, str], bytes]
    error_status: Callable[[OmniRouteError], int]
    adjust: Callable[[Envelope, Profile], Changes]
    put_system: Callable[[Envelope, SystemPrompt], Changes]
    reasoning_fields: tuple[str, ...]
    wants_usage: Callable[[Envelope], bool]
    default_headers: Mapping[str, str] = {}
    forward_headers: frozenset[str] = frozenset()
    stream_default: bool = False
    stream_lines: bool = False
    client_only: bool = False
    egress_only: bool = False
    binary: bool = False
    idle: Callable[[Envelope, StreamMeta], bytes | None] | None = None
    model_in_url: bool = False
    array: Callable[[], Framing] | None = None
    ending: Callable[[], Framing] | None = None
    count_key: str = "input_tokens"
    count_fields: Mapping[str, str] = {}
    replay: Callable[[Envelope, Recall], Changes] | None = None
    unsigned: Callable[[bytes], bytes | None] | None = None
    gathered: Callable[[bytes], bytes | None] | None = None
    history: History | None = None
    passing: Passing | None = None
    inner: str | None = None
    unwrap: Callable[[bytes], bytes] | None = None
    unwrapping: Callable[[], Framing] | None = None

    @property
    def dialect(self) -> str:
        """The format that its parts and proofs are of."""
        return self.inner or self.name

    @property
    def streams_only(self) -> bool:
        """Nothing but a decoder of streams reads it: its finished answers are gathered ones, whose counts may be estimates."""
        return self.egress_only and self.inner is None


@cache
def registry() -> Registry[Format]:
    """All formats, imported once on first use."""
    from omniroute.translation import formats

    return Registry.of_package("format", formats, "FORMAT")
