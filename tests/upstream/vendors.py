"""Doubles of the APIs behind subscriptions: they answer like the scripted upstream, and refuse what the real ones refuse.

``url`` is the base URL of each. ``tokens`` are the access tokens that are good; every refusal is kept in ``refused``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unit.translation.responses_rules import responses_complaints
from unit.translation.validators import anthropic_complaints, chat_complaints
from upstream.dialects import Anthropic, Event, OpenAIChat, compact
from upstream.responses_dialect import Responses
from upstream.script import Script
from upstream.server import Received, ScriptedUpstream

Refusal = tuple[int, str]
IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
_CLI_LINE = "x-anthropic-billing-header:"
_CLI_TOOLS = {"Agent", "Bash", "Edit", "Glob", "Grep", "Read", "Task", "TodoWrite", "WebFetch", "WebSearch", "Write"}
_USER_ID = re.compile(r"user_[0-9a-f]{64}_account_[\w-]+_session_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class VendorDouble(ScriptedUpstream):
    """``refusals`` says what is wrong with a request, in the order of importance. ``tokens`` says which ones are good."""

    def __init__(self, *tokens: str) -> None:
        super().__init__()
        self.tokens: Container[str] = set(tokens)
        self.refused: list[Refusal] = []

    def refusals(self, received: Received) -> Iterator[Refusal]:
        raise NotImplementedError

    def _script_for(self, received: Received) -> Script:
        if (received.header("authorization") or "").removeprefix("Bearer ") not in self.tokens:
            self.refused.append((401, "unauthorized"))
            return Script(status=401, message="Invalid bearer token", code="token_invalid")
        for status, message in self.refusals(received):
            self.refused.append((status, message))
            return Script(status=status, message=message)
        return super()._script_for(received)


class ClaudeDouble(VendorDouble):
    """``/v1/messages`` and its count, for tokens of a plan: only what looks like the vendor's own client is served. ``profile``
    is what it says of who signed in."""

    profile: Mapping[str, Any] = {
        "account": {"uuid": "2f1c9f0e-aaaa-4bbb-8ccc-123456789012", "email": "a@example.org"},
        "organization": {"uuid": "org-1", "organization_type": "claude_max"},
    }

    def _app(self) -> Starlette:
        app = super()._app()
        app.router.routes.append(Route("/api/oauth/profile", self._profile, methods=["GET"]))
        return app

    async def _profile(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse(dict(self.profile))

    def refusals(self, received: Received) -> Iterator[Refusal]:
        body = received.json()
        betas = (received.header("anthropic-beta") or "").split(",")
        if "oauth-2025-04-20" not in betas:
            yield 401, "OAuth authentication is currently not supported."
        if len(set(betas)) != len(betas):
            yield 400, "a beta is named twice"
        if received.query != "beta=true" or not received.header("anthropic-version") or received.header("x-api-key"):
            yield 400, "not the way the client asks"
        system, own = body.get("system"), False
        first = system[0].get("text", "") if isinstance(system, list) and system else None
        if first is not None and first.startswith(_CLI_LINE):
            own = True
        elif first != IDENTITY:
            yield 400, "This credential is only authorized for use with Claude Code and cannot be used for other API requests."
        if received.body.count(b'"cache_control"') > 4:
            yield 400, "A maximum of 4 blocks with cache_control may be provided."
        names = {tool.get("name") for tool in body.get("tools", [])}
        if not own and names & _CLI_TOOLS:
            yield 400, f"reserved tool names: {sorted(names & _CLI_TOOLS)}"
        user = (body.get("metadata") or {}).get("user_id")
        if not own and user is not None and not _USER_ID.fullmatch(user):
            yield 400, "metadata.user_id has not the client's shape"
        if "count_tokens" in received.path:
            return
        if not isinstance(body.get("max_tokens"), int):
            yield 400, "max_tokens: Field required"
        yield from _turns(body["messages"])
        yield from ((400, complaint) for complaint in anthropic_complaints(body))


def _turns(messages: list[dict[str, Any]]) -> Iterator[Refusal]:
    """Results stand first in the turn behind their calls, one for each."""
    called: list[str] = []
    for place, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(called):
            yield 400, f"messages.{place}: tool_use ids without tool_result blocks, or the reverse"
        if results and [block["type"] for block in blocks[: len(results)]] != ["tool_result"] * len(results):
            yield 400, f"messages.{place}: tool_result blocks must come first"
        called = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _responses_complaints(body: dict[str, Any]) -> list[str]:
    """The judge of bodies wants said in full what clients may say in short."""
    items = body.get("input")
    return responses_complaints({**body, "input": [_in_full(item) for item in items]}) if isinstance(items, list) else []


def _in_full(item: dict[str, Any]) -> dict[str, Any]:
    content = item.get("content")
    if isinstance(content, str):
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        item = {**item, "content": [{"type": kind, "text": content}]}
    return {"type": "message", **{key: value for key, value in item.items() if key not in ("status", "phase", "id")}}


class _CodexResponses(Responses):
    """Its last event leaves the output out."""

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        *events, (name, data) = super().stream(script, request)
        last = json.loads(data)
        last["response"]["output"] = []
        return [*events, (name, compact(last))]

    def error(self, script: Script) -> dict[str, Any]:
        return {"detail": script.message} if script.status == 400 else super().error(script)


class CodexDouble(VendorDouble):
    """``/codex/responses`` and its ``/compact``: streams only, nothing stored, a workspace named."""

    REFUSED = frozenset(
        "temperature top_p max_output_tokens max_completion_tokens user metadata truncation background previous_response_id "
        "prompt_cache_retention safety_identifier context_management stream_options top_logprobs max_tokens messages".split()
    )
    compacted: Mapping[str, Any] = {
        "id": "resp_compact",
        "object": "response.compaction",
        "created_at": 1,
        "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "of the vendor"}],
        "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
    }

    def refusals(self, received: Received) -> Iterator[Refusal]:
        body = received.json()
        for name in ("chatgpt-account-id", "originator", "openai-beta"):
            if not received.header(name):
                yield 403, f"no {name}"
        if not _UUID.fullmatch(received.header("session_id") or received.header("session-id") or ""):
            yield 400, "no session"
        if body.keys() & self.REFUSED:
            yield 400, f"Unsupported parameter: {sorted(body.keys() & self.REFUSED)[0]}"
        if not body.get("instructions"):
            yield 400, "Instructions are required"
        if received.path.endswith("/compact"):
            if {"stream", "store"} & body.keys():
                yield 400, "Unsupported parameter: stream"
            return
        if body.get("store") is not False:
            yield 400, "Store must be set to false"
        if body.get("stream") is not True or received.header("accept") != "text/event-stream":
            yield 400, "Stream must be set to true"
        if body.get("service_tier") not in (None, "priority"):
            yield 400, "Unsupported service_tier"
        if not isinstance(body.get("prompt_cache_key"), str):
            yield 400, "no prompt_cache_key"
        yield from self._items(body.get("input"))
        yield from ((400, complaint) for complaint in _responses_complaints(body))
        for tool in body.get("tools", []):
            if "function" in tool or tool["type"].startswith("web_search_preview"):
                yield 400, f"Unsupported tool type: {tool['type']}"

    def _items(self, items: Any) -> Iterator[Refusal]:
        if not isinstance(items, list):
            yield 400, "Input must be a list"
            return
        calls: set[str] = set()
        outputs: set[str] = set()
        for item in items:
            if item.get("role") == "system":
                yield 400, "System messages are not allowed"
            if item.get("type") == "item_reference" or str(item.get("id", "")).startswith(("rs_", "msg_", "fc_", "resp_")):
                yield 404, f"Item with id {item.get('id')!r} not found. Items are not persisted when store is set to false."
            if item.get("type") in ("function_call", "custom_tool_call"):
                calls.add(item["call_id"])
            elif str(item.get("type")).endswith("_call_output"):
                outputs.add(item["call_id"])
            if len(str(item.get("call_id", ""))) > 64:
                yield 400, "call_id is too long"
        if calls != outputs:
            yield 400, f"No tool output found for function call {sorted(calls ^ outputs)[0]}."

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/codex/responses", self._codex, methods=["POST"]),
                Route("/codex/responses/compact", self._compact, methods=["POST"]),
            ]
        )

    async def _codex(self, request: Request) -> Response:
        return await self._answer(request, _CodexResponses())

    async def _compact(self, request: Request) -> Response:
        received = await self._note(request)
        script = self._script_for(received)
        if script.status >= 400:
            return JSONResponse(_CodexResponses().error(script), script.status)
        return JSONResponse(dict(self.compacted))


class CopilotDouble(VendorDouble):
    """``/chat/completions``, ``/responses`` and ``/v1/messages``, for editors. ``responses_only`` and ``messages_only``: models that
    the other endpoints do not know."""

    responses_only = re.compile(r".*codex.*")
    HISTORY = frozenset({"reasoning_content", "reasoning_text", "reasoning_opaque"})

    def refusals(self, received: Received) -> Iterator[Refusal]:
        body = received.json()
        for name in ("copilot-integration-id", "editor-version", "editor-plugin-version", "user-agent"):
            if not received.header(name):
                yield 400, f"bad request: missing {name}"
        turns = body.get("messages") or body.get("input") or []
        if received.header("x-initiator") != _initiator(turns):
            yield 400, f"x-initiator {received.header('x-initiator')!r} is wrong"
        images = b'"image_url"' in received.body or b'"input_image"' in received.body or b'"type":"image"' in received.body
        if (received.header("copilot-vision-request") == "true") is not images:
            yield 400, "missing required Copilot-Vision-Request header for vision requests"
        codex = bool(self.responses_only.fullmatch(body["model"]))
        if codex is not (received.path == "/responses"):
            yield 400, "unsupported_api_for_model"
        if received.path == "/v1/messages" and not body["model"].startswith("claude-"):
            yield 400, "unsupported_api_for_model"
        if len(body.get("tools", [])) > 128:
            yield 400, "too many tools"
        if received.path == "/chat/completions":
            if any(self.HISTORY & message.keys() for message in body["messages"]):
                yield 400, "reasoning in the history"
            if "reasoning_effort" in body and not body["model"].startswith("gpt-5"):
                yield 400, "reasoning_effort is not supported"
            if body["model"].startswith("claude-") and "response_format" in body:
                yield 400, "response_format is not supported"
        judge = {"/chat/completions": chat_complaints, "/responses": _responses_complaints}.get(
            received.path, anthropic_complaints
        )
        yield from ((400, complaint) for complaint in judge(body))

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/chat/completions", self._copilot_chat, methods=["POST"]),
                Route("/responses", self._responses, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
            ]
        )

    async def _copilot_chat(self, request: Request) -> Response:
        return await self._answer(request, OpenAIChat())

    async def _messages(self, request: Request) -> Response:
        return await self._answer(request, Anthropic())


def _initiator(turns: Any) -> str:
    """Who spoke last, system text left aside."""
    if not isinstance(turns, list):
        return "user"
    said = [turn for turn in turns if turn.get("role") not in ("system", "developer")]
    last = said[-1] if said else {}
    content = last.get("content")
    result = isinstance(content, list) and any(part.get("type") == "tool_result" for part in content)
    return "user" if last.get("role") == "user" and not result else "agent"
