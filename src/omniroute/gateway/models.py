"""GET /v1/models in the caller's shape: every model that could be asked for now."""

from __future__ import annotations

from typing import Any

from omniroute.catalog.schema import Model, Provider
from omniroute.core import json
from omniroute.core.errors import ModelNotFound
from omniroute.routing.resolve import resolve, usable_models
from omniroute.routing.snapshot import KeyGrant, Snapshot

# Model lists need a creation time; the catalogue has none, so all models share one (2025-01-01).
_CREATED = 1735689600
_CREATED_TEXT = "2025-01-01T00:00:00Z"


def list_models(snapshot: Snapshot, grant: KeyGrant | None, *, anthropic: bool) -> bytes:
    """The list as OpenAI or (for callers that send ``anthropic-version``) Anthropic clients expect it."""
    entries = usable_models(snapshot, grant)
    if not anthropic:
        return json.dumps({"object": "list", "data": [_openai(p, m) for p, m in entries]})
    data = [_anthropic(p, m) for p, m in entries]
    return json.dumps(
        {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


def one_model(snapshot: Snapshot, grant: KeyGrant | None, name: str, *, anthropic: bool) -> bytes:
    """A single model. ModelNotFound, with the nearest names, when it cannot be asked for now."""
    target = resolve(snapshot, name, grant).targets[0]
    model = snapshot.catalogue.model(target.provider.id, target.model) or Model(id=target.model)
    if model.kind != "chat":
        raise ModelNotFound(f"The model {name!r} is not a chat model.", param="model")
    return json.dumps((_anthropic if anthropic else _openai)(target.provider, model))


def _openai(provider: Provider, model: Model) -> dict[str, Any]:
    can = model.capabilities
    entry: dict[str, Any] = {
        "id": f"{provider.prefix}/{model.id}",
        "object": "model",
        "created": _CREATED,
        "owned_by": provider.id,
        "name": model.name or model.id,
        "tier": provider.tier,
        "capabilities": {"tools": can.tools, "vision": can.vision, "reasoning": can.reasoning},
    }
    if model.limits.context is not None:
        entry["context_length"] = model.limits.context
        entry["context_window"] = model.limits.context
    if model.limits.max_output is not None:
        entry["max_output_tokens"] = model.limits.max_output
    return entry


def _anthropic(provider: Provider, model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": f"{provider.prefix}/{model.id}",
        "display_name": f"{model.name or model.id} ({provider.name})",
        "created_at": CREATED_TEXT,
        "max_input_tokens": model.limits.max_input or model.limits.context,
        "max_tokens": model.limits.max_output,
    }
