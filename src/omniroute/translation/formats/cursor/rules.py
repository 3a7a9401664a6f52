"""What Cursor's conversations can say: two roles in turn, tools, images, how hard to think, and no parameter beside."""

from __future__ import annotations

from omniroute.translation.rules import Rules

RULES = Rules(
    hoists_system=True,
    late_system="reminder",
    merges_turns=True,
    starts_with_user=True,
    blank_text=False,
    media={"image": frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})},
    id_chars="a-zA-Z0-9_-",
    id_limit=64,
    name_limit=64,
    flat_schema=True,
    parallel_choice=False,
    tool_choice=False,
    output_limit=False,
    stop_limit=0,
    user_limit=0,
    reasoning="effort",
    json_object=False,
    json_schema=False,
)
