"""The admin API's resources, one module each."""

from __future__ import annotations

from omniroute.admin.resources import (
    aliases,
    audit,
    auth,
    combos,
    keys,
    limits,
    models,
    monitoring,
    provider_catalogue,
    provider_models,
    provider_nodes,
    providers,
    quotas,
    resilience,
    routing,
    settings,
    translator,
    usage,
)
from omniroute.admin.routes import Route

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *keys.ROUTES,
    *provider_catalogue.ROUTES,
    *providers.ROUTES,
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
    *audit.ROUTES,
    *monitoring.ROUTES,
    *translator.ROUTES,
)
"""Every route of the admin API."""

__all__ = ["ROUTES"]
