"""From the gateway's outcome to the ledger's record: priced at the moment it happened."""

from __future__ import annotations

from collections.abc import Callable

from omniroute.catalog.catalog import Catalogue
from omniroute.gateway.ports import Outcome
from omniroute.ir.caps import Price
from omniroute.telemetry.cost import charge
from omniroute.telemetry.recorder import Recorder, UsageRecord

_UNKNOWN = Price()


class Ledger:
    """The gateway's Recorder port over telemetry's recorder."""

    def __init__(self, recorder: Recorder, catalogue: Callable[[], Catalogue]) -> None:
        self._recorder = recorder
        self._catalogue = catalogue

    def record(self, outcome: Outcome) -> None:
        model = self._catalogue().model(outcome.provider, outcome.model)
        self._recorder.record(priced(outcome, model.price if model is not None else _UNKNOWN))


def priced(outcome: Outcome, price: Price) -> UsageRecord:
    """The record of ``outcome`` at ``price``."""
    usage = outcome.usage
    charged = charge(usage, price)
    return UsageRecord(
        request_id=outcome.request_id,
        attempt=outcome.attempt,
        started_at=outcome.started_at,
        key_id=outcome.key_id,
        account_id=outcome.account_id,
        provider=outcome.provider,
        model=outcome.model,
        client_format=outcome.client_format,
        upstream_format=outcome.upstream_format,
        stream=outcome.stream,
        status=outcome.status,
        outcome=outcome.result,
        error_kind=outcome.error_kind,
        input_tokens=usage.input,
        cached_tokens=usage.cached,
        written_tokens=usage.written,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        estimated=usage.estimated,
        cost_usd=charged.cost_usd,
        shadow_cost_usd=charged.shadow_cost_usd,
        price_basis=charged.basis,
        ttft_ms=outcome.ttft_ms,
        total_ms=outcome.total_ms,
        bytes_in=outcome.bytes_in,
        bytes_out=outcome.bytes_out,
        session_id=outcome.session_id,
        agent_id=outcome.agent_id,
    )
