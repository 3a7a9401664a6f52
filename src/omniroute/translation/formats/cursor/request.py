"""The canonical request → StreamUnifiedChatRequestWithTools.

What a tool gave back stands in the model's own message, together with the call it answers. The numbers of the fields are those
that two independent descriptions of the service agree on; what only one of them knows is left out.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from uuid import UUID, uuid5

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Media, Message, Part, Reasoning, Text, Tool, ToolCall, ToolResult
from omniroute.translation.calls import arguments_object
from omniroute.translation.formats.cursor.protobuf import envelope, message, number, packed, text
from omniroute.translation.media import words_of
from omniroute.translation.reasoning import effort_of
from omniroute.translation.schema import object_schema

_HUMAN, _AI = 1, 2
_CHAT, _AGENT = 1, 2
_MCP = 19  # of ClientSideToolV2: tools that are not the service's own
_SERVER = "custom"
_GO_ON = "continue"
_NO_OUTPUT = "(no output)"
_LEVELS = {"medium": 1, "high": 2, "xhigh": 2, "max": 2}


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body, for a normalised request, in its envelope. Raises BadRequest for a schema JSON cannot hold (nested too deep)."""
    turns = list(request.messages)
    if not turns or (turns[-1].role == "assistant" and not _calls(turns[-1])):
        turns.append(Message(role="user", parts=(Text(text=_GO_ON),)))
    tools = [tool for tool in request.tools if tool.kind != "hosted"]
    system = "\n\n".join(part.text for part in request.system)
    conversation = _conversation_id(system, turns)
    mode = _AGENT if tools else _CHAT
    messages, headers = [], []
    for position, (turn, results) in enumerate(_answered(turns)):
        bubble = str(uuid5(conversation, str(position)))
        side = _AI if turn.role == "assistant" else _HUMAN
        messages.append(message(1, *_message(turn, results, side, bubble, mode)))
        headers.append(message(30, text(1, bubble), number(3, side)))
    chat = [
        *messages,
        number(2, 1),  # allow_long_file_scan
        message(3, text(1, system)),  # explicit_context
        number(4, 1),  # can_handle_filenames_after_language_ids
        message(5, text(1, profile.model)),  # model_details
        number(13, 1),  # should_cache
        number(19, 1),  # use_new_compression_scheme
        number(22, int(not tools)),  # is_chat
        text(23, str(conversation)),
        number(27, int(bool(tools))),  # is_agentic
        *([packed(29, _MCP)] if tools else []),  # supported_tools
        *headers,  # full_conversation_headers_only
        *(message(34, *_tool(tool)) for tool in tools),  # mcp_tools
        number(46, mode),  # unified_mode
        number(48, int(not tools)),  # should_disable_tools
        *_thinking(request.reasoning),
        text(54, "Agent" if tools else "Ask"),  # unified_mode_name
    ]
    return envelope(message(1, *chat))


def _conversation_id(system: str, turns: list[Message]) -> UUID:
    """One for all turns of a conversation: made of how it began."""
    first = "".join(words_of(part) for part in turns[0].parts)
    return UUID(bytes=sha256(f"{system}\0{first}".encode("utf-8", "replace")).digest()[:16], version=4)


def _calls(turn: Message) -> list[ToolCall]:
    return [part for part in turn.parts if isinstance(part, ToolCall)]


def _answered(turns: list[Message]) -> list[tuple[Message, dict[str, ToolResult]]]:
    """Each turn with the results of its calls, which stand in the turn behind it; turns of nothing else are gone."""
    found: list[tuple[Message, dict[str, ToolResult]]] = []
    for turn, behind in zip(turns, [*turns[1:], None], strict=True):
        results: dict[str, ToolResult] = {}
        if turn.role == "assistant" and behind is not None:
            results = {part.call_id: part for part in behind.parts if isinstance(part, ToolResult)}
        if turn.role == "assistant" or any(not isinstance(part, ToolResult) for part in turn.parts):
            found.append((turn, results))
    return found


def _message(turn: Message, results: dict[str, ToolResult], side: int, bubble: str, mode: int) -> list[bytes]:
    words: list[str] = []
    images: list[bytes] = []
    for part in turn.parts:
        image = _image(part)
        if image:
            images.append(message(10, *image))
        elif (said := words_of(part)).strip():
            words.append(said)
    fields = [text(1, "\n\n".join(words)), number(2, side), *images, text(13, bubble)]
    fields += [
        message(18, *_result(call, results.get(call.id), index)) for index, call in enumerate(_calls(turn), start=1)
    ]  # tool_results
    if mode == _AGENT:
        fields += [number(29, 1), number(47, mode), packed(51, _MCP)]  # is_agentic, unified_mode, supported_tools
    return fields


def _result(call: ToolCall, result: ToolResult | None, index: int) -> list[bytes]:
    """A call and what came of it."""
    arguments = json.dumps_text(arguments_object(call.arguments))
    parameters = message(27, message(1, text(1, call.name), text(3, arguments), text(4, _SERVER)))
    called = [number(1, _MCP), text(3, call.id), text(9, call.name), text(10, arguments), parameters, number(48, index)]
    fields = [text(1, call.id), text(2, call.name), number(3, index), text(5, arguments)]
    if result is not None:
        words = "\n".join(said for part in result.content if (said := words_of(part)).strip()) or _NO_OUTPUT
        given = message(28, text(1, call.name), text(2, words))
        failure = [text(1, words), text(2, words)] if result.is_error else []
        failed = [message(8, *failure)] if failure else []
        fields.append(message(8, number(1, _MCP), *failed, given, text(35, call.id), number(49, index)))
        fields += [message(9, *failure)] if failure else []
    return [*fields, message(11, *called)]


def _tool(tool: Tool) -> list[bytes]:
    try:
        schema = json.dumps(object_schema(tool.schema, flat=True))
    except TypeError as error:
        raise BadRequest(f"The schema of tool {tool.name!r} cannot be written as JSON: {error}.", param="tools") from error
    return [text(1, tool.name), text(2, (tool.description or "").strip() or tool.name), text(3, schema), text(4, _SERVER)]


def _thinking(reasoning: Reasoning | None) -> list[bytes]:
    """The level, where one is asked for that is not the model's own idea."""
    level = _LEVELS.get(effort_of(reasoning), 0) if reasoning is not None and reasoning.mode != "off" else 0
    return [number(49, level)] if level else []


def _image(part: Part) -> list[bytes]:
    """The bytes of an image, and a name they are known by; nothing for other parts and for what is no base64."""
    if not isinstance(part, Media) or part.kind != "image" or part.data is None:
        return []
    try:
        raw = base64.b64decode(part.data.translate({ord("-"): "+", ord("_"): "/"}), validate=False)
    except (binascii.Error, ValueError):
        return []
    return [text(1, raw), text(3, str(UUID(bytes=sha256(raw).digest()[:16], version=4)))]
