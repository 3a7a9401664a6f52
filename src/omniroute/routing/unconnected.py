"""Why a provider cannot be asked at all, and what to do about it."""

from __future__ import annotations

from omniroute.catalog.schema import Provider
from omniroute.core.errors import ModelNotFound
from omniroute.routing.snapshot import Snapshot


def not_connected(snapshot: Snapshot, provider: Provider) -> ModelNotFound:
    """There is no account of ``provider``, or none that may be used yet."""
    if any(account.provider == provider.id for account in snapshot.withheld):
        return ModelNotFound(
            f"{provider.name} is off until its terms are acknowledged: 'omniroute login {provider.id}' shows them.",
            param="model",
            code="terms_not_acknowledged",
        )
    return ModelNotFound(
        f"{provider.name} is not connected: add an account with 'omniroute providers add {provider.id}'"
        + (f" or set {provider.env_keys[0]}." if provider.env_keys else "."),
        param="model",
        code="provider_not_connected",
    )
