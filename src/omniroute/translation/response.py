"""Finished answers: translated whole, replayed as a stream, or put together from a stream, whatever the client asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from omniroute._fast.answer import glance
from omniroute._fast.codec import Bridge, Collector, Replayer
from omniroute.core import json
from omniroute.core.errors import Scope, TruncatedStream, UpstreamStatus
from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, Usage
from omniroute.translation.answer_shape import straightened as straightened
from omniroute.translation.answers import restore_calls, settle_stop
from omniroute.translation.calls import arguments_text
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.logprobs import read_logprobs, write_logprobs
from omniroute.translation.media import canonical_mime, kind_of, omitted
from omniroute.translation.think_tags import split_thinking

_BYTES_PER_TOKEN = 4


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A body for the client, and what it was made of. ``response.usage`` None = the upstream did not say."""

    body: bytes
    response: ChatResponse

    @property
    def usage(self) -> Usage | None:
        return self.response.usage

    @property
    def stop(self) -> StopReason:
        return self.response.stop


def translate_answer(body: bytes, client: Format, upstream: Format, meta: StreamMeta) -> Answer:
    """The upstream's finished answer for the client; the same bytes when both speak one format. Raises BadAnswer."""
    response = _read(body, upstream, meta)
    if client.name == upstream.inner and upstream.unwrap is not None and not meta.tool_names and not meta.think_tags:
        body = upstream.unwrap(body)
    elif client.name != upstream.name or meta.rewrites:
        body = client.encode_response(response, meta.named(client.id_prefix))
    return Answer(body=body, response=response)


def passes(body: bytes, format: Format) -> tuple[bool, Usage | None]:
    """Whether ``body`` is certainly a finished answer of ``format``, by a look that parses its usage only, and that usage.

    (False, None) of anything else: then parsing must tell what it is."""
    how = format.passing
    raw = glance(body, how.answer, how.holders, how.usage) if how is not None else None
    if how is None or raw is None:
        return False, None
    return True, how.read_usage(json.loads(raw)) if raw else None


def joined_answer(answers: Sequence[ChatResponse], client: Format, meta: StreamMeta) -> Answer:
    """Several answers as the choices of one, usage added up."""
    known = [answer.usage for answer in answers if answer.usage is not None]
    usage = Usage(
        input=sum(one.input for one in known),
        cached=sum(one.cached for one in known),
        written=sum(one.written for one in known),
        output=sum(one.output for one in known),
        reasoning=sum(one.reasoning for one in known),
    )
    response = replace(answers[0], choices=tuple(answers[1:]), usage=usage if known else None)
    return Answer(body=client.encode_response(response, meta.named(client.id_prefix)), response=response)


def _read(body: bytes, upstream: Format, meta: StreamMeta) -> ChatResponse:
    response = upstream.decode_response(body)
    return split_thinking(response) if meta.think_tags else response


def answer_as_stream(body: bytes, client: Format, upstream: Format, meta: StreamMeta) -> Answer:
    """A finished answer, sent although a stream was asked for, as a full stream in the client's dialect. Raises BadAnswer."""
    read = _read(body, upstream, meta)
    response = restore_calls(read, {}, meta.id, client.rules)
    meta = _shown(meta, response, client)
    replayer = Replayer(client.encoder(meta))
    replayer.start(meta.id, meta.model)
    usage = response.usage
    if usage is not None:  # before the blocks: some dialects state it in their opening event
        replayer.usage(usage.input, usage.cached, usage.written, usage.output, usage.reasoning)
    odds = json.dumps(write_logprobs(response.logprobs)) if response.logprobs else b""
    for part in response.parts:
        _replay(replayer, part, odds)
        odds = b"" if isinstance(part, Text) and part.text else odds
    replayer.stop(response.stop, response.stop_sequence)
    stream = replayer.take()
    if meta.array and client.array is not None:
        framing = client.array()
        stream = framing.feed(stream) + framing.finish()
    return Answer(body=stream, response=read)


def _shown(meta: StreamMeta, response: ChatResponse, client: Format) -> StreamMeta:
    """``meta`` with the id and model the client sees: the upstream's own between equal formats, else ours."""
    ours = meta.named(client.id_prefix)
    if client.name != response.origin:
        return ours
    return replace(ours, id=response.id or ours.id, model=response.model or ours.model)


def _replay(replayer: Replayer, part: Part, logprobs: bytes) -> None:
    if isinstance(part, Text):
        replayer.text(part.text, logprobs)
    elif isinstance(part, Thinking):
        if part.redacted is not None:
            replayer.redacted(part.redacted, part.vendor)
        else:
            replayer.thinking(part.text, part.signature, part.vendor)
    elif isinstance(part, Refusal):
        replayer.refusal(part.text)
    elif isinstance(part, ToolCall):
        arguments = json.dumps_text({"input": part.arguments}) if part.kind == "custom" else arguments_text(part.arguments)
        replayer.tool(part.id, part.name, arguments, part.signature)
    elif isinstance(part, Media) and part.data is not None:
        replayer.media(part.mime, part.data)
    elif isinstance(part, Media):
        replayer.text(omitted(part.kind, part.url).text)
    elif isinstance(part, Opaque) and isinstance(part.value, dict) and isinstance(part.value.get("transcript"), str):
        replayer.text(part.value["transcript"])


def stream_as_answer(collector: Collector, bridge: Bridge, client: Format, upstream: Format, meta: StreamMeta) -> Answer:
    """A collected stream as one finished answer, for a client that asked for JSON.

    Raises UpstreamStatus for an error inside the stream and TruncatedStream when it ended without its terminal marker.
    """
    if bridge.error_status and bridge.error_code != TruncatedStream.code:
        raise UpstreamStatus(
            bridge.error_message or "The provider reported an error while answering.",
            kind="upstream_error_in_200",
            http_status=bridge.error_status,
            error_code=bridge.error_code or None,
        )
    if not bridge.stopped:
        kind = "network" if bridge.blocks else "empty_response"
        raise TruncatedStream("The provider's answer ended early.", kind=kind, scope=Scope.MODEL)
    parts = collected_parts(collector, upstream)
    response = ChatResponse(
        origin=upstream.dialect,
        id=bridge.response_id,
        model=bridge.response_model,
        parts=parts,
        stop=settle_stop(cast(StopReason, bridge.stop_reason or "stop"), parts),
        usage=_usage(bridge, upstream, meta),
        created=meta.created,
        stop_sequence=collector.stop_sequence or None,
        logprobs=read_logprobs(json.loads(collector.logprobs or b"[]")),
    )
    body = None
    if client.name == upstream.name and client.gathered is not None and not meta.rewrites:
        body = client.gathered(collector.last_extra)
    if body is None:
        body = client.encode_response(response, _shown(meta, response, client))
    return Answer(body=body, response=response)


def collected_parts(collector: Collector, upstream: Format) -> tuple[Part, ...]:
    """The parts of an answer that ``upstream`` streamed."""
    return tuple(part for block in collector.blocks if (part := _collected(block, upstream.dialect)) is not None)


def _collected(block: dict[str, Any], origin: str) -> Part | None:
    kind, text = block.get("type"), block.get("text") or ""
    if kind == "text":
        citations = tuple(found for raw in block.get("citations") or () if isinstance(found := json.loads(raw), dict))
        return Text(text=text, citations=citations) if text or citations else None
    if kind == "thinking":
        signature = block.get("signature") or None
        return Thinking(text=text, signature=signature, vendor=origin) if text or signature else None
    if kind == "redacted":
        return Thinking(redacted=block.get("data") or "", vendor=origin)
    if kind == "refusal":
        return Refusal(text=text) if text else None
    if kind == "tool":
        arguments = arguments_text(block.get("arguments"))
        call_id, name = block.get("id") or "", block.get("name") or ""
        return ToolCall(id=call_id, name=name, arguments=arguments, signature=block.get("signature"))
    if kind == "media":
        mime = canonical_mime(block.get("mime") or "", block.get("data"))
        return Media(kind=kind_of(mime), mime=mime, data=block.get("data") or "")
    return None


def _usage(bridge: Bridge, upstream: Format, meta: StreamMeta) -> Usage | None:
    """What the stream told, None if nothing. Where only one side was told, or the service never tells, the rest is estimated, as
    it is for a client that streams."""
    seen = bridge.usage
    if max(seen.input, seen.cached, seen.written, seen.output, seen.reasoning) < 0 and not upstream.streams_only:
        return None
    return Usage(
        input=seen.input if seen.input >= 0 else meta.input_tokens,
        cached=max(0, seen.cached),
        written=max(0, seen.written),
        output=seen.output if seen.output >= 0 else -(-bridge.output_chars // _BYTES_PER_TOKEN),
        reasoning=max(0, seen.reasoning),
        estimated=seen.input < 0 or seen.output < 0,
    )
