"""The pages beside the tokens: who signed in, on which plan, and the tokens that are fetched with tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from upstream.authority_state import Asked, Ledger, Person, Said

Page = Callable[[Ledger, Asked, Person], Said]
_COPILOT_LIFETIME = 1800


def claude_profile(ledger: Ledger, asked: Asked, person: Person) -> Said:
    return Said(
        body={
            "account": {
                "uuid": person.account_id,
                "full_name": person.name,
                "display_name": person.name.split()[0],
                "email": person.email,
                "has_claude_max": person.plan == "max",
                "has_claude_pro": person.plan == "pro",
            },
            "organization": {
                "uuid": person.organization,
                "name": f"{person.name}'s organization",
                "organization_type": f"claude_{person.plan}",
                "rate_limit_tier": "default_claude_ai",
            },
        }
    )


def google_userinfo(ledger: Ledger, asked: Asked, person: Person) -> Said:
    return Said(body={"id": person.user_id, "email": person.email, "verified_email": True, "name": person.name})


def github_user(ledger: Ledger, asked: Asked, person: Person) -> Said:
    return Said(body={"login": person.email.partition("@")[0], "id": 4242, "email": person.email, "name": person.name})


def copilot_token(ledger: Ledger, asked: Asked, person: Person) -> Said:
    """The internal token: what signs chat requests, good for half an hour. The editor must say who it is."""
    if not asked.headers.get("editor-version") or not asked.headers.get("user-agent"):
        return Said(403, {"message": "Not a supported editor"})
    family = ledger.accesses[asked.bearer("token", "bearer") or ""][0]
    expires = int(ledger.now()) + _COPILOT_LIFETIME
    value = ledger.access(family, _COPILOT_LIFETIME, f"tid={ledger.secret('cp')};exp={expires};sku=copilot_{person.plan}")
    ledger.issued.add(value)
    return Said(
        body={
            "token": value,
            "expires_at": expires,
            "refresh_in": _COPILOT_LIFETIME - 300,
            "sku": f"copilot_{person.plan}",
            "chat_enabled": True,
            "endpoints": {"api": "https://api.individual.githubcopilot.com"},
        }
    )


def iflow_user(ledger: Ledger, asked: Asked, person: Person) -> Said:
    key = ledger.secret("sk")
    family = ledger.accesses[asked.query.get("accessToken", "")][0]
    ledger.access(family, 10 * 365 * 86400, key)
    return Said(body={"success": True, "code": "200", "data": {"apiKey": key, "email": person.email, "phone": "", "userId": 7}})


def kilo_profile(ledger: Ledger, asked: Asked, person: Person) -> Said:
    return Said(
        body={
            "user": {"id": person.user_id, "email": person.email, "name": person.name},
            "organizations": [{"id": person.organization, "name": "Home", "role": "owner"}],
        }
    )


def cline_user(ledger: Ledger, asked: Asked, person: Person) -> Said:
    return Said(body={"success": True, "data": {"id": person.user_id, "email": person.email, "displayName": person.name}})


PAGES: Mapping[str, Mapping[tuple[str, str], tuple[str, Page]]] = {
    "claude": {("GET", "/api/oauth/profile"): ("profile", claude_profile)},
    "gemini-cli": {("GET", "/oauth2/v1/userinfo"): ("userinfo", google_userinfo)},
    "antigravity": {("GET", "/oauth2/v1/userinfo"): ("userinfo", google_userinfo)},
    "github": {
        ("GET", "/user"): ("user", github_user),
        ("GET", "/copilot_internal/v2/token"): ("copilot_token", copilot_token),
    },
    "iflow": {("GET", "/api/oauth/getUserInfo"): ("userinfo", iflow_user)},
    "kilocode": {("GET", "/api/profile"): ("profile", kilo_profile)},
    "cline": {("GET", "/api/v1/users/me"): ("user", cline_user)},
}
"""Provider → (method, path) → the word it is counted under, and who answers. Each wants a good access token."""


def token_of(asked: Asked) -> str | None:
    """The access token of a request for a page, wherever this provider wants it."""
    return asked.bearer("bearer", "token") or asked.query.get("accessToken")


def claims_of(ledger: Ledger, person: Person, lifetime: float) -> dict[str, Any]:
    """What an id token (and an access token of JWT shape) says of a person."""
    now = int(ledger.now())
    return {
        "iss": "https://authority.example",
        "sub": person.user_id,
        "email": person.email,
        "iat": now,
        "exp": now + int(lifetime),
        "https://api.openai.com/auth": {
            "chatgpt_account_id": person.account_id,
            "chatgpt_plan_type": person.plan,
            "chatgpt_user_id": person.user_id,
        },
    }
