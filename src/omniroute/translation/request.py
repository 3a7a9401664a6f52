"""From a client's body to an upstream's: spliced when both speak one format, else decoded, normalised and encoded."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from omniroute._fast.envelope import Envelope
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.translation.format import Format
from omniroute.translation.normalise import normalise
from omniroute.translation.ops import Action, Ops, note
from omniroute.translation.quirks import top_level_changes


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """A body for the upstream and what the way back must know.

    ``tool_names``: names sent upstream → the client's own (only those that differ). ``request`` is the client's request in
    canonical form, None when the body passed unparsed. ``include_usage``: the client wants usage in its stream.
    """

    body: bytes
    tool_names: Mapping[str, str]
    request: ChatRequest | None
    include_usage: bool
    stream: bool


def wants_stream(envelope: Envelope, client: Format) -> bool:
    """Whether the client asked for a stream, in words or by leaving them out."""
    return client.stream_default if envelope.stream is None else bool(envelope.stream)


def translate_request(
    envelope: Envelope,
    client: Format,
    upstream: Format,
    profile: Profile,
    *,
    model: str | None = None,
    stream: bool | None = None,
    ops: Ops = None,
) -> Translated:
    """The upstream's body for a client's. ``ops`` collects what was changed. Raises BadRequest.

    ``model`` and ``stream`` are what the client asked for where its format says that in the URL (``Format.model_in_url``).
    """
    if client.name == upstream.name:
        return _spliced(envelope, client, profile, stream, ops)
    request = client.decode_request(envelope.body)
    if client.model_in_url:
        request = replace(request, model=model or request.model, stream=bool(stream))
    ready, names = normalise(request, profile, upstream.name, ops=ops)
    return Translated(
        body=upstream.encode_request(ready, profile),
        tool_names=names,
        request=request,
        include_usage=request.include_usage,
        stream=request.stream,
    )


def _spliced(envelope: Envelope, client: Format, profile: Profile, stream: bool | None, ops: Ops) -> Translated:
    changes = top_level_changes(envelope, client.adjust(envelope, profile), profile.quirks)
    if ops is not None:
        for key, value in changes.items():
            if value is None:
                note(ops, "quirk", "dropped", key)
            elif value != envelope.raw(key):
                action: Action = "rewritten" if envelope.span(key) else "synthesised"
                note(ops, "quirk", action, key, detail=value[:200].decode(errors="replace"))
    return Translated(
        body=envelope.splice(changes),
        tool_names={},
        request=None,
        include_usage=client.wants_usage(envelope),
        stream=bool(stream) if client.model_in_url else wants_stream(envelope, client),
    )
