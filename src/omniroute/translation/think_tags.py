"""Thinking that a model writes between ``<think>`` tags into its text, found in finished answers.

Only at the very start of an answer, and the same for streams (``_fast/filters.pyx``): space around the thinking and before the
answer is dropped, an unclosed tag makes everything thinking.
"""

from __future__ import annotations

from msgspec.structs import replace

from omniroute.ir.request import Part, Text, Thinking
from omniroute.ir.response import ChatResponse

_OPEN, _CLOSE = "<think>", "</think>"
_SPACE = " \n\r\t"


def split_thinking(response: ChatResponse) -> ChatResponse:
    """``response`` with its tagged thinking, in every choice, as a part of its own."""
    choices = tuple(split_thinking(choice) for choice in response.choices)
    first = response.parts[0] if response.parts else None
    if not isinstance(first, Text) or not first.text.lstrip(_SPACE).startswith(_OPEN):
        return response if choices == response.choices else replace(response, choices=choices)
    thinking, _, answer = first.text.lstrip(_SPACE)[len(_OPEN) :].partition(_CLOSE)
    parts: list[Part] = [Thinking(text=thinking.strip(_SPACE), vendor=response.origin)]
    if answer.lstrip(_SPACE):
        parts.append(replace(first, text=answer.lstrip(_SPACE)))
    return replace(response, parts=(*parts, *response.parts[1:]), choices=choices)
