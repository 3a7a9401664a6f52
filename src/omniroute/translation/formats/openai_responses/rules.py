"""What Responses can say, and what OpenAI and its Codex backend refuse."""

from __future__ import annotations

from omniroute.translation.rules import Hosted, Rules

NAME = "openai_responses"
RULES = Rules(
    hoists_system=True,
    media={
        "image": frozenset(),
        "document": frozenset({"application/pdf"}),
        "audio": frozenset({"audio/wav", "audio/mpeg"}),
    },
    media_urls=frozenset({"image", "document"}),
    result_media=frozenset({"image", "document"}),
    custom_tools=True,
    strict_tools=True,
    allowed_tools=True,
    fields=frozenset("temperature top_p logprobs top_logprobs metadata verbosity prompt_cache_key store".split()),
    least_max_tokens=16,
    stop_limit=0,
    reasoning="effort",
    signed_thinking=True,
    hosted={
        "web_search": Hosted(
            tool={"type": "web_search"},
            kind="web_search",
            options={
                "allowed_domains": ("filters", "allowed_domains"),
                "location": ("user_location",),
                "context_size": ("search_context_size",),
            },
        ),
        "code_execution": Hosted(tool={"type": "code_interpreter", "container": {"type": "auto"}}, kind="code_interpreter"),
    },
    carries_proofs=True,
    service_tiers={
        "auto": "auto",
        "default": "default",
        "flex": "flex",
        "priority": "priority",
        "scale": "scale",
        "fast": "fast",
        "ultrafast": "ultrafast",
        "standard_only": "default",
    },
)
