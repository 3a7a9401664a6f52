"""``Authorization: Bearer SECRET``; ``header`` and ``prefix`` of the provider's data may name others."""

from __future__ import annotations

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.auth import credential
from omniroute.upstream.call import Headers


class Bearer:
    name = "bearer"
    lasting = True

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        secret = credential(account, auth)
        if secret is not None:
            headers.append((auth.header or "authorization", f"{auth.prefix or 'Bearer'} {secret}"))
        return url


SCHEME = Bearer()
