"""OmniRoute before an authority that is its API as well: only who holds a token that still stands is answered."""

from __future__ import annotations

from typing import Any

from upstream.authority import Asked, Authority, Said
from upstream.dialects import OpenAIChat
from upstream.script import Script

CHAT = "/v1/chat/completions"
CODE_ASSIST = {"cloudaicompanionProject": "project-1", "currentTier": {"id": "free-tier", "name": "Free"}}


def serves_chat(double: Authority) -> None:
    """Let ``double`` answer chat requests, with ``ok``, under the word ``chat``."""

    def chat(asked: Asked) -> Said:
        token = asked.bearer() or ""
        if double.ledger.valid(token) is None:
            return Said(401, {"error": {"message": "the token has expired", "type": "authentication_error", "code": "expired"}})
        body: dict[str, Any] = OpenAIChat().finished(Script("ok"), asked.fields)
        return Said(200, body)

    double.route("POST", CHAT, chat, "chat")


def serves_code_assist(double: Authority) -> None:
    """Let ``double`` know a project for everybody."""
    double.route("POST", "/v1internal:loadCodeAssist", lambda asked: Said(200, CODE_ASSIST), "load")


def before(double: Authority) -> str:
    """A config file that sends the provider's requests to ``double``."""
    return f'[providers.{double.provider}]\nbase_url = "{double.url}/v1"\n'
