"""The secret as a query parameter; ``header`` of the provider's data names it (default ``key``).

Messages and figures never show a URL's query, see ``transport.place``.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.upstream.auth import credential
from omniroute.upstream.call import Headers


class Query:
    name = "query"
    lasting = True

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        secret = credential(account, auth)
        if secret is None:
            return url
        parts = urlsplit(url)
        pair = f"{quote(auth.header or 'key', safe='')}={quote((auth.prefix or '') + secret, safe='')}"
        return urlunsplit(parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair))


SCHEME = Query()
