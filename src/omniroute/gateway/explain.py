"""What would become of a request: its translation for the first target, every operation of it, and nobody is called."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omniroute._fast.envelope import scan
from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.core.registry import Registry
from omniroute.gateway.steps.choices import choices_to_make
from omniroute.gateway.steps.media import announced
from omniroute.ir.request import ChatRequest
from omniroute.routing.resolve import Target, resolve
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.explain import is_lossy
from omniroute.translation.format import Format
from omniroute.translation.ops import Op, note
from omniroute.translation.request import read_request, translate_request, wants_stream


def explain(
    formats: Registry[Format],
    snapshot: Snapshot,
    format_name: str,
    body: bytes,
    model: str | None,
    choose: Callable[[Snapshot, str, str], Target] | None = None,
) -> dict[str, Any]:
    """The translation of ``body``, a request in ``format_name``, for ``model`` (None: the one the body names). ``choose`` tells
    which target a model name leads to now; without it the first as written.

    ``operations``: rule, JSON pointer, action, detail, and whether something is lost; ``body`` is what would be sent to
    ``model``, in ``upstream_format`` (in base64 where that is no JSON); ``lossy`` says whether strict translation would refuse
    it. Raises BadRequest and ModelNotFound.
    """
    client = formats.get(format_name)
    if client is None or client.egress_only:
        spoken = ", ".join(found.name for found in formats if not found.egress_only)
        raise BadRequest(f"No client speaks {format_name!r}; use one of {spoken}.", param="format")
    try:
        envelope = scan(body)
        if model is not None and not client.model_in_url:
            envelope = scan(envelope.splice({"model": json.dumps(model)}))
    except ValueError as error:
        raise BadRequest(f"The request body is not a valid JSON request: {error}", param="body") from None
    name = model or envelope.model
    if not name:
        raise BadRequest("No model is named: give one, or a body that names it.", param="model")
    target = choose(snapshot, name, format_name) if choose is not None else resolve(snapshot, name).targets[0]
    upstream, profile = formats[target.format], target.profile
    stream = wants_stream(envelope, client)
    ops: list[Op] = []
    request: ChatRequest | None = None
    if client is not upstream:
        request = read_request(envelope, client, model=name, stream=stream)
        calls = choices_to_make(request, upstream, profile)
        if calls > 1:
            note(ops, "choices", "rewritten", "n", detail=f"{calls} calls of one choice each")
            request = replace(request, n=None)
        request = announced(request, upstream, profile, ops)
    sent = translate_request(envelope, client, upstream, profile, model=name, stream=stream, ops=ops, request=request)
    return {
        "model": target.name,
        "format": client.name,
        "upstream_format": upstream.name,
        "operations": [
            {"rule": op.rule, "pointer": op.pointer, "action": op.action, "detail": op.detail, "lossy": is_lossy(op)}
            for op in ops
        ],
        "lossy": any(is_lossy(op) for op in ops),
        "body": base64.b64encode(sent.body).decode() if upstream.binary else json.loads(sent.body),
    }
