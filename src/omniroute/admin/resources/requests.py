"""Single requests: those under way and how to end them, those captured and what they said."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounting import (
    ActiveRequest,
    CancelledRequest,
    CaptureState,
    CaptureView,
    Payload,
    Removed,
    RequestDetail,
)
from omniroute.admin.shapes.basis import Listing
from omniroute.core.errors import BadRequest, NotFound
from omniroute.storage.captures import CaptureRule

_LONGEST = 30 * 86_400


class CaptureBody(msgspec.Struct, forbid_unknown_fields=True):
    """``key_id`` null: everybody's requests; ``seconds`` null: until it is switched off."""

    key_id: str | None = None
    seconds: int | None = None


class WhichCapture(msgspec.Struct):
    """``key_id``: of that key only; empty: the rule for everybody. Absent: all rules."""

    key_id: str | None = None


async def list_active(request: AdminRequest) -> Answer:
    """Model requests being served, oldest first."""
    running = request.services.accounting.running()
    return listing([msgspec.structs.asdict(one) for one in sorted(running, key=lambda one: one.started_at)])


async def cancel_request(request: AdminRequest) -> Answer:
    """End a request: its client gets an error in its dialect, its upstream is left."""
    request_id = request.params["id"]
    count = request.services.accounting.cancel(request_id)
    if not count:
        raise NotFound(f"no request {request_id!r} is under way")
    await request.services.audit.append(request.actor, "request.cancel", request_id, {"address": request.address})
    return Answer({"request_id": request_id, "cancelled": count}, 202)


async def read_request(request: AdminRequest) -> Answer:
    """One request with all its tries."""
    request_id = request.params["id"]
    services = request.services
    rows = await services.usage.request(request_id)
    active = any(one.request_id == request_id for one in services.accounting.running())
    captured = await services.accounting.captures.has(request_id)
    if not rows and not active and not captured:
        raise NotFound(f"no request {request_id!r} is known")
    tries = [msgspec.structs.asdict(row) for row in rows]
    return Answer({"request_id": request_id, "tries": tries, "captured": captured, "active": active})


async def read_payload(request: AdminRequest) -> Answer:
    """What was captured of a request. Every look is written down in the audit log."""
    request_id = request.params["id"]
    payload = await request.services.accounting.captures.get(request_id)
    await request.services.audit.append(request.actor, "capture.read", request_id, {"address": request.address})
    return Answer(payload)


async def read_capture(request: AdminRequest) -> Answer:
    """Whose requests are captured, and how much is stored."""
    captures = request.services.accounting.captures
    names = {grant.id: grant.name for grant in request.services.snapshot().keys.values()}
    count, size = await captures.stored()
    rules = [_view(rule, names) for rule in await captures.rules()]
    return Answer({"data": rules, "stored": {"count": count, "bytes": size}, "next_cursor": None})


async def begin_capture(request: AdminRequest) -> Answer:
    """Capture the requests of a key, or everybody's, for a time or until it is switched off."""
    body = request.decode(CaptureBody)
    names = {grant.id: grant.name for grant in request.services.snapshot().keys.values()}
    if body.key_id is not None and body.key_id not in names:
        raise BadRequest(f"there is no API key {body.key_id!r}", param="key_id")
    if body.seconds is not None and not 1 <= body.seconds <= _LONGEST:
        raise BadRequest(f"seconds must be from 1 to {_LONGEST}, or null", param="seconds")
    until = None if body.seconds is None else request.services.clock.now() + body.seconds
    rule = await request.services.accounting.captures.put_rule(body.key_id, until, request.actor)
    await request.changed("capture.begin", body.key_id or "*", {"until": until})
    return Answer(_view(rule, names))


async def end_capture(request: AdminRequest) -> Answer:
    """Capture nothing any more, or nothing of one key."""
    which = request.query.get("key_id")
    removed = await request.services.accounting.captures.remove_rules(None if which is None else [which or None])
    await request.changed("capture.end", which or "*")
    return Answer({"removed": removed})


async def forget_captured(request: AdminRequest) -> Answer:
    """Remove all that was captured."""
    removed = await request.services.accounting.captures.clear()
    await request.changed("capture.forget", "*", {"removed": removed})
    return Answer({"removed": removed})


def _view(rule: CaptureRule, names: dict[str, str]) -> dict[str, Any]:
    name = None if rule.key_id is None else names.get(rule.key_id)
    return {**msgspec.structs.asdict(rule), "key_name": name}


ROUTES = (
    Route("GET", "/api/requests/active", list_active, answer=Listing[ActiveRequest]),
    Route("POST", "/api/requests/{id}/cancel", cancel_request, answer=CancelledRequest, statuses=(202,)),
    Route("GET", "/api/usage/requests/{id}", read_request, answer=RequestDetail),
    Route("GET", "/api/usage/requests/{id}/payload", read_payload, answer=Payload),
    Route("GET", "/api/capture", read_capture, answer=CaptureState),
    Route("PUT", "/api/capture", begin_capture, body=CaptureBody, answer=CaptureView),
    Route("DELETE", "/api/capture", end_capture, query=WhichCapture, answer=Removed),
    Route("DELETE", "/api/capture/stored", forget_captured, answer=Removed),
)
