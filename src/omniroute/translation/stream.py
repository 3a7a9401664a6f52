"""The bridge between two streams: the same bytes with a tap beside them, or decoder, tap, encoder."""

from __future__ import annotations

from omniroute._fast.codec import Bridge
from omniroute.translation.format import Format, StreamMeta


def bridge_for(client: Format, upstream: Format, meta: StreamMeta, *, hide_usage: bool) -> Bridge:
    """A fresh bridge for one answer. ``hide_usage``: between equal formats, leave out usage the client did not ask for."""
    if client.name == upstream.name:
        return Bridge(upstream.decoder(), None, hide_usage=hide_usage)
    return Bridge(upstream.decoder(), client.encoder(meta.named(client.id_prefix)))
