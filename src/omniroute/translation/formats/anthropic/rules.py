"""What Anthropic Messages can say and what its API refuses."""

from __future__ import annotations

from omniroute.translation.rules import Hosted, Rules

RULES = Rules(
    hoists_system=True,
    late_system="reminder",
    merges_turns=True,
    starts_with_user=True,
    trims_prefill=True,
    blank_text=False,
    media={
        "image": frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
        "document": frozenset({"application/pdf", "text/plain"}),
    },
    media_urls=frozenset({"image", "document"}),
    result_media=frozenset({"image", "document"}),
    refused_images=True,
    id_chars="a-zA-Z0-9_-",
    name_limit=128,
    flat_schema=True,
    fields=frozenset({"temperature", "top_p", "top_k"}),
    max_tokens=True,
    temperature=(0.0, 1.0),
    blank_stop=False,
    user_limit=256,
    cache_marks=4,
    reasoning="thinking",
    signed_thinking=True,
    carries_proofs=True,
    json_object=False,
    service_tiers={"auto": "auto", "standard_only": "standard_only", "default": "standard_only"},
    hosted={
        "web_search": Hosted(
            tool={"type": "web_search_20250305", "name": "web_search"},
            kind="web_search_",
            options={
                "allowed_domains": ("allowed_domains",),
                "blocked_domains": ("blocked_domains",),
                "location": ("user_location",),
                "max_uses": ("max_uses",),
            },
        ),
        "code_execution": Hosted(
            tool={"type": "code_execution_20250825", "name": "code_execution"},
            kind="code_execution_",
            default=False,  # behind a beta header
        ),
    },
    private_system=("x-anthropic-billing-header:",),
)
