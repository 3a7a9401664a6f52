"""One way to sign in at one provider, ready to use: its data, whom it is asked as, and how it is asked."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import msgspec

from omniroute.catalog.conduct import PLACEHOLDER
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest
from omniroute.core.ids import Clock
from omniroute.upstream.login import Client, LoginRefused
from omniroute.upstream.login.http import Http
from omniroute.upstream.templates import filled_headers

_VALUE = re.compile(r"[\x21-\x7e]{1,300}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_PART = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*")
_HOST_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MACHINE_FACTS = ("machine_id", "device_name", "device_model")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What providers that ask for it are told of this installation: the same in every call."""

    machine_id: str
    device_name: str
    device_model: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """``environ`` may name another client id and holds the client secret."""

    provider: Provider
    oauth: OAuth
    http: Http
    machine: Machine
    environ: Mapping[str, str]
    clock: Clock

    def __repr__(self) -> str:
        return f"Way({self.provider.id!r}, {self.oauth.flow!r})"

    def missing_env(self) -> tuple[str, ...]:
        """Variables that must be set before this way can be gone."""
        name = self.oauth.client_secret_env
        return (name,) if name is not None and not self.environ.get(name, "").strip() else ()

    def client(self, own: Client | None = None) -> Client | None:
        """Who asks: the login's own registration, or the provider's public client; None where there is none.

        LoginRefused naming the variable when its secret is needed and missing.
        """
        if own is not None:
            return own
        if self.oauth.client_id is None:
            return None
        if self.missing_env():
            raise LoginRefused(
                f"{self.provider.name} needs a client secret: set the environment variable {self.oauth.client_secret_env} "
                "of the server and start it again",
                final=False,
            )
        chosen = self.environ.get(self.oauth.client_id_env or "", "").strip()
        secret = self.environ.get(self.oauth.client_secret_env or "", "").strip()
        return Client(id=chosen or self.oauth.client_id, secret=secret or None)

    def basic(self, client: Client | None) -> dict[str, str]:
        """The Authorization header of the token endpoint, where it is wanted there."""
        if client is None or client.secret is None or self.oauth.client_auth != "basic":
            return {}
        return {"authorization": "Basic " + base64.b64encode(f"{client.id}:{client.secret}".encode()).decode()}

    def chosen(self, options: Mapping[str, str]) -> dict[str, str]:
        """``options`` over the defaults. BadRequest for one that does not exist or cannot be meant."""
        for name, text in options.items():
            if name not in self.oauth.options:
                raise BadRequest(f"{self.provider.name} has no login option {name!r}", param=name)
            if not _VALUE.fullmatch(text):
                raise BadRequest(f"{text!r} is not a value for {name}", param=name)
            if name.endswith("_url") and not text.startswith("https://"):
                raise BadRequest(f"{name} must begin with https://", param=name)
            if name == "region" and not _HOST_LABEL.fullmatch(text):
                raise BadRequest(f"{text!r} is not a region", param=name)
        return {**self.oauth.defaults, **options}

    def kept(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Of what was chosen, what the login must remember."""
        return {name: chosen[name] for name in (*self.oauth.options, "region") if chosen.get(name)}

    def machine_facts(self) -> dict[str, str]:
        """Those of this machine that the provider's headers mention: a login keeps them, so that all its calls agree."""
        templates = " ".join((*self.oauth.headers.values(), *self.provider.auth.headers.values()))
        asked = set(PLACEHOLDER.findall(templates))
        return {name: getattr(self.machine, name) for name in _MACHINE_FACTS if name in asked}

    def headers(self, facts: Mapping[str, str]) -> dict[str, str]:
        """The provider's headers for its authorization server."""
        return filled_headers(self.oauth.headers, {**msgspec.structs.asdict(self.machine), **facts}.get)


def fill(template: str, values: Mapping[str, str]) -> str:
    """``template`` with its placeholders replaced; LoginRefused names one that has no value, or one that would lead a URL to
    another host: values come from imported files, too."""
    host_ends = _HOST_PART.match(template)

    def value(match: re.Match[str]) -> str:
        text = values.get(match[1])
        if not text:
            raise LoginRefused(f"the login needs {match[1]!r}, which is not known")
        if host_ends is not None and match.end() <= host_ends.end() and not _HOST_VALUE.fullmatch(text):
            raise LoginRefused(f"{match[1]} = {text[:60]!r} cannot stand in a host name")
        return text

    return PLACEHOLDER.sub(value, template)
