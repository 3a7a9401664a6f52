"""What Ollama clients ask about models: the list of /api/tags and the card of /api/show, made from the catalogue."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from omniroute.catalog.schema import Model, Provider
from omniroute.core import json
from omniroute.core.errors import BadRequest, ModelNotFound
from omniroute.gateway.models import CREATED_TEXT, combo_entries, public_name
from omniroute.routing.offer import usable_models
from omniroute.routing.resolve import resolve
from omniroute.routing.snapshot import KeyGrant, Snapshot

# The release of Ollama whose API is spoken here; some clients refuse to talk to older ones.
API_VERSION = "0.13.0"
# Clients look into model_info for any key that ends in .context_length; the word before it is the architecture's.
_ARCHITECTURE = "omniroute"


def version() -> bytes:
    return json.dumps({"version": API_VERSION})


def tags(snapshot: Snapshot, grant: KeyGrant | None) -> bytes:
    """Every model that could be asked for now."""
    return json.dumps({"models": [_entry(p, m) for p, m in (*combo_entries(snapshot, grant), *usable_models(snapshot, grant))]})


def show(snapshot: Snapshot, grant: KeyGrant | None, body: bytes) -> bytes:
    """The card of the model that ``body`` names as ``model`` or, as older clients do, ``name``. BadRequest, ModelNotFound."""
    name = _named(body)
    target = resolve(snapshot, name, grant).targets[0]
    model = snapshot.catalogue.model(target.provider.id, target.model) or Model(id=target.model)
    if model.kind != "chat":
        raise ModelNotFound(f"The model {name!r} is not a chat model.", param="model")
    return json.dumps(
        {
            "modelfile": f"FROM {target.name}",
            "parameters": "",
            "template": "{{ .Messages }}" if model.capabilities.tools is False else "{{ .Tools }}{{ .Messages }}",
            "details": _details(target.provider),
            "model_info": _info(model),
            "capabilities": _capabilities(model),
            "modified_at": CREATED_TEXT,
        }
    )


def _named(body: bytes) -> str:
    try:
        fields = json.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from error
    name = (fields.get("model") or fields.get("name")) if isinstance(fields, dict) else None
    if not isinstance(name, str):
        raise BadRequest("The field 'model' is missing.", param="model")
    return name


def _entry(provider: Provider, model: Model) -> dict[str, Any]:
    name = public_name(provider, model)
    return {
        "name": name,
        "model": name,
        "modified_at": CREATED_TEXT,
        "size": 0,
        "digest": sha256(name.encode()).hexdigest(),
        "details": _details(provider),
    }


def _details(provider: Provider) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": provider.id,
        "families": [provider.id],
        "parameter_size": "",
        "quantization_level": "",
    }


def _info(model: Model) -> dict[str, Any]:
    info: dict[str, Any] = {"general.architecture": _ARCHITECTURE, "general.basename": model.name or model.id}
    if model.limits.context is not None:
        info[f"{_ARCHITECTURE}.context_length"] = model.limits.context
    return info


def _capabilities(model: Model) -> list[str]:
    """What is known to work; of tools also what is not known, since most models have them and clients leave them out else."""
    can = model.capabilities
    known = (("completion", True), ("tools", can.tools is not False), ("vision", can.vision), ("thinking", can.reasoning))
    return [word for word, able in known if able]
