"""The built-in wire: a model that lives in this process. It answers in the Chat Completions dialect, without network or account,
so that the first minutes work before anything is configured, and smoke tests have something to talk to.

``echo`` says the last user message back word by word and plays along with tools and JSON; ``slow`` does so slowly; ``error-429``
always refuses.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from omniroute._fast.tokens import estimate, estimate_body
from omniroute.core import json
from omniroute.core.errors import BadAnswer
from omniroute.core.ids import Clock, SystemClock, new_id
from omniroute.upstream.call import Call, Headers, Pulled
from omniroute.upstream.wires._sample import sample

Sleep = Callable[[float], Awaitable[None]]

MODELS = ("echo", "slow", "error-429")
SLOW_START_S = 2.0
SLOW_STEP_S = 0.2
RETRY_AFTER_S = 30
_NOTHING_SAID = "Say something and I will say it back."
_JSON = "application/json"


class BuiltinTransport:
    """See ``call.Transport``. ``sleep`` is awaited where ``slow`` takes its time."""

    def __init__(self, *, clock: Clock | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._busy = 0

    async def send(self, call: Call) -> BuiltinReply:
        status, headers, chunks = self._answer(call)
        self._busy += 1
        return BuiltinReply(status, headers, chunks, self._closed)

    async def close(self) -> None:
        """Nothing is held open."""

    def describe(self) -> dict[str, object]:
        return {"origins": {"builtin": {"open": self._busy, "idle": 0, "busy": self._busy}}}

    def _closed(self) -> None:
        self._busy -= 1

    def _answer(self, call: Call) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        if urlsplit(call.url).path.endswith("/models"):
            listed = [{"id": name, "object": "model", "created": 0, "owned_by": "builtin"} for name in MODELS]
            return self._whole(200, {"object": "list", "data": listed})
        try:
            request = json.loads(call.body)
        except ValueError:
            return self._error(400, "The body is not valid JSON.", "invalid_request_error", None)
        if not isinstance(request, dict) or not isinstance(request.get("messages"), list) or not request["messages"]:
            return self._error(400, "'messages' must be a non-empty array.", "invalid_request_error", None)
        model = request.get("model")
        if model not in MODELS:
            return self._error(
                404,
                f"The model {model!r} does not exist; there are {', '.join(MODELS)}.",
                "invalid_request_error",
                "model_not_found",
            )
        if model == "error-429":
            message = f"This model is always over its rate limit. Please try again in {RETRY_AFTER_S}s."
            return self._error(429, message, "rate_limit_error", "rate_limit_exceeded", ("retry-after", str(RETRY_AFTER_S)))
        turn = Turn(request, new_id("chatcmpl"), int(self._clock.now()), estimate_body(call.body))
        pauses = (SLOW_START_S, SLOW_STEP_S) if model == "slow" else (0.0, 0.0)
        if request.get("stream") is True:
            return 200, [("content-type", "text/event-stream")], self._events(turn, pauses)
        return 200, [("content-type", _JSON)], self._finished(turn, pauses)

    async def _events(self, turn: Turn, pauses: tuple[float, float]) -> AsyncGenerator[bytes, None]:
        first, step = pauses
        for index, chunk in enumerate(turn.chunks()):
            wait = first if index == 1 else step if index > 1 else 0.0  # the role opens the stream, the words take time
            await self._sleep(wait)
            yield b"data: " + json.dumps(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"

    async def _finished(self, turn: Turn, pauses: tuple[float, float]) -> AsyncGenerator[bytes, None]:
        first, step = pauses
        if first:
            await self._sleep(first + step * max(0, len(turn.words) - 1))
        yield json.dumps(turn.completion())

    def _whole(self, status: int, value: Any, *headers: tuple[str, str]) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        async def once() -> AsyncGenerator[bytes, None]:
            yield json.dumps(value)

        return status, [("content-type", _JSON), *headers], once()

    def _error(
        self, status: int, message: str, kind: str, code: str | None, *headers: tuple[str, str]
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        return self._whole(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, *headers)


class BuiltinReply(Pulled):
    """See ``call.Reply``."""

    def __init__(self, status: int, headers: Headers, chunks: AsyncGenerator[bytes, None], on_close: Callable[[], None]) -> None:
        self.status = status
        self.headers = headers
        self._chunks = chunks
        self._on_close: Callable[[], None] | None = on_close

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    def chunks(self) -> AsyncGenerator[bytes, None]:
        return self._chunks

    async def read(self, limit: int) -> bytes:
        body = b"".join([chunk async for chunk in self._chunks])
        if len(body) > limit:
            raise BadAnswer(f"the answer is larger than {limit} bytes", kind="server_error")
        return body

    async def close(self) -> None:
        done, self._on_close = self._on_close, None
        if done is not None:
            done()
            await self._chunks.aclose()


class Turn:
    """What to answer to one request: either text or one tool call, cut at the output limit, with its usage."""

    def __init__(self, request: Mapping[str, Any], id: str, created: int, input_tokens: int) -> None:
        self._request = request
        self._id = id
        self._created = created
        self._input_tokens = input_tokens
        # Agents put reminders with the role system behind the user's words.
        turns = (m for m in reversed(request["messages"]) if isinstance(m, dict) and m.get("role") not in ("system", "developer"))
        self._last: Mapping[str, Any] = next(turns, {})
        self.tool = self._wanted_tool()
        text = "" if self.tool else self._text()
        self.words, self.finish = self._limited(re.findall(r"\s*\S+|\s+$", text))

    def chunks(self) -> Sequence[Mapping[str, Any]]:
        """The stream: role, words or the call in two parts, finish, and usage when asked for."""
        events = [self._chunk({"role": "assistant", "content": None if self.tool else ""})]
        if self.tool:
            call = {
                "index": 0,
                "id": self._call_id(),
                "type": "function",
                "function": {"name": self.tool["name"], "arguments": ""},
            }
            events.append(self._chunk({"tool_calls": [call]}))
            events.append(self._chunk({"tool_calls": [{"index": 0, "function": {"arguments": self.tool["arguments"]}}]}))
        events += [self._chunk({"content": word}) for word in self.words]
        events.append(self._chunk({}, self.finish))
        options = self._request.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage") is True:
            events = [{**event, "usage": None} for event in events]
            events.append({**self._chunk({}), "choices": [], "usage": self._usage()})
        return events

    def completion(self) -> Mapping[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None if self.tool else "".join(self.words), "refusal": None}
        if self.tool:
            message["tool_calls"] = [{"id": self._call_id(), "type": "function", "function": self.tool}]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()}

    def _head(self, object: str) -> dict[str, Any]:
        return {"id": self._id, "object": object, "created": self._created, "model": self._request["model"]}

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        written = self.tool["name"] + self.tool["arguments"] if self.tool else "".join(self.words)
        output = estimate(written.encode())
        return {"prompt_tokens": self._input_tokens, "completion_tokens": output, "total_tokens": self._input_tokens + output}

    def _call_id(self) -> str:
        return f"call_{self._id.rpartition('_')[2]}"

    def _limited(self, words: list[str]) -> tuple[list[str], str]:
        """As many words as the output limit has tokens for."""
        if self.tool:
            return [], "tool_calls"
        limit = self._request.get("max_completion_tokens") or self._request.get("max_tokens")
        if not isinstance(limit, int) or isinstance(limit, bool):
            return words, "stop"
        kept: list[str] = []
        for word in words:
            if estimate("".join([*kept, word]).encode()) > limit:
                return kept, "length"
            kept.append(word)
        return kept, "stop"

    def _text(self) -> str:
        if self._last.get("role") in ("tool", "function"):
            return f"The tool answered: {_said(self._last.get('content'))}"
        text = next((_said(m.get("content")) for m in reversed(self._request["messages"]) if _is_user(m)), "")
        wanted = self._request.get("response_format")
        if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
            schema = wanted.get("json_schema")
            return json.dumps_text(sample(schema.get("schema", {}) if isinstance(schema, dict) else {}))
        if isinstance(wanted, dict) and wanted.get("type") == "json_object":
            return json.dumps_text({"echo": text})
        return text or _NOTHING_SAID

    def _wanted_tool(self) -> dict[str, str] | None:
        """The call to make, if any: a forced one always, otherwise when the user's last message speaks of a tool."""
        tools = self._request.get("tools")
        functions = [t["function"] for t in tools if isinstance(t, dict) and _is_function(t)] if isinstance(tools, list) else []
        choice = self._request.get("tool_choice")
        if not functions or choice == "none" or not _is_user(self._last):
            return None
        by_name = {function["name"]: function for function in functions}
        if isinstance(choice, dict):
            named = choice.get("function")
            name = named.get("name") if isinstance(named, dict) else None
            chosen = by_name.get(name) if isinstance(name, str) else functions[0]
        else:
            text = _said(self._last.get("content")).lower()
            spoken = [name for name in by_name if name.lower() in text]
            asked = bool(spoken) or re.search(r"\btools?\b", text) is not None
            chosen = by_name[spoken[0]] if spoken else functions[0] if asked or choice == "required" else None
        if chosen is None:
            return None
        arguments = sample({"type": "object", **(chosen.get("parameters") or {})})
        return {"name": chosen["name"], "arguments": json.dumps_text(arguments)}


class Builtin:
    name = "builtin"

    def make(self, clock: Clock) -> BuiltinTransport:
        return BuiltinTransport(clock=clock)


WIRE = Builtin()


def _is_user(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "user"


def _is_function(tool: Mapping[str, Any]) -> bool:
    function = tool.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _said(content: Any) -> str:
    """Message content as text; what is not text is named in brackets."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    words = []
    for part in content:
        if isinstance(part, dict):
            kind = str(part.get("type", ""))
            words.append(
                str(part.get("text", "")) if kind == "text" else f"[{kind.removeprefix('input_').removesuffix('_url') or 'part'}]"
            )
    return " ".join(words)
