"""What happens, while it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from omniroute.admin.events import MEDIA, Events, Listener
from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route


async def listen(request: AdminRequest) -> Answer:
    """Server-sent events, until the caller leaves or its session ends. ``usage`` (``rows`` of the ledger that were just stored:
    ``outcome`` ``open`` is a try that has begun; ``missed``: how many more there were), ``in_flight`` (tries under way),
    ``health`` (how many ``cooldowns`` and ``breakers`` hold) and ``quotas`` (something was used). The last three come once at the
    beginning, then when they change; a comment comes when nothing does."""
    services, session = request.services, request.session

    async def allowed() -> bool:
        if session is None:
            return True
        generation = await services.password.generation()
        return bool(generation) and services.sessions.valid(session, generation)

    if request.method == "HEAD":
        return Answer(b"", media=MEDIA)
    return Answer(media=MEDIA, stream=_Listening(services.events, services.events.listen(allowed)))


@dataclass(frozen=True, slots=True)
class _Listening:
    """A listener that takes itself off the list."""

    events: Events
    listener: Listener

    def parts(self) -> AsyncIterator[bytes]:
        return self.listener.parts()

    def close(self) -> None:
        self.events.left(self.listener)


ROUTES = (Route("GET", "/api/events", listen, media=MEDIA),)
