"""The bridge between two streams: the same bytes with a tap beside them, or decoder, tap, encoder; framed anew if asked for."""

from __future__ import annotations

from omniroute._fast.codec import Bridge, Collector, Decoder, Encoder
from omniroute._fast.filters import Filter, ThinkTags
from omniroute._fast.framed import FramedDecoder
from omniroute.translation.format import Format, Framing, StreamMeta


class UnwrappedBridge(Bridge):
    """A bridge that is fed what ``unwrapping`` makes of the upstream's bytes."""

    def __init__(self, decoder: Decoder, unwrapping: Framing, through: tuple[Filter, ...]) -> None:
        super().__init__(decoder, None, through=through)
        self._unwrapping = unwrapping

    def feed(self, data: bytes) -> bytes:
        return super().feed(self._unwrapping.feed(data))

    def finish(self) -> bytes:
        return super().feed(self._unwrapping.finish()) + super().finish()


class ReframedBridge(Bridge):
    """A bridge whose output goes through another framing of the client's dialect."""

    def __init__(self, decoder: Decoder, encoder: Encoder | None, framing: Framing, through: tuple[Filter, ...]) -> None:
        super().__init__(decoder, encoder, through=through)
        self._framing = framing

    def feed(self, data: bytes) -> bytes:
        return self._framing.feed(super().feed(data))

    def finish(self) -> bytes:
        return self._framing.feed(super().finish()) + self._framing.finish()

    def fail(self, status: int, code: str, message: str) -> bytes:
        return self._framing.feed(super().fail(status, code, message)) + self._framing.finish()

    def ping(self) -> bytes:
        return self._framing.feed(super().ping())


def bridge_for(
    client: Format, upstream: Format, meta: StreamMeta, *, hide_usage: bool, through: tuple[Filter, ...] = ()
) -> Bridge:
    """A fresh bridge for one answer. ``hide_usage``: between equal formats, leave out usage the client did not ask for.

    ``through``: filters that see the events of the answer."""
    same = client.name == upstream.name and not meta.rewrites
    encoder = None if same else client.encoder(meta.named(client.id_prefix))
    if meta.think_tags:
        through = (ThinkTags(), *through)
    plain = not (meta.array or meta.tool_names or meta.think_tags)
    if plain and client.name == upstream.inner and upstream.unwrapping is not None:
        return UnwrappedBridge(client.decoder(), upstream.unwrapping(), through)
    if same and meta.sparse_end and client.ending is not None:
        return ReframedBridge(upstream.decoder(), None, client.ending(), through)
    if meta.array and client.array is not None:
        return ReframedBridge(_decoder(upstream, meta), encoder, client.array(), through)
    return Bridge(_decoder(upstream, meta), encoder, hide_usage=hide_usage and same, through=through)


def _decoder(upstream: Format, meta: StreamMeta) -> Decoder:
    decoder = upstream.decoder()
    if isinstance(decoder, FramedDecoder):
        decoder.input_estimate = meta.input_tokens
    return decoder


def gathering_bridge(upstream: Format, collector: Collector, meta: StreamMeta) -> Bridge:
    """A bridge whose answer is gathered instead of written."""
    return Bridge(upstream.decoder(), collector, through=(ThinkTags(),) if meta.think_tags else ())
