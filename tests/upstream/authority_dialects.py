"""How each provider's authorization server talks, as data: paths, what it insists on, the words of its answers.

Written from what is known of the providers, independently of the product's catalogue: it is the catalogue's oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dialect:
    """One authorization server.

    authorize..register  paths; None = it has none
    redirects            pattern that the redirect URI must match
    redirect_param       its name in the authorize URL
    insists              parameters the authorize URL must carry with that value
    scopes               scopes the authorize URL (or the device request) must ask for
    pkce                 S256 is demanded; device_pkce: in the device request too
    secret               a client secret is demanded; basic: as HTTP Basic as well
    token_media          media type of the token request ("form", "json"), refresh_media of a refresh
    state_in_exchange    the exchange must carry the state too
    lifetime             seconds an access token lives
    lies                 pending, slow_down and the like come with HTTP 200
    paste                a page of the provider that shows the code instead of redirecting
    headers              request headers that every token call must carry
    """

    provider: str
    style: str = "oauth"
    client_id: str | None = None
    authorize: str | None = None
    token: str | None = None
    refresh: str | None = None
    device: str | None = None
    register: str | None = None
    redirects: str = r"http://localhost:\d+/callback"
    redirect_param: str = "redirect_uri"
    insists: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    device_pkce: bool = False
    secret: bool = False
    basic: bool = False
    token_media: str = "form"
    refresh_media: str = "form"
    refresh_needs: tuple[str, ...] = ("grant_type", "refresh_token", "client_id")
    state_in_exchange: bool = False
    rotates: bool = True
    lifetime: int = 3600
    lies: bool = False
    slow_down_status: int = 400
    interval: int | None = 5
    paste: str | None = None
    headers: tuple[str, ...] = ()


_GOOGLE = {"access_type": "offline", "prompt": "consent", "response_type": "code"}
_GOOGLE_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email")

DIALECTS: Mapping[str, Dialect] = {
    dialect.provider: dialect
    for dialect in (
        Dialect(
            provider="claude",
            client_id="9d1c250a-e61b-44d9-88ed-5944d1962f5e",
            authorize="/oauth/authorize",
            token="/v1/oauth/token",
            redirects=r"http://localhost:\d+/callback|https?://[^/]+/oauth/code/callback",
            insists={"code": "true", "response_type": "code"},
            scopes=("user:inference",),
            pkce=True,
            token_media="json",
            refresh_media="json",
            state_in_exchange=True,
            lifetime=28800,
            paste="/oauth/code/callback",
        ),
        Dialect(
            provider="codex",
            client_id="app_EMoamEEZ73f0CkXaXp7hrann",
            authorize="/oauth/authorize",
            token="/oauth/token",
            redirects=r"http://localhost:1455/auth/callback",
            insists={"id_token_add_organizations": "true", "codex_cli_simplified_flow": "true", "response_type": "code"},
            scopes=("openid", "email", "offline_access"),
            pkce=True,
            lifetime=864000,
        ),
        Dialect(
            provider="gemini-cli",
            client_id="681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
            authorize="/o/oauth2/v2/auth",
            token="/token",
            redirects=r"http://(localhost|127\.0\.0\.1):\d+/[A-Za-z0-9/_-]*|https?://[^/]+/authcode",
            insists=_GOOGLE,
            scopes=_GOOGLE_SCOPES,
            secret=True,
            rotates=False,
        ),
        Dialect(
            provider="antigravity",
            client_id="1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
            authorize="/o/oauth2/v2/auth",
            token="/token",
            redirects=r"http://(localhost|127\.0\.0\.1):\d+/[A-Za-z0-9/_-]*",
            insists=_GOOGLE,
            scopes=_GOOGLE_SCOPES,
            secret=True,
            rotates=False,
        ),
        Dialect(
            provider="github",
            client_id="Iv1.b507a08c87ecfe98",
            device="/login/device/code",
            token="/login/oauth/access_token",
            scopes=("read:user",),
            rotates=False,
            lies=True,
        ),
        Dialect(
            provider="qwen",
            client_id="f0304373b74a44d2b584a3fb70ca9e56",
            device="/api/v1/oauth2/device/code",
            token="/api/v1/oauth2/token",
            scopes=("openid", "profile", "email", "model.completion"),
            device_pkce=True,
            lifetime=21600,
            slow_down_status=429,
            interval=None,
        ),
        Dialect(
            provider="iflow",
            client_id="10009311001",
            authorize="/oauth",
            token="/oauth/token",
            redirects=r"http://(localhost|127\.0\.0\.1):\d+/[A-Za-z0-9/_-]*",
            redirect_param="redirect",
            insists={"loginMethod": "phone", "type": "phone"},
            secret=True,
            basic=True,
            lifetime=86400,
        ),
        Dialect(
            provider="kimi-coding",
            client_id="17e5f671-d194-4dfb-9706-5516cb48c098",
            device="/api/oauth/device_authorization",
            token="/api/oauth/token",
            lies=True,
            lifetime=900,
            headers=("x-msh-platform", "x-msh-device-id", "x-msh-device-name", "x-msh-device-model"),
        ),
        Dialect(provider="kilocode", style="kilo", device="/api/device-auth/codes", interval=None),
        Dialect(
            provider="cline",
            style="cline",
            authorize="/api/v1/auth/authorize",
            token="/api/v1/auth/token",
            refresh="/api/v1/auth/refresh",
            insists={"client_type": "extension"},
            token_media="json",
            refresh_media="json",
            refresh_needs=("refreshToken", "grantType", "clientType"),
        ),
        Dialect(
            provider="kiro",
            style="aws",
            register="/client/register",
            device="/device_authorization",
            token="/token",
            authorize="/login",
            redirects=r"kiro://kiro\.kiroAgent/authenticate-success|http://localhost:\d+/[A-Za-z0-9/_-]*",
            scopes=("codewhisperer:completions", "codewhisperer:conversations"),
            pkce=True,
            token_media="json",
            refresh_media="json",
        ),
    )
}
