"""How logins are gone about in this installation: the providers' data, with the machine's identity, variables and proxies."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping

from omniroute.catalog.account import Account
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider
from omniroute.core.errors import ConfigError, NotFound
from omniroute.core.ids import Clock
from omniroute.routing.snapshot import Snapshot
from omniroute.upstream.call import Transport
from omniroute.upstream.login.http import Http
from omniroute.upstream.login.way import Machine, Way
from omniroute.upstream.proxies import proxy_for
from omniroute.upstream.transport import origin

_VARIABLE = "OMNIROUTE_LOGIN_{}_URL"


class LoginWays:
    """``identity`` makes the machine's id: whoever has the same has the same installation."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        transport: Callable[[], Transport],
        environ: Mapping[str, str],
        identity: bytes,
        clock: Clock,
    ) -> None:
        self._snapshot = snapshot
        self._transport = transport
        self._environ = environ
        self._clock = clock
        self._machine = this_machine(identity)

    def provider(self, word: str) -> Provider:
        """The provider of that id, prefix or alias, if people sign in there. NotFound."""
        catalogue = self._snapshot().catalogue
        provider = catalogue.by_id(word) or catalogue.by_prefix(word)
        if provider is None:
            raise NotFound(f"There is no provider {word!r}.")
        if provider.oauth is None:
            raise NotFound(f"Nobody signs in at {provider.name}: add an account with a key.")
        return provider

    def providers(self) -> list[Provider]:
        """All that people sign in at, in order of id."""
        return [provider for provider in self._snapshot().catalogue.providers if provider.oauth is not None]

    def data(self, provider_id: str, flow: str) -> OAuth | None:
        """The data of one flow; None where the provider or the flow is gone."""
        provider = self._snapshot().catalogue.by_id(provider_id)
        return None if provider is None or provider.oauth is None else provider.oauth.way(flow)

    def way(self, provider: Provider, oauth: OAuth, account: Account | None = None) -> Way:
        """``account``: whose proxy goes before the provider's. ConfigError when the variable that replaces its servers holds no
        URL."""
        chosen = (account.proxy.reveal() if account is not None and account.proxy is not None else None, provider.proxy)
        settings = self._snapshot().settings
        http = Http(
            provider,
            self._transport,
            lambda url: proxy_for(url, settings.outbound_proxy, self._environ, chosen=chosen),
            self._clock,
            self._elsewhere(provider),
        )
        return Way(provider=provider, oauth=oauth, http=http, machine=self._machine, environ=self._environ, clock=self._clock)

    def _elsewhere(self, provider: Provider) -> str | None:
        name = _VARIABLE.format(provider.id.upper().replace("-", "_"))
        url = self._environ.get(name, "").strip().rstrip("/")
        if not url:
            return None
        try:
            origin(url)
        except ValueError:
            raise ConfigError(f"environment variable {name} does not hold an http(s) URL") from None
        return url


def this_machine(identity: bytes) -> Machine:
    """What is told of this installation, always the same."""
    system = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    return Machine(
        machine_id=hashlib.blake2s(b"machine", key=identity[:32], digest_size=16).hexdigest(),
        device_name=_plain(platform.node()) or "omniroute",
        device_model=_plain(f"{system} {platform.machine()}") or "unknown",
    )


def _plain(text: str) -> str:
    return "".join(char for char in text if " " <= char <= "~").strip()[:64]
