"""The secret in a header of its own: alone (``x-api-key: SECRET``), or behind a word (``Authorization: Token SECRET``)."""

from __future__ import annotations

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.auth import credential
from omniroute.upstream.call import Headers


class Header:
    name = "header"
    lasting = True

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        secret = credential(account, auth)
        if secret is not None:
            headers.append((auth.header or "x-api-key", f"{auth.prefix} {secret}" if auth.prefix else secret))
        return url


SCHEME = Header()
