"""System text that an endpoint wants to see first, in a body that passes unparsed: the client's own blocks keep their bytes."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.translation.formats.anthropic.rules import RULES


def with_preamble(raw: bytes | None, text: str) -> bytes | None:
    """``system`` (raw JSON) with ``text`` as its first block; None when nothing needs to change.

    Blocks of the vendor's own client are left alone: it says itself who it is. What is neither text nor blocks stays as well, for
    the upstream to refuse.
    """
    own = json.loads(raw) if raw is not None else None
    first = json.dumps({"type": "text", "text": text})
    if own is None or own == "" or own == []:
        return b"[%b]" % first
    if isinstance(own, str):
        rest = own.removeprefix(text).lstrip() if own.startswith(text) else own
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}]
        return json.dumps([*blocks, {"type": "text", "text": rest}] if rest else blocks)
    if not isinstance(own, list) or raw is None or says_itself(own, text):
        return None
    return b"[%b,%b" % (first, raw.lstrip()[1:])


def says_itself(blocks: list[Any], text: str) -> bool:
    """The first block is ``text``, or a line that only the vendor's own client writes."""
    block = blocks[0]
    said = block.get("text") if isinstance(block, dict) else None
    return isinstance(said, str) and (said == text or said.startswith(RULES.private_system))
