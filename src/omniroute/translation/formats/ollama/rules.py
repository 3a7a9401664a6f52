"""What Ollama's chat can say. Unknown fields are ignored there, so little is refused; what it has no field for is left out."""

from __future__ import annotations

from omniroute.translation.rules import Rules

RULES = Rules(
    media={"image": frozenset()},
    result_media=frozenset({"image"}),
    id_limit=64,
    name_limit=128,
    tool_choice=False,
    fields=frozenset("temperature top_p top_k seed frequency_penalty presence_penalty logprobs top_logprobs".split()),
    temperature=(0.0, float("inf")),
    user_limit=0,
    reasoning="effort",
    reasoning_off=True,
)
