"""What Chat Completions can say, and what OpenAI and those who copy it refuse."""

from __future__ import annotations

from omniroute.translation.rules import Hosted, Rules

RULES = Rules(
    media={
        "image": frozenset(),
        "document": frozenset({"application/pdf"}),
        "audio": frozenset({"audio/wav", "audio/mpeg"}),
    },
    media_urls=frozenset({"image"}),
    strict_tools=True,
    allowed_tools=True,
    fields=frozenset(
        "temperature top_p seed frequency_penalty presence_penalty logit_bias logprobs top_logprobs n metadata "
        "verbosity prompt_cache_key".split()
    ),
    stop_limit=4,
    reasoning="effort",
    hosted={
        "web_search": Hosted(
            field="web_search_options",
            options={"context_size": ("search_context_size",), "location": ("user_location",)},
            place="approximate",
            default=False,
        ),
    },
    service_tiers={
        "auto": "auto",
        "default": "default",
        "flex": "flex",
        "priority": "priority",
        "scale": "scale",
        "standard_only": "default",
    },
)
