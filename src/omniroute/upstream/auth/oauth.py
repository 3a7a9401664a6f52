"""The access token of a login as a bearer, with what the login's facts add to the head. An API key may stand in its place."""

from __future__ import annotations

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.auth import credential
from omniroute.upstream.call import Headers
from omniroute.upstream.templates import filled_headers


class OAuth:
    name = "oauth"
    lasting = True  # a renewed login is another account record

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        secret = credential(account, auth)
        if secret is None:
            return url
        token = f"{auth.token_prefix}{secret}" if auth.token_prefix and account.login is not None else secret
        prefix = auth.prefix or ("Bearer" if auth.header is None else "")
        headers.append((auth.header or "authorization", f"{prefix} {token}" if prefix else token))
        if account.login is not None:
            _add(headers, auth.headers, account.login.facts)
        return url


def _add(headers: Headers, templates: dict[str, str], facts: dict[str, str]) -> None:
    """Set each header whose facts are all known; what the provider's data or the client said there before goes."""
    said = filled_headers(templates, facts.get)
    if said:
        headers[:] = [(name, text) for name, text in headers if name not in said]
        headers.extend(said.items())


SCHEME = OAuth()
