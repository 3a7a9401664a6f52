"""The way in: body, media type, key and envelope of a model request, each refused with a sentence the caller can act on."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope, scan
from omniroute.core import json
from omniroute.core.errors import BadRequest, UnsupportedMedia
from omniroute.core.ids import Clock
from omniroute.gateway.context import Context
from omniroute.gateway.policy import Digest, authenticate
from omniroute.gateway.ports import Exchange
from omniroute.gateway.visit import Visit
from omniroute.routing.resolve import qualified
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.format import Format


async def admit(
    exchange: Exchange,
    format: Format,
    snapshot: Snapshot,
    digest: Digest,
    clock: Clock,
    visit: Visit,
    *,
    model: str | None = None,
    stream: bool | None = None,
    array: bool = False,
) -> Context:
    """Read and check one model request. The key is checked before the body is read: a stranger costs nothing. ``visit`` holds
    what the request takes up; the caller closes it.

    ``model`` and ``stream`` come from the route where the format has them in its URL.
    """
    received, wall = clock.monotonic(), clock.now()
    grant = authenticate(exchange, snapshot, digest, wall)
    check_media_type(exchange)
    envelope = _scan(await visit.body(exchange, grant, snapshot.settings))
    context = Context(
        exchange, format, snapshot, grant, envelope, received=received, wall=wall, model=model, stream=stream, array=array
    )
    if not context.model:
        missing = model is None and envelope.model is None
        raise BadRequest("The field 'model' is missing." if missing else "The field 'model' is empty.", param="model")
    if context.stream:
        visit.stream(grant)
    return context


def confine(context: Context, provider: str) -> None:
    """Make the model of a request one of ``provider``, by whose own route it came: with its prefix, also where the body says it.

    NotFound when there is no such provider, BadRequest when the model is another one's."""
    name = qualified(context.snapshot, provider, context.model)
    if name != context.model:
        context.model = name
        if not context.format.model_in_url:
            context.envelope = scan(context.envelope.splice({"model": json.dumps(name)}))


def check_media_type(exchange: Exchange) -> None:
    """A body of another declared type is refused; no type at all is taken as JSON, as scripts leave it out."""
    declared = exchange.header("content-type")
    if not declared:
        return
    media = declared.partition(";")[0].strip().lower()
    # curl -d without -H declares a form; its body is checked as JSON all the same.
    if media == "application/x-www-form-urlencoded" or media == "application/json" or media.endswith("+json"):
        return
    raise UnsupportedMedia(f"The request body must be application/json, not {media}.")


def _scan(body: bytes) -> Envelope:
    if not body.strip():
        raise BadRequest("The request body is empty; a JSON object is needed.")
    try:
        return scan(body)
    except ValueError as error:
        raise BadRequest(f"The request body is not a valid JSON request: {error}") from None
