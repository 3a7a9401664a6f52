"""The admin API's resources, one module each."""

from __future__ import annotations

from omniroute.admin.resources import (
    aliases,
    audit,
    auth,
    budgets,
    combos,
    description,
    earlier,
    events,
    keys,
    limits,
    models,
    monitoring,
    oauth,
    pricing,
    provider_catalogue,
    provider_models,
    provider_nodes,
    providers,
    quotas,
    requests,
    resilience,
    routing,
    settings,
    translator,
    usage,
    usage_reports,
)
from omniroute.admin.routes import Route

_RESOURCES: tuple[Route, ...] = (
    *auth.ROUTES,
    *keys.ROUTES,
    *provider_catalogue.ROUTES,
    *providers.ROUTES,
    *oauth.ROUTES,
    *provider_nodes.ROUTES,
    *provider_models.ROUTES,
    *models.ROUTES,
    *combos.ROUTES,
    *aliases.ROUTES,
    *routing.ROUTES,
    *limits.ROUTES,
    *quotas.ROUTES,
    *resilience.ROUTES,
    *settings.ROUTES,
    *usage.ROUTES,
    *usage_reports.ROUTES,
    *requests.ROUTES,
    *pricing.ROUTES,
    *budgets.ROUTES,
    *audit.ROUTES,
    *monitoring.ROUTES,
    *events.ROUTES,
    *translator.ROUTES,
    *earlier.ROUTES,
)
ROUTES = description.described(_RESOURCES)
"""Every route of the admin API."""

__all__ = ["ROUTES"]
