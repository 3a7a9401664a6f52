"""What finished answers of all formats have in common: tolerant reading, stop words, restored tool names."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.core.errors import BadAnswer, Scope, Verdict
from omniroute.ir.request import ChatRequest, Part, ToolCall
from omniroute.ir.response import ChatResponse, StopReason
from omniroute.translation.calls import unwrap_input
from omniroute.translation.names import legal_id
from omniroute.translation.rules import Rules

_KEPT: tuple[StopReason, ...] = ("length", "context", "filter", "refusal", "pause")
_LARGEST = 2**53


def bad_answer(message: str) -> BadAnswer:
    """The fault of an upstream that answered with something else than an answer."""
    return BadAnswer(message, kind="upstream_error_in_200", scope=Scope.PROVIDER, verdict=Verdict.NEXT_ACCOUNT)


def answer_object(body: bytes) -> dict[str, Any]:
    """The body as an object, or BadAnswer."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise bad_answer("The provider's answer is not valid JSON.") from error
    if not isinstance(value, dict):
        raise bad_answer("The provider's answer is not a JSON object.")
    return value


def count(fields: Any, key: str) -> int:
    """A token count: 0 when missing, negative or not a number."""
    if not isinstance(fields, dict):
        return 0
    value = fields.get(key)
    if type(value) is int:  # no bool
        return value if 0 < value < _LARGEST else 0
    return int(value) if isinstance(value, float) and 0 < value < _LARGEST else 0


def string(fields: dict[str, Any], key: str) -> str:
    """A string field, "" when it is anything else."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def settle_stop(stop: StopReason, parts: tuple[Part, ...]) -> StopReason:
    """The stop reason follows the content: "tool" exactly when there is a call, unless the answer was cut or declined."""
    called = any(isinstance(part, ToolCall) for part in parts)
    if called:
        return stop if stop in _KEPT else "tool"
    return "stop" if stop == "tool" else stop


def invented_id(response_id: str, position: int) -> str:
    """A call id for an upstream that gave none: the same answer always gets the same ids."""
    return "call_" + sha256(f"{response_id}:{position}".encode()).hexdigest()[:24]


def custom_tools(request: ChatRequest | None) -> frozenset[str]:
    """The names of the free-form tools the client gave."""
    return frozenset(tool.name for tool in request.tools if tool.kind == "custom") if request is not None else frozenset()


def restore_calls(
    response: ChatResponse, names: Mapping[str, str], fallback_id: str, rules: Rules, *, custom: frozenset[str] | None = None
) -> ChatResponse:
    """The answer with the client's own tool names and with call ids that its dialect (``rules``) can carry.

    Missing ids are made from the upstream's response id, ``fallback_id`` where there is none. Calls of the client's ``custom``
    tools that travelled as functions become free-form ones again, free-form calls of none of them functions of one ``input``,
    as in a stream; None leaves every call what it is.
    """
    if not any(isinstance(part, ToolCall) for part in response.parts):
        return response
    seed = response.id or fallback_id
    parts: list[Part] = []
    for position, part in enumerate(response.parts):
        if isinstance(part, ToolCall):
            call_id = legal_id(part.id, rules.id_chars, rules.id_limit) if part.id else invented_id(seed, position)
            part = replace(part, id=call_id, name=names.get(part.name, part.name))
            if custom is not None and part.kind == "function" and part.name in custom:
                part = replace(part, kind="custom", arguments=unwrap_input(part.arguments))
            elif custom is not None and part.kind == "custom" and part.name not in custom:
                part = replace(part, kind="function", arguments=json.dumps_text({"input": part.arguments}))
        parts.append(part)
    return replace(response, parts=tuple(parts))
