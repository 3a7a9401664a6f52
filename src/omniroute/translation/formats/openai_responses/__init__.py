"""OpenAI Responses, spoken by Codex, newer OpenAI SDKs, and the backends behind them."""

from __future__ import annotations

from omniroute._fast.codec import Decoder, Encoder
from omniroute._fast.openai_responses import OpenAIResponsesDecoder, OpenAIResponsesEncoder
from omniroute.core import json
from omniroute.translation.format import Format, Passing, StreamMeta
from omniroute.translation.formats.openai_responses.calls import finisher, native_kind
from omniroute.translation.formats.openai_responses.echo import client_tools, echo
from omniroute.translation.formats.openai_responses.ending import FullEnding
from omniroute.translation.formats.openai_responses.errors import encode_error, error_status
from omniroute.translation.formats.openai_responses.history import HISTORY
from omniroute.translation.formats.openai_responses.inplace import adjust, unsigned, wants_usage
from omniroute.translation.formats.openai_responses.request import decode_request, encode_request
from omniroute.translation.formats.openai_responses.response import decode_response, decode_usage, encode_response, gathered
from omniroute.translation.formats.openai_responses.rules import NAME, RULES
from omniroute.translation.formats.openai_responses.system import put_system

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return OpenAIResponsesDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    tools = client_tools(meta)
    special: dict[str, tuple[str, str | None, bool]] = {}
    for name, tool in tools.items():
        whole = tool.kind == "custom" or native_kind(tool) is not None
        if whole or tool.namespace is not None:
            local, space = (name, None) if tool.namespace is None else (tool.namespace.tool, tool.namespace.name)
            special[name] = (local, space, whole)
    repeated = json.dumps(echo(meta))
    names = dict(meta.tool_names)
    return OpenAIResponsesEncoder(
        meta.id, meta.model, meta.created, repeated, meta.input_tokens, names, special, finisher(tools) if special else None
    )


FORMAT = Format(
    name=NAME,
    chat_path="/responses",
    stream_type="text/event-stream; charset=utf-8",
    id_prefix="resp_",
    rules=RULES,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decoder=_decoder,
    encoder=_encoder,
    encode_error=encode_error,
    error_status=error_status,
    adjust=adjust,
    put_system=put_system,
    reasoning_fields=("reasoning",),
    passing=Passing(answer=b"output", read_usage=decode_usage),
    wants_usage=wants_usage,
    unsigned=unsigned,
    gathered=gathered,
    ending=FullEnding,
    history=HISTORY,
    count_fields={"object": "response.input_tokens"},
    forward_headers=frozenset(
        {"openai-organization", "openai-project", "openai-beta", "originator", "session-id", "session_id", "thread-id"}
    ),
)
