"""Doubles of the smaller services behind logins: each wants a header or two, and refuses who does not send them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unit.translation.validators import anthropic_complaints, chat_complaints
from upstream.dialects import Anthropic, OpenAIChat
from upstream.script import Script
from upstream.server import Received
from upstream.vendors import Refusal, VendorDouble

_SESSION = re.compile(r"session-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _ChatDouble(VendorDouble):
    """``/chat/completions`` for whoever sends what :meth:`missing` asks for."""

    def missing(self, received: Received) -> Iterator[str]:
        raise NotImplementedError

    def refusals(self, received: Received) -> Iterator[Refusal]:
        yield from ((403, what) for what in self.missing(received))
        body = received.json()
        if body.get("tools") == []:
            yield 400, "[] is too short - 'tools'"
        yield from ((400, complaint) for complaint in chat_complaints(body))

    def _app(self) -> Starlette:
        return Starlette(routes=[Route("/chat/completions", self._completions, methods=["POST"])])

    async def _completions(self, request: Request) -> Response:
        return await self._answer(request, self.dialect())

    def dialect(self) -> OpenAIChat:
        return OpenAIChat()


class QwenDouble(_ChatDouble):
    def missing(self, received: Received) -> Iterator[str]:
        if received.header("x-dashscope-authtype") != "qwen-oauth":
            yield "not a login"
        if not (received.header("user-agent") or "").startswith("QwenCode/"):
            yield "not the client"


class IflowDouble(_ChatDouble):
    def missing(self, received: Received) -> Iterator[str]:
        session, time = received.header("session-id") or "", received.header("x-iflow-timestamp") or ""
        if not _SESSION.fullmatch(session) or not time.isdigit():
            yield "no session or time"
        key = (received.header("authorization") or "").removeprefix("Bearer ")
        said = f"{received.header('user-agent')}:{session}:{time}"
        if received.header("x-iflow-signature") != hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest():
            yield "wrong signature"


class KiloDouble(_ChatDouble):
    def missing(self, received: Received) -> Iterator[str]:
        if received.header("x-kilocode-organizationid") != "org-1":
            yield "no organisation"


class _Wrapped(OpenAIChat):
    """Whole answers stand in an object of their own."""

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "data": super().finished(script, request)}


class ClineDouble(_ChatDouble):
    def __init__(self, token: str) -> None:
        super().__init__(f"workos:{token}")

    def missing(self, received: Received) -> Iterator[str]:
        if not received.header("x-task-id"):
            yield "no task"

    def dialect(self) -> OpenAIChat:
        return _Wrapped()


class KimiDouble(VendorDouble):
    """``/messages`` for known devices."""

    def refusals(self, received: Received) -> Iterator[Refusal]:
        said = {name: received.header(f"x-msh-{name}") for name in ("platform", "device-id", "device-name", "device-model")}
        if said["device-id"] != "machine-1" or not all(said.values()):
            yield 403, f"unknown device {json.dumps(said)}"
        yield from ((400, complaint) for complaint in anthropic_complaints(received.json()))

    def _app(self) -> Starlette:
        return Starlette(routes=[Route("/messages", self._kimi, methods=["POST"])])

    async def _kimi(self, request: Request) -> Response:
        return await self._answer(request, Anthropic())
