"""The flows themselves: authorize, exchange, refresh, device codes; RFC 6749/7636/8628 and the three that differ."""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from upstream.authority_dialects import Dialect
from upstream.authority_pages import claims_of
from upstream.authority_state import Asked, Device, Family, Grant, Ledger, Person, Said, challenge_of

_MEDIA = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
_DEVICE_LIFETIME = 900
_AWS_ERRORS = {
    "authorization_pending": "AuthorizationPendingException",
    "slow_down": "SlowDownException",
    "expired_token": "ExpiredTokenException",
    "access_denied": "AccessDeniedException",
    "invalid_client": "InvalidClientException",
    "invalid_grant": "InvalidGrantException",
    "invalid_request": "InvalidRequestException",
}


class Flows:
    """The answers of one authority. ``person``: who is signed in at its browser page; ``refuses``: that person says no."""

    def __init__(self, dialect: Dialect, ledger: Ledger) -> None:
        self.dialect = dialect
        self.ledger = ledger
        self.url = ""
        self.client_secret = f"cs-{secrets.token_urlsafe(16)}{secrets.randbelow(10)}"
        self.person = Person()
        self.refuses = False
        self.returned_state: str | None = None
        self.interval = dialect.interval
        self.patience: int | None = None
        self.slow_downs = 0
        self.lifetime: float = dialect.lifetime
        self.inline_code = True
        ledger.issued.add(self.client_secret)

    # --- authorize -------------------------------------------------------------------------------------------------

    def authorize(self, asked: Asked) -> Said:
        """The consent page of a person who agrees at once: back to the redirect URI with code and state."""
        wrong = self._authorize_fault(asked.query)
        if wrong:
            return Said(400, f"<h1>Invalid request</h1><p>{wrong}</p>")
        target = asked.query[self.dialect.redirect_param]
        state = asked.query.get("state") if self.returned_state is None else self.returned_state
        if self.refuses:
            return self._back(target, {"error": "access_denied", "error_description": "The person said no", "state": state})
        if self.dialect.style == "cline" and self.inline_code:
            return self._back(target, {"code": self._cline_code(), "state": state})
        code = self.ledger.secret("code")
        query = asked.query
        self.ledger.grants[code] = Grant(
            self.person, query.get("client_id", ""), target, query.get("code_challenge"), query.get("scope", "")
        )
        if self.dialect.paste is not None and urlsplit(target).path == self.dialect.paste:
            return Said(200, f"<h1>Paste this into the program</h1><pre id=code>{code}#{state or ''}</pre>")
        return self._back(target, {"code": code, "state": state})

    def _authorize_fault(self, query: dict[str, str]) -> str | None:
        dialect = self.dialect
        target = query.get(dialect.redirect_param, "")
        if not re.fullmatch(dialect.redirects, target):
            return f"{dialect.redirect_param} {target!r} is not registered"
        if dialect.client_id is not None and query.get("client_id") != dialect.client_id:
            return "unknown client_id"
        if dialect.pkce and (query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43):
            return "PKCE with S256 is needed"
        if not query.get("state"):
            return "state is missing"
        for name, value in dialect.insists.items():
            if query.get(name) != value:
                return f"{name} must be {value}"
        if dialect.style == "oauth" and not set(dialect.scopes) <= set(query.get("scope", "").split()):
            return "a scope is missing"
        return None

    def _back(self, target: str, query: dict[str, Any]) -> Said:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return Said(302, "", {"location": f"{target}{'&' if '?' in target else '?'}{given}"})

    # --- token -----------------------------------------------------------------------------------------------------

    def token(self, asked: Asked) -> Said:
        """Every grant that comes to the token path."""
        if self.dialect.style == "aws":
            return self._aws_token(asked)
        wrong = self._client_fault(asked)
        if wrong is not None:
            return wrong
        grant_type = asked.fields.get("grant_type", "")
        if grant_type == "authorization_code":
            return self._exchange(asked)
        if grant_type == "refresh_token":
            return self.renew(asked)
        if grant_type == "urn:ietf:params:oauth:grant-type:device_code":
            return self._poll(asked, asked.fields.get("device_code", ""), asked.fields.get("code_verifier"))
        return self.error("unsupported_grant_type", f"not {grant_type!r}")

    def _client_fault(self, asked: Asked) -> Said | None:
        dialect, fields = self.dialect, asked.fields
        media = dialect.refresh_media if fields.get("grant_type") == "refresh_token" else dialect.token_media
        if asked.media != _MEDIA[media]:
            return self.error("invalid_request", f"send {_MEDIA[media]}, not {asked.media!r}")
        if dialect.client_id is not None and fields.get("client_id") != dialect.client_id:
            return self.error("invalid_client", "unknown client_id", 401)
        if dialect.secret and fields.get("client_secret") != self.client_secret:
            return self.error("invalid_client", "the client secret is missing or wrong", 401)
        if dialect.basic:
            expected = base64.b64encode(f"{dialect.client_id}:{self.client_secret}".encode()).decode()
            if asked.bearer("basic") != expected:
                return self.error("invalid_client", "HTTP Basic is needed as well", 401)
        missing = [name for name in dialect.headers if not asked.headers.get(name)]
        return self.error("invalid_client", f"headers missing: {', '.join(missing)}", 400) if missing else None

    def _exchange(self, asked: Asked) -> Said:
        fields = asked.fields
        grant = self.ledger.grants.get(fields.get("code", ""))
        if grant is None or grant.spent:
            return self.error("invalid_grant", "the code is unknown or was used before")
        grant.spent = True
        if fields.get("redirect_uri") != grant.redirect_uri:
            return self.error("invalid_grant", "redirect_uri differs from the one of the authorize request")
        if grant.challenge and challenge_of(fields.get("code_verifier", "")) != grant.challenge:
            return self.error("invalid_grant", "code_verifier does not fit")
        if self.dialect.state_in_exchange and not fields.get("state"):
            return self.error("invalid_request", "state is missing")
        return self.grant(self.ledger.family(grant.person, grant.client_id, grant.scope))

    def renew(self, asked: Asked) -> Said:
        """A refresh: the new pair, or the end of the family when the token was spent before."""
        fields = asked.fields
        missing = [name for name in self.dialect.refresh_needs if not fields.get(name)]
        if missing:
            return self.error("invalid_request", f"fields missing: {', '.join(missing)}")
        family = self.ledger.spend(fields.get("refresh_token") or fields.get("refreshToken", ""), rotates=self.dialect.rotates)
        if family is None:
            return self.refused_refresh()
        return self.grant(family)

    def refused_refresh(self) -> Said:
        """How this provider says that a refresh token is no good."""
        if self.dialect.provider == "codex":
            error = {"message": "Your refresh token has already been used.", "type": "invalid_request_error"}
            return Said(401, {"error": {**error, "param": None, "code": "refresh_token_reused"}})
        if self.dialect.provider == "qwen":
            return self.error("invalid_request", "Invalid refresh token or client_id")
        if self.dialect.style == "cline":
            return Said(401, {"success": False, "error": "invalid refresh token"})
        return self.error("invalid_grant", "Refresh token not found or invalid", 401 if self.dialect.lies else 400)

    # --- device codes ----------------------------------------------------------------------------------------------

    def device(self, asked: Asked) -> Said:
        """Begin a device login."""
        fields, dialect = asked.fields, self.dialect
        if dialect.style == "kilo":
            code = self.begin_device("", "", None)[1].user_code
            return Said(200, {"code": code, "verificationUrl": f"{self.url}/device?user_code={code}", "expiresIn": 600})
        if dialect.style == "aws":
            return self._aws_device(fields)
        wrong = self._client_fault(asked) if not dialect.secret else None
        if wrong is not None:
            return wrong
        if not set(dialect.scopes) <= set(fields.get("scope", "").split()):
            return self.error("invalid_scope", "a scope is missing")
        if dialect.device_pkce and fields.get("code_challenge_method") != "S256":
            return self.error("invalid_request", "PKCE with S256 is needed")
        code, device = self.begin_device(fields.get("client_id", ""), fields.get("scope", ""), fields.get("code_challenge"))
        answer: dict[str, Any] = {
            "device_code": code,
            "user_code": device.user_code,
            "verification_uri": f"{self.url}/device",
            "verification_uri_complete": f"{self.url}/device?user_code={device.user_code}",
            "expires_in": _DEVICE_LIFETIME,
        }
        if self.interval is not None:
            answer["interval"] = self.interval
        if dialect.provider == "github":
            del answer["verification_uri_complete"]
        return Said(200, answer)

    def begin_device(self, client_id: str, scope: str, challenge: str | None) -> tuple[str, Device]:
        letters = "BCDFGHJKLMNPQRSTVWXZ"
        user_code = "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(2))
        device = Device(user_code, client_id, scope, challenge, self.interval or 5, patience=self.patience)
        device.slow_downs = self.slow_downs
        code = user_code if self.dialect.style == "kilo" else self.ledger.secret("dc")
        self.ledger.devices[code] = device
        return code, device

    def _poll(self, asked: Asked, code: str, verifier: str | None = None) -> Said:
        device = self.ledger.devices.get(code)
        if device is None or device.spent:
            return self.error("invalid_grant", "no such device code")
        if device.challenge and challenge_of(verifier or "") != device.challenge:
            return self.error("invalid_grant", "code_verifier does not fit")
        verdict = self.verdict(device)
        if verdict != "approved":
            status = self.dialect.slow_down_status if verdict == "slow_down" else 400
            return self.error(verdict, f"{verdict} at {asked.path}", 200 if self.dialect.lies else status)
        device.spent = True
        return self.grant(self.ledger.family(device.person or self.person, device.client_id, device.scope))

    def verdict(self, device: Device) -> str:
        """What a poll is told now: approved, or an error word of RFC 8628."""
        if device.slow_downs > 0:
            device.slow_downs -= 1
            return "slow_down"
        if device.verdict == "pending" and device.patience is not None:
            device.patience -= 1
            if device.patience < 0:
                device.verdict = "approved"
        words = {"pending": "authorization_pending", "denied": "access_denied", "expired": "expired_token"}
        return words.get(device.verdict, device.verdict)

    def kilo_poll(self, code: str) -> Said:
        """Kilo's own dialect: the status code says it all."""
        device = self.ledger.devices.get(code)
        if device is None or device.spent:
            return Said(404, {"error": "not found"})
        word = self.verdict(device)
        if word == "approved":
            device.spent = True
            family = self.ledger.family(device.person or self.person, "", "")
            token = self.ledger.access(family, 10 * 365 * 86400)
            return Said(
                200,
                {"status": "approved", "token": token, "userId": family.person.user_id, "userEmail": family.person.email},
            )
        status = {"access_denied": 403, "expired_token": 410, "slow_down": 429}.get(word, 202)
        return Said(status, {"status": {"access_denied": "denied", "expired_token": "expired"}.get(word, "pending")})

    # --- AWS ---------------------------------------------------------------------------------------------------------

    def register(self, asked: Asked) -> Said:
        """Dynamic registration of a public client."""
        fields = asked.fields
        if fields.get("clientType") != "public" or not fields.get("clientName"):
            return self.error("invalid_request", "clientName and clientType public are needed")
        client, secret = f"client-{secrets.token_hex(8)}", self.ledger.secret("cs")
        self.ledger.clients[client] = secret
        now = int(self.ledger.now())
        return Said(
            200,
            {"clientId": client, "clientSecret": secret, "clientIdIssuedAt": now, "clientSecretExpiresAt": now + 90 * 86400},
        )

    def _registered(self, fields: dict[str, Any]) -> bool:
        return self.ledger.clients.get(fields.get("clientId", "")) == fields.get("clientSecret", "-")

    def _aws_device(self, fields: dict[str, Any]) -> Said:
        if not self._registered(fields):
            return self.error("invalid_client", "the client is not registered", 401)
        if not str(fields.get("startUrl", "")).startswith("http"):
            return self.error("invalid_request", "startUrl is missing")
        code, device = self.begin_device(fields["clientId"], "", None)
        return Said(
            200,
            {
                "deviceCode": code,
                "userCode": device.user_code,
                "verificationUri": f"{self.url}/device",
                "verificationUriComplete": f"{self.url}/device?user_code={device.user_code}",
                "expiresIn": 600,
                "interval": self.interval or 1,
            },
        )

    def _aws_token(self, asked: Asked) -> Said:
        fields = asked.fields
        if not self._registered(fields):
            return self.error("invalid_client", "the client is not registered", 401)
        if fields.get("grantType") == "refresh_token":
            family = self.ledger.spend(fields.get("refreshToken", ""), rotates=True)
            return self.refused_refresh() if family is None else self.grant(family)
        return self._poll(asked, fields.get("deviceCode", ""))

    def social_exchange(self, asked: Asked) -> Said:
        """The desktop service behind a social login: code and verifier, no client."""
        fields = asked.fields
        grant = self.ledger.grants.get(fields.get("code", ""))
        if grant is None or grant.spent or challenge_of(fields.get("code_verifier", "")) != grant.challenge:
            return Said(401, {"message": "Bad credentials"})
        grant.spent = True
        return self.grant(self.ledger.family(grant.person, "", "", kind="social"))

    def social_refresh(self, asked: Asked) -> Said:
        family = self.ledger.spend(asked.fields.get("refreshToken", ""), rotates=True)
        return Said(401, {"message": "Invalid refresh token"}) if family is None else self.grant(family)

    # --- answers -----------------------------------------------------------------------------------------------------

    def grant(self, family: Family) -> Said:
        """New tokens of a family, in this provider's words."""
        ledger, dialect, person = self.ledger, self.dialect, family.person
        lifetime = self.lifetime
        if dialect.provider == "codex":
            access = ledger.access(family, lifetime, ledger.jwt(**claims_of(ledger, person, lifetime), jti=secrets.token_hex(8)))
        else:
            access = ledger.access(family, lifetime)
        if dialect.provider == "github":
            return Said(200, {"access_token": access, "token_type": "bearer", "scope": family.scope})
        first = not family.refresh
        refresh = ledger.rotate(family) if first or dialect.rotates else None
        if dialect.style == "aws":
            extra = {"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/SOCIAL"} if family.kind == "social" else {}
            return Said(
                200,
                {"accessToken": access, "refreshToken": refresh, "expiresIn": int(lifetime), "tokenType": "Bearer", **extra},
            )
        if dialect.style == "cline":
            return Said(200, {"success": True, "data": self._cline_tokens(family, access, refresh or "")})
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": int(lifetime)}
        if refresh is not None:
            answer["refresh_token"] = refresh
        answer |= self._own_words(family)
        return Said(200, answer)

    def _own_words(self, family: Family) -> dict[str, Any]:
        person = family.person
        match self.dialect.provider:
            case "claude":
                return {
                    "scope": family.scope,
                    "account": {"uuid": person.account_id, "email_address": person.email},
                    "organization": {"uuid": person.organization, "name": "Home"},
                }
            case "codex":
                return {"id_token": self.ledger.jwt(**claims_of(self.ledger, person, 3600)), "scope": family.scope}
            case "qwen":
                return {"resource_url": "portal.qwen.ai", "status": "success", "scope": family.scope}
            case "gemini-cli" | "antigravity":
                return {"scope": family.scope, "id_token": self.ledger.jwt(**claims_of(self.ledger, person, 3600))}
            case _:
                return {"scope": family.scope}

    def _cline_tokens(self, family: Family, access: str, refresh: str) -> dict[str, Any]:
        expires = datetime.fromtimestamp(self.ledger.now() + self.lifetime, UTC).isoformat().replace("+00:00", "Z")
        who = {"email": family.person.email, "name": family.person.name, "clineUserId": family.person.user_id}
        return {"accessToken": access, "refreshToken": refresh, "tokenType": "Bearer", "expiresAt": expires, "userInfo": who}

    def _cline_code(self) -> str:
        """A code that is the tokens themselves: base64 of JSON, without its padding and with bytes behind it."""
        family = self.ledger.family(self.person, "", "")
        tokens = self._cline_tokens(family, self.ledger.access(family, self.lifetime), self.ledger.rotate(family))
        text = json.dumps({**tokens, "email": self.person.email}) + "\x00\x01"
        return base64.b64encode(text.encode()).decode().rstrip("=")

    def error(self, word: str, why: str, status: int = 400) -> Said:
        """An error in this provider's words."""
        if self.dialect.style == "aws":
            name = _AWS_ERRORS.get(word, "InternalServerException")
            return Said(status, {"__type": name, "error": word, "error_description": why}, {"x-amzn-errortype": name})
        if self.dialect.style == "cline":
            return Said(status, {"success": False, "error": why})
        return Said(status, {"error": word, "error_description": why})
