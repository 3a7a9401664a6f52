"""The context window, looked at before a request is sent that cannot fit."""

from __future__ import annotations

from math import inf

from omniroute.core.errors import BadRequest
from omniroute.gateway.context import Context
from omniroute.routing.resolve import Target

# Estimates may be this much too high (see the error bound of ``_fast.tokens``): only what is over in any case is refused.
CERTAIN = 0.85
# No prompt has more tokens than half its bytes, so most bodies need no estimate at all.
_BYTES_PER_TOKEN = 2


def check_window(context: Context, target: Target) -> None:
    """Return when the prompt may fit ``target``'s window, or nothing is known of it; else BadRequest that makes agents compact.

    A provider with resilience off gets everything as it is.
    """
    window = target.profile.limits.max_input or target.profile.limits.context
    if not window or len(context.envelope.body) <= safe_size(target):
        return
    tokens = context.input_estimate()
    if tokens * CERTAIN > window:
        raise BadRequest(
            f"prompt is too long: {tokens} tokens > {window} maximum (the maximum context length of {context.model}; estimated "
            "before sending)",
            param="messages",
            code="context_length_exceeded",
        )


def safe_size(target: Target) -> float:
    """Bytes of a body that need no look: fewer fit in any case, or nothing is to be looked at."""
    window = target.profile.limits.max_input or target.profile.limits.context
    return window * _BYTES_PER_TOKEN if window and target.provider.resilience else inf
