"""What Gemini's generateContent can say and what its API refuses."""

from __future__ import annotations

from omniroute.translation.rules import Hosted, Rules

RULES = Rules(
    hoists_system=True,
    late_system="reminder",
    merges_turns=True,
    starts_with_user=True,
    blank_text=False,
    media={
        "image": frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}),
        "document": frozenset({"application/pdf"}),
        "audio": frozenset({"audio/wav", "audio/mpeg", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac"}),
        "video": frozenset(),
    },
    media_urls=frozenset({"image", "document", "audio", "video"}),
    name_limit=128,
    name_letter_first=True,
    unknown_keywords=frozenset(
        "additionalProperties patternProperties propertyNames not if then else dependentRequired dependentSchemas contains "
        "uniqueItems multipleOf prefixItems".split()
    ),
    allowed_tools=True,
    parallel_choice=False,
    fields=frozenset("temperature top_p top_k seed frequency_penalty presence_penalty logprobs top_logprobs n".split()),
    stop_limit=5,
    user_limit=0,
    reasoning="budget",
    reasoning_off=True,
    signed_thinking=True,
    hosted={
        "web_search": Hosted(tool={"googleSearch": {}}, kind="googleSearch", beside_functions=False),
        "code_execution": Hosted(tool={"codeExecution": {}}, kind="codeExecution", beside_functions=False),
    },
    signed_calls=True,
    carries_proofs=True,
    service_tiers={
        "default": "standard",
        "standard": "standard",
        "standard_only": "standard",
        "flex": "flex",
        "priority": "priority",
    },
)
