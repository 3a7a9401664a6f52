"""From a client's body to an upstream's: spliced when both speak one format, else decoded, normalised and encoded."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from omniroute._fast.envelope import Envelope, scan
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.translation.format import Format
from omniroute.translation.names import is_reserved
from omniroute.translation.normalise import normalise
from omniroute.translation.ops import Action, Ops, note
from omniroute.translation.quirks import top_level_changes
from omniroute.translation.replay_reasoning import Recall, restore


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
    request: ChatRequest | None = None,
    recall: Recall | None = None,
) -> Translated:
    """The upstream's body for a client's. ``ops`` collects what was changed. Raises BadRequest.

    ``model`` and ``stream`` are what the client asked for where its format says that in the URL (``Format.model_in_url``).
    ``request`` is the body as :func:`read_request` gives it, if that was done before; ``recall`` finds reasoning of earlier
    answers of this target.
    """
    if client.name == upstream.name and not _names_collide(envelope, client, profile):
        return _spliced(envelope, client, profile, stream, ops, recall)
    if request is None:
        request = read_request(envelope, client, model=model, stream=stream)
    told = request
    if recall is not None:
        request = restore(request, upstream.dialect, recall, signed=upstream.rules.signed_thinking, ops=ops)
    ready, names = normalise(request, profile, upstream.dialect, ops=ops)
    return Translated(
        body=upstream.encode_request(ready, profile),
        tool_names=names,
        request=told,
        include_usage=request.include_usage,
        stream=request.stream,
    )


def _names_collide(envelope: Envelope, client: Format, profile: Profile) -> bool:
    """Some tool has a name that the endpoint keeps for its own client, and this is another one: names must be mapped and back."""
    quirks = profile.quirks
    raw = envelope.raw("tools") if quirks.reserved_names and envelope.tools else None
    if raw is None:
        return False
    system = envelope.raw("system") or b""
    own = (*client.rules.private_system, *((quirks.preamble,) if quirks.preamble is not None else ()))
    if any(json.dumps(word)[:-1] in system for word in own):
        return False
    tools = json.loads(raw)
    names = [tool.get("name") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return any(isinstance(name, str) and is_reserved(name, quirks.reserved_names) for name in names)


def read_request(envelope: Envelope, client: Format, *, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The client's request in canonical form. Raises BadRequest."""
    request = client.decode_request(envelope.body)
    return replace(request, model=model or request.model, stream=bool(stream)) if client.model_in_url else request


def _spliced(
    envelope: Envelope, client: Format, profile: Profile, stream: bool | None, ops: Ops, recall: Recall | None
) -> Translated:
    if recall is not None and client.replay is not None:
        replayed = client.replay(envelope, recall)
        if replayed:
            note(ops, "reasoning-replayed", "synthesised", *replayed)
            envelope = scan(envelope.splice(replayed))
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
        request=client.decode_request(envelope.body) if profile.quirks.think_tags else None,
        include_usage=client.wants_usage(envelope),
        stream=bool(stream) if client.model_in_url else wants_stream(envelope, client),
    )
