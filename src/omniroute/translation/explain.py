"""What a request loses on its way to a target: which operations take content or meaning away, and the refusal of such requests.

Hints (sampling, cache marks, effort, metadata) and private reasoning of another vendor may go without a word; what is listed
here is something the caller asked for and would not get.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from omniroute.core.errors import BadRequest
from omniroute.translation.ops import Action, Op

_ANYWHERE = re.compile("")
_DROPPED: frozenset[Action] = frozenset({"dropped"})
_REWRITTEN: frozenset[Action] = frozenset({"rewritten"})

# rule → the actions of it that lose something, and the pointers where they do (the whole pointer must fit)
LOSSY: Mapping[str, tuple[frozenset[Action], re.Pattern[str]]] = {
    "assistant-media": (_DROPPED, _ANYWHERE),
    "field-unknown": (
        _DROPPED,
        re.compile(
            r"/(audio|background|cachedContent|container|conversation|mcp_servers|modalities|prompt|web_search_options)\Z"
        ),
    ),
    "field-unsupported": (_DROPPED, re.compile(r"/(n|logprobs|top_logprobs|logit_bias)\Z")),
    "media-fetch": (_DROPPED, _ANYWHERE),
    "media-kind": (_DROPPED, _ANYWHERE),
    "part-foreign": (_DROPPED, _ANYWHERE),
    "quirk": (_DROPPED, re.compile(r"/(tools|tool_choice|response_format|stop|n|logprobs|top_logprobs|logit_bias)\Z")),
    "response-format": (_REWRITTEN, _ANYWHERE),
    "response-schema": (_REWRITTEN, _ANYWHERE),
    "result-duplicate": (_DROPPED, _ANYWHERE),
    "stop-limit": (_DROPPED, _ANYWHERE),
    "tool-choice-unsupported": (_DROPPED, _ANYWHERE),
    "tool-choice-without-tools": (_DROPPED, _ANYWHERE),
    "tool-hosted": (_DROPPED, _ANYWHERE),
    "tool-parallel": (_DROPPED, _ANYWHERE),
    "tool-schema": (_REWRITTEN, _ANYWHERE),
    "web-search-domains": (_DROPPED, _ANYWHERE),
}
"""The one table of what counts as a loss."""


def is_lossy(op: Op) -> bool:
    """Whether ``op`` took away something the caller asked for."""
    known = LOSSY.get(op.rule)
    return known is not None and op.action in known[0] and known[1].match(op.pointer) is not None


def refuse_losses(ops: Iterable[Op], target: str) -> None:
    """Return when nothing was lost; else BadRequest naming the first field. ``target``: the model asked for."""
    lost = next((op for op in ops if is_lossy(op)), None)
    if lost is None:
        return
    field = field_of(lost.pointer)
    detail = f": {lost.detail}" if lost.detail else ""
    raise BadRequest(
        f"{field} cannot be sent to {target} without loss ({lost.rule}{detail}), and strict translation is on.",
        param=field,
        code="lossy_translation",
    )


def field_of(pointer: str) -> str:
    """A JSON pointer as callers write a field: ``/messages/3/content`` → ``messages[3].content``."""
    words = [word.replace("~1", "/").replace("~0", "~") for word in pointer.split("/")[1:]]
    text = "".join(f"[{word}]" if word.isdigit() else f".{word}" for word in words)
    return text.removeprefix(".") or "the request"
