"""Reasoning of an earlier answer that its vendor wants back, for clients that cannot carry it.

Pure: what an answer leaves behind (:func:`leavings`), under which names it is found again (:func:`names_of`), and how it goes
back into the next request (:func:`restore`). Where it is kept meanwhile is the gateway's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from omniroute.ir.request import ChatRequest, Message, Part, Text, Thinking, ToolCall
from omniroute.translation.calls import arguments_object
from omniroute.translation.names import legal_id
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules
from omniroute.translation.signatures import own

_UNIQUE = len("call:") + 20  # characters of an id that is random enough not to come again


class Leavings(msgspec.Struct, frozen=True, kw_only=True):
    """What one assistant turn left behind: its thinking in order, and the proofs bound to its calls by :func:`call_name`."""

    thoughts: tuple[Thinking, ...] = ()
    proofs: Mapping[str, str] = {}

    @property
    def size(self) -> int:
        """Characters kept."""
        thoughts = sum(len(t.text) + len(t.signature or "") + len(t.redacted or "") for t in self.thoughts)
        return thoughts + sum(len(name) + len(proof) for name, proof in self.proofs.items())


Recall = Callable[[str], Leavings | None]


def call_name(call_id: str) -> str:
    """How a call is known in its turn: letters and digits only, since some clients strip the rest from the ids."""
    return "call:" + "".join(char for char in call_id if char.isalnum())


def _turn_name(call: ToolCall, call_id: str) -> str:
    """Under which name the turn of ``call`` is found again. Ids that count up (``functions.look:0``) come again in the next
    conversation; with those the arguments count as well."""
    name = call_name(call_id)
    if len(name) >= _UNIQUE:
        return name
    given = {"input": call.arguments} if call.kind == "custom" else arguments_object(call.arguments)
    digest = sha256(repr(_canonical(given)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name}:{digest[:32]}"


def _canonical(value: Any) -> Any:
    """A JSON value as all clients give it back: keys in order, whole numbers without a fraction."""
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def names_of(parts: Iterable[Part], rules: Rules | None = None) -> list[str]:
    """The names of an assistant turn: those of its calls in order, or (where it called nothing) a hash of its text.

    ``rules`` of the client's dialect: the ids as they are shown there count as well.
    """
    turn = tuple(parts)
    names: list[str] = []
    for part in turn:
        if isinstance(part, ToolCall) and part.id:
            names.append(_turn_name(part, part.id))
            if rules is not None:
                names.append(_turn_name(part, legal_id(part.id, rules.id_chars, rules.id_limit)))
    if not names:
        text = "".join(part.text for part in turn if isinstance(part, Text)).strip()
        if text:
            names.append("text:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    return list(dict.fromkeys(names))


def leavings(parts: Iterable[Part], *, signed: bool) -> Leavings | None:
    """What to keep of an answer's ``parts``, None when there is nothing.

    ``signed``: only thinking that its vendor can prove is of use; otherwise the plain text is.
    """
    turn = tuple(parts)
    thoughts = tuple(
        part
        for part in turn
        if isinstance(part, Thinking) and ((part.signature or part.redacted is not None) if signed else bool(part.text))
    )
    proofs = {call_name(part.id): part.signature for part in turn if isinstance(part, ToolCall) and part.id and part.signature}
    return Leavings(thoughts=thoughts, proofs=proofs) if thoughts or proofs else None


def restore(request: ChatRequest, target: str, recall: Recall, *, signed: bool, ops: Ops = None) -> ChatRequest:
    """``request`` with what ``recall`` knows of its assistant turns put back in: the thinking first, the proofs at their calls.

    ``target`` is the format it goes to. Turns that brought usable thinking of their own keep it.
    """
    messages = tuple(
        _restored(message, position, target, recall, signed, ops) if message.role == "assistant" else message
        for position, message in enumerate(request.messages)
    )
    return replace(request, messages=messages)


def _restored(message: Message, position: int, target: str, recall: Recall, signed: bool, ops: Ops) -> Message:
    parts = message.parts
    found = [known for name in names_of(parts) if (known := recall(name)) is not None]
    if not found:
        return message
    proofs = {name: proof for known in found for name, proof in known.proofs.items()}
    parts = tuple(_proved(part, proofs) for part in parts)
    thoughts = found[0].thoughts
    if thoughts and not any(_usable(part, target, signed) for part in parts):
        note(ops, "reasoning-replayed", "synthesised", "messages", position)
        parts = (*thoughts, *(part for part in parts if not isinstance(part, Thinking)))
    return message if parts == message.parts else replace(message, parts=parts)


def _usable(part: Part, target: str, signed: bool) -> bool:
    if not isinstance(part, Thinking):
        return False
    part = own(part)
    proved = bool(part.signature) or part.redacted is not None
    return proved and part.vendor == target if signed else not proved and bool(part.text)


def _proved(part: Part, proofs: Mapping[str, str]) -> Part:
    if not isinstance(part, ToolCall) or part.signature:
        return part
    proof = proofs.get(call_name(part.id))
    return part if proof is None else replace(part, signature=proof)
