"""No credential at all: local servers and the built-in provider."""

from __future__ import annotations

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.call import Headers


class Nothing:
    name = "none"
    lasting = True

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        return url


SCHEME = Nothing()
