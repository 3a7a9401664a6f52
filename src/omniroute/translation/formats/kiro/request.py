"""The canonical request → CodeWhisperer's ``conversationState``.

The history alternates between user and assistant, the current message is always the user's, and no message is empty: what a turn
cannot say without words gets a word. Which account's profile is asked (``profileArn``) is the business of whoever signs the call.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Media, Message, Refusal, Text, Tool, ToolCall, ToolResult
from omniroute.translation.calls import arguments_object
from omniroute.translation.media import words_of
from omniroute.translation.quirks import apply_quirks
from omniroute.translation.schema import object_schema, without_keywords

_ORIGIN = "AI_EDITOR"
_GO_ON = "continue"
_RESULTS_ONLY = "Here are the results of the tools."
_CALLS_ONLY = "…"
_NO_OUTPUT = "(no output)"
_UNKNOWN_KEYWORDS = frozenset({"additionalProperties"})


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body, for a normalised request. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    turns = list(request.messages)
    if not turns or turns[-1].role == "assistant":
        turns.append(Message(role="user", parts=(Text(text=_GO_ON),)))
    system = "\n\n".join(text.text for text in request.system)
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "assistant":
            messages.append({"assistantResponseMessage": _assistant(turn)})
            continue
        messages.append({"userInputMessage": _user(turn, system, profile.model)})
        system = ""
    *history, current = messages
    tools = [*request.tools, *_called_before(request)]
    if tools:
        message = current["userInputMessage"]
        message.setdefault("userInputMessageContext", {})["tools"] = [_tool(tool) for tool in tools]
    state = {
        "chatTriggerType": "MANUAL",
        "conversationId": _conversation_id(messages[0]),
        "currentMessage": current,
        **({"history": history} if history else {}),
    }
    body: dict[str, Any] = {"conversationState": state}
    inference = _inference(request)
    if inference:
        body["inferenceConfig"] = inference
    try:
        return json.dumps(apply_quirks(body, profile.quirks))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _inference(request: ChatRequest) -> dict[str, Any]:
    given = {"maxTokens": request.max_tokens, "temperature": request.temperature, "topP": request.top_p}
    return {key: value for key, value in given.items() if value is not None}


def _conversation_id(first: dict[str, Any]) -> str:
    """One for all turns of a conversation: made of how it began, so that what the service keeps of it is found again."""
    return str(UUID(bytes=sha256(json.dumps(first)).digest()[:16], version=4))


def _user(turn: Message, system: str, model: str) -> dict[str, Any]:
    """Texts, images, and the results of the calls before it. ``system`` has no place of its own and stands in front."""
    texts = [system] if system else []
    images: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, ToolResult):
            results.append(_result(part))
        elif isinstance(part, Media) and part.kind == "image" and part.data is not None:
            images.append({"format": part.mime.removeprefix("image/"), "source": {"bytes": part.data}})
        else:
            texts.append(words_of(part))
    content = "\n\n".join(text for text in texts if text.strip())
    message: dict[str, Any] = {
        "content": content or (_RESULTS_ONLY if results else _GO_ON),
        "modelId": model,
        "origin": _ORIGIN,
    }
    if images:
        message["images"] = images
    if results:
        message["userInputMessageContext"] = {"toolResults": results}
    return message


def _assistant(turn: Message) -> dict[str, Any]:
    content = "".join(part.text for part in turn.parts if isinstance(part, Text | Refusal))
    message: dict[str, Any] = {"content": content if content.strip() else _CALLS_ONLY}
    uses = [
        {"toolUseId": part.id, "name": part.name, "input": arguments_object(part.arguments)}
        for part in turn.parts
        if isinstance(part, ToolCall)
    ]
    return {**message, "toolUses": uses} if uses else message


def _result(result: ToolResult) -> dict[str, Any]:
    content = [{"text": text} for part in result.content if (text := words_of(part)).strip()]
    return {
        "toolUseId": result.call_id,
        "status": "error" if result.is_error else "success",
        "content": content or [{"text": _NO_OUTPUT}],
    }


def _called_before(request: ChatRequest) -> list[Tool]:
    """Tools that the history calls and the request no longer has: models refuse calls of what nobody described."""
    known = {tool.name for tool in request.tools}
    called = [part.name for turn in request.messages for part in turn.parts if isinstance(part, ToolCall)]
    missing = [name for name in dict.fromkeys(called) if name not in known]
    return [Tool(name=name, description=f"{name}, used earlier and no longer there: do not call it.") for name in missing]


def _tool(tool: Tool) -> dict[str, Any]:
    schema = without_keywords(object_schema(tool.schema, flat=True), _UNKNOWN_KEYWORDS)
    if not isinstance(schema.get("required"), list):
        schema = {**schema, "required": []}
    return {
        "toolSpecification": {
            "name": tool.name,
            "description": (tool.description or "").strip() or tool.name,
            "inputSchema": {"json": schema},
        }
    }
