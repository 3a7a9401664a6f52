"""How the server is, and how to stop it."""

from __future__ import annotations

from omniroute import __version__
from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route
from omniroute.admin.shapes.operating import Health, Stopping

METRICS = "/metrics"


async def read_health(request: AdminRequest) -> Answer:
    """Version, counts of what is configured, and the live state of the process."""
    services = request.services
    snapshot = services.snapshot()
    now = services.clock.now()
    facts = {
        "version": __version__,
        "providers": {"known": len(snapshot.catalogue.providers), "connected": len(snapshot.connected_providers())},
        "accounts": sum(len(accounts) for accounts in snapshot.accounts.values()),
        "keys": sum(1 for grant in snapshot.keys.values() if grant.expires_at is None or grant.expires_at > now),
        "password_set": await services.password.exists(),
        "api_key_required": services.settings().require_api_key,
        "config_file": services.config_file,
    }
    return Answer({**facts, **services.status()})


async def read_metrics(request: AdminRequest) -> Answer:
    """For Prometheus: the text format, or OpenMetrics where the caller accepts it."""
    media, page = request.services.metrics(request.accept)
    return Answer(page, media=media)


async def shut_down(request: AdminRequest) -> Answer:
    """Stop the server in an orderly way, as SIGTERM does: open streams may finish."""
    await request.services.audit.append(request.actor, "server.shutdown", "server", {"address": request.address})
    request.services.shutdown()
    return Answer({"stopping": True}, 202)


ROUTES = (
    Route("GET", "/api/monitoring/health", read_health, answer=Health),
    Route("GET", METRICS, read_metrics, media="text/plain"),
    Route("POST", "/api/shutdown", shut_down, answer=Stopping, statuses=(202,)),
)
