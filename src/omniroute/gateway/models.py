"""GET /v1/models in the caller's shape: every model that could be asked for now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from omniroute.catalog.schema import Model, Provider
from omniroute.core import json
from omniroute.core.errors import ModelNotFound
from omniroute.gateway.ports import Exchange
from omniroute.routing.offer import usable_combos, usable_models
from omniroute.routing.resolve import Target, resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot

# Model lists need a creation time; the catalogue has none, so all models share one (2025-01-01).
_CREATED = 1735689600
COMBO_OWNER = "omniroute"
CREATED_TEXT = "2025-01-01T00:00:00Z"


class Shape(NamedTuple):
    """How a dialect shows models: the whole list, and one entry."""

    listed: Callable[[list[dict[str, Any]]], dict[str, Any]]
    entry: Callable[[Provider, Model], dict[str, Any]]


def spoken(exchange: Exchange) -> str:
    """The dialect a client speaks on a path that several share, by headers only its SDKs send."""
    if exchange.header("anthropic-version") is not None:
        return "anthropic"
    return "openai_chat" if exchange.header("x-goog-api-key") is None else "gemini"


def list_models(snapshot: Snapshot, grant: KeyGrant | None, shape: Shape) -> bytes:
    """The list as clients of that dialect expect it."""
    return json.dumps(
        shape.listed([shape.entry(p, m) for p, m in (*combo_entries(snapshot, grant), *usable_models(snapshot, grant))])
    )


def combo_entries(snapshot: Snapshot, grant: KeyGrant | None) -> list[tuple[Provider, Model]]:
    """Combos as models of a provider without a prefix, with the limits and abilities of what stands first in each."""
    return [(_combos_owner(first.provider), _as_model(combo.name, first)) for combo, first in usable_combos(snapshot, grant)]


def _combos_owner(first: Provider) -> Provider:
    return msgspec.structs.replace(first, id=COMBO_OWNER, prefix="", name="OmniRoute")


def _as_model(name: str, first: Target) -> Model:
    return Model(id=name, name=name, limits=first.profile.limits, capabilities=first.profile.capabilities)


def public_name(provider: Provider, model: Model) -> str:
    """What clients write to ask for it."""
    return f"{provider.prefix}/{model.id}" if provider.prefix else model.id


def one_model(snapshot: Snapshot, grant: KeyGrant | None, name: str, shape: Shape) -> bytes:
    """A single model. ModelNotFound, with the nearest names, when it cannot be asked for now."""
    resolution = resolve(snapshot, name, grant)
    target = resolution.targets[0]
    if resolution.kind == "combo":
        return json.dumps(shape.entry(_combos_owner(target.provider), _as_model(name, target)))
    model = snapshot.catalogue.model(target.provider.id, target.model) or Model(id=target.model)
    if model.kind != "chat":
        raise ModelNotFound(f"The model {name!r} is not a chat model.", param="model")
    return json.dumps(shape.entry(target.provider, model))


def _openai(provider: Provider, model: Model) -> dict[str, Any]:
    can = model.capabilities
    entry: dict[str, Any] = {
        "id": public_name(provider, model),
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
        "id": public_name(provider, model),
        "display_name": f"{model.name or model.id} ({provider.name})",
        "created_at": CREATED_TEXT,
        "max_input_tokens": model.limits.max_input or model.limits.context,
        "max_tokens": model.limits.max_output,
    }


def _gemini(provider: Provider, model: Model) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"models/{public_name(provider, model)}",
        "version": "001",
        "displayName": f"{model.name or model.id} ({provider.name})",
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    limits = {"inputTokenLimit": model.limits.max_input or model.limits.context, "outputTokenLimit": model.limits.max_output}
    return entry | {key: value for key, value in limits.items() if value is not None}


def _openai_list(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": data}


def _anthropic_list(data: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [entry["id"] for entry in data] or [None]
    return {"data": data, "has_more": False, "first_id": ids[0], "last_id": ids[-1]}


def _gemini_list(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"models": data}


SHAPES: Mapping[str, Shape] = {
    "openai_chat": Shape(_openai_list, _openai),
    "anthropic": Shape(_anthropic_list, _anthropic),
    "gemini": Shape(_gemini_list, _gemini),
}
