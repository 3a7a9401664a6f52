"""From (provider, account, body) to a Call: the address, the headers and the signature, for every provider alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from omniroute import __version__
from omniroute._fast.envelope import scan
from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth, Provider
from omniroute.core import json
from omniroute.core.errors import BadRequest, Fault, Scope, Verdict
from omniroute.core.redact import SECRET_HEADERS
from omniroute.core.settings import Settings
from omniroute.upstream import auth
from omniroute.upstream.call import Call, Headers, Timers
from omniroute.upstream.per_call import Asked, add_per_call, merged_list
from omniroute.upstream.proxies import proxy_for
from omniroute.upstream.transport import origin

USER_AGENT = f"omniroute/{__version__}"
# Ours to say, whatever the client sent: credentials, framing, and what depends on the body we built.
_NEVER_FROM_CLIENT = SECRET_HEADERS | {
    "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "accept", "accept-encoding",
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect", "forwarded", "via",
}  # fmt: skip
_FRAMING = frozenset({"content-type", "accept-encoding"})
_WAYS = 4096
_VARIANTS = 32
_LATER = "the id of each call"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_HOST_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def prepare(
    provider: Provider,
    account: Account,
    body: bytes,
    *,
    model: str,
    path: str = "chat",
    stream: bool,
    timers: Timers,
    client_headers: Iterable[tuple[str, str]] = (),
    default_headers: Mapping[str, str] | None = None,
    proxy: str | None,
    request_id: str,
    asked: Asked | None = None,
) -> Call:
    """The call that asks ``provider`` with ``account``'s credential; GET when there is no body.

    ``model`` is the upstream's own id. ``path`` is a key of ``provider.paths``: ``chat`` and ``chat_<format>`` of a stream take
    the path with ``_stream`` behind it where there is one. ``client_headers`` are those the format lets through, ``asked`` is the
    request behind it. Raises Fault
    (a URL that cannot be built, a missing credential) and BadRequest (a model id that would leave its place in the URL).
    """
    url, signing = _address(provider, account, model, path, stream)
    call = _assemble(
        provider, account, _with_facts(body, _spliced(account, signing)), url, signing, stream, timers, client_headers,
        default_headers or {}, proxy, request_id,
    )  # fmt: skip
    return _with_own_words(call, provider, account, asked)


def _with_own_words(call: Call, provider: Provider, account: Account, asked: Asked | None) -> Call:
    """What the provider wants to hear of each single call."""
    if provider.per_call is None:
        return call
    body = add_per_call(provider.per_call, account, call.headers, call.body, asked)
    return call if body is call.body else msgspec.structs.replace(call, body=body)


def _spliced(account: Account, signing: Auth) -> dict[str, bytes | None]:
    """What the account's login says in every request body, as raw JSON by top-level field."""
    facts = account.login.facts if account.login is not None else {}
    return {field: json.dumps(facts[fact]) for field, fact in signing.body.items() if facts.get(fact)}


def _with_facts(body: bytes, spliced: dict[str, bytes | None]) -> bytes:
    return scan(body).splice(spliced) if spliced and body else body


def _address(provider: Provider, account: Account, model: str, path: str, stream: bool) -> tuple[str, Auth]:
    if stream and f"{path}_stream" in provider.paths:
        path = f"{path}_stream"
    url = _url(provider, account, model, path)
    signing = provider.auth_for(path.removeprefix("chat_").removesuffix("_stream"))
    if not auth.usable(signing):
        raise _misconfigured(provider, f"its way of signing calls ({signing.scheme}) is not supported yet")
    return url, signing


def _assemble(
    provider: Provider,
    account: Account,
    body: bytes,
    url: str,
    signing: Auth,
    stream: bool,
    timers: Timers,
    client_headers: Iterable[tuple[str, str]],
    default_headers: Mapping[str, str],
    proxy: str | None,
    request_id: str,
) -> Call:
    headers = _headers(provider, signing, client_headers, default_headers, body=bool(body), stream=stream, request_id=request_id)
    url = auth.registry()[signing.scheme].sign(headers, url, account, signing)
    return Call(
        method="POST" if body else "GET",
        url=url,
        headers=headers,
        body=body,
        timers=timers,
        private=provider.private,
        proxy=proxy,
    )


def timers_for(provider: Provider, settings: Settings) -> Timers:
    """The provider's own timeouts where it has any, the settings otherwise."""
    own = provider.timeouts
    return Timers(
        connect=own.connect if own.connect is not None else settings.connect_timeout,
        first_byte=own.first_token if own.first_token is not None else settings.first_token_timeout,
        between=own.between_tokens if own.between_tokens is not None else settings.between_tokens_timeout,
        total=own.total if own.total is not None else settings.total_timeout,
    )


class _Head(NamedTuple):
    """A signed head: its address, its headers, and where in them the request id goes (-1: nowhere)."""

    url: str
    headers: Headers
    id_at: int

    def __repr__(self) -> str:
        return "<a signed head>"  # it holds the secret


class _Way(msgspec.Struct, frozen=True):
    """What does not change from call to call: whose it was, where it goes, how it is signed, what bounds it. ``heads``: by what
    the client and the format add to them, and whether there is a body. ``spliced``: what the login adds to each body."""

    provider: Provider
    account: Account
    settings: Settings
    url: str
    signing: Auth
    timers: Timers
    proxy: str | None
    lasting: bool
    heads: dict[tuple[object, ...], _Head]
    spliced: dict[str, bytes | None]


class Executor:
    """:func:`prepare` for one process: remembers, for each model of an account, what does not change from call to call.

    A remembered way counts only while provider, account and settings are the very records it was made of. ``environ`` names
    outbound proxies (see ``proxies.proxy_for``).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._ways: dict[tuple[str, str, str, str, bool], _Way] = {}

    def proxy(self, url: str, settings: Settings) -> str | None:
        """The outbound proxy of a call that no provider is asked by."""
        return proxy_for(url, settings.outbound_proxy, self._environ)

    def prepare(
        self,
        provider: Provider,
        account: Account,
        body: bytes,
        settings: Settings,
        *,
        model: str,
        path: str = "chat",
        stream: bool,
        client_headers: Iterable[tuple[str, str]] = (),
        default_headers: Mapping[str, str] | None = None,
        request_id: str,
        timers: Timers | None = None,
        proxy: str | None = None,
        asked: Asked | None = None,
    ) -> Call:
        """See :func:`prepare`; timers follow from ``settings``, ``timers`` overrides them. ``proxy`` is the choice of the
        client's key or a combo; without it the account's counts, the provider's, the settings', the environment's. ``direct`` is
        none."""
        key = (provider.id, account.id, model, path, stream)
        way = self._ways.get(key)
        if way is None or way.provider is not provider or way.account is not account or way.settings is not settings:
            url, signing = _address(provider, account, model, path, stream)
            chosen = (None if account.proxy is None else account.proxy.reveal(), provider.proxy)
            away = proxy_for(url, settings.outbound_proxy, self._environ, chosen=chosen)
            if len(self._ways) >= _WAYS:
                self._ways.clear()
            lasting = auth.registry()[signing.scheme].lasting
            own = timers_for(provider, settings)
            way = self._ways[key] = _Way(
                provider, account, settings, url, signing, own, away, lasting, {}, _spliced(account, signing)
            )
        given = tuple(client_headers)
        away = way.proxy if proxy is None else proxy_for(way.url, proxy, self._environ)
        if way.spliced:
            body = _with_facts(body, way.spliced)
        if not way.lasting:
            call = _assemble(
                provider, account, body, way.url, way.signing, stream, timers or way.timers, given, default_headers or {},
                away, request_id,
            )  # fmt: skip
            return _with_own_words(call, provider, account, asked)
        head = _head(way, given, default_headers or {}, body=bool(body), stream=stream)
        headers = head.headers.copy()
        if head.id_at >= 0:
            headers[head.id_at] = ("x-request-id", request_id)
        call = Call(
            method="POST" if body else "GET",
            url=head.url,
            headers=headers,
            body=body,
            timers=timers or way.timers,
            private=provider.private,
            proxy=away,
        )
        return call if provider.per_call is None else _with_own_words(call, provider, account, asked)

    def repeats(self, provider: Provider, format_name: str) -> bool:
        """Calls to the provider in that format differ in their body and id only, as far as an account's secret lasts."""
        signing = provider.auth_for(format_name)
        return provider.per_call is None and auth.usable(signing) and auth.registry()[signing.scheme].lasting

    def forward(
        self,
        provider: Provider,
        account: Account,
        body: bytes,
        settings: Settings,
        *,
        model: str,
        path: str,
        stream: bool,
        headers: Iterable[tuple[str, str]],
        timers: Timers | None = None,
    ) -> Call:
        """A call that carries ``headers`` and ``body`` as they are, signed by nobody here: address, timers and outbound proxy are
        those of any other call. Nothing of it is remembered. Raises Fault when the URL cannot be built."""
        url = _url(provider, account, model, path)
        framing = [("content-type", "application/json"), ("accept-encoding", "identity" if stream else "gzip, deflate")]
        return Call(
            method="POST",
            url=url,
            headers=[*framing, *((name, text) for name, text in headers if name not in _FRAMING)],
            body=body,
            timers=timers or timers_for(provider, settings),
            private=provider.private,
            proxy=proxy_for(url, settings.outbound_proxy, self._environ, chosen=(None, provider.proxy)),
        )


def _head(way: _Way, given: tuple[tuple[str, str], ...], defaults: Mapping[str, str], *, body: bool, stream: bool) -> _Head:
    """The signed head, made once for all calls that differ in body and id only."""
    key = (given, tuple(defaults.items()) if defaults else (), body)
    head = way.heads.get(key)
    if head is None:
        headers = _headers(way.provider, way.signing, given, defaults, body=body, stream=stream, request_id=_LATER)
        url = auth.registry()[way.signing.scheme].sign(headers, way.url, way.account, way.signing)
        id_at = next((at for at, (_, text) in enumerate(headers) if text is _LATER), -1)
        if len(way.heads) >= _VARIANTS:
            way.heads.clear()
        head = way.heads[key] = _Head(url, headers, id_at)
    return head


def _url(provider: Provider, account: Account, model: str, path: str) -> str:
    template = provider.paths.get(path)
    if template is None:
        raise _misconfigured(provider, f"no path for {path!r} is known")
    base = urlsplit(_fill(provider.base_url, provider, account, model))
    home = _origin(provider, base.geturl())
    if template.startswith(("http://", "https://")):
        url = _fill(template, provider, account, model)
        if _origin(provider, url) != home and provider.origin != "catalogue":
            raise _misconfigured(
                provider, f"its path {path!r} leads to another server than its base URL; its key is not sent there"
            )
        return url
    route, _, query = _fill(template, provider, account, model).partition("?")
    joined = base.path.rstrip("/") + ("" if route.startswith("/") else "/") + route
    return urlunsplit(base._replace(path=joined, query="&".join(part for part in (base.query, query) if part), fragment=""))


def _fill(template: str, provider: Provider, account: Account, model: str) -> str:
    """``template`` with its placeholders replaced: host parts must be host names, everything else is percent-encoded."""
    host_end = len(template)
    if "://" in template:
        start = template.index("://") + 3
        host_end = next((i for i in range(start, len(template)) if template[i] in "/?#"), len(template))
    query_start = template.find("?")
    facts = account.login.facts if account.login is not None else {}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        text = model if name == "model" else facts.get(name) or account.url_vars.get(name) or provider.url_defaults.get(name)
        if not text:
            raise _misconfigured(
                provider,
                f"its URL needs {name!r}, which the account {account.name!r} does not set; give --var {name}=VALUE when adding "
                "the account, or url_vars in the config file",
                scope=Scope.ACCOUNT,
            )
        if "://" in template and match.start() < host_end:
            if not _HOST_VALUE.fullmatch(text):
                raise _misconfigured(provider, f"{name} = {text!r} cannot stand in a host name", scope=Scope.ACCOUNT)
            return text
        if name != "model":
            return quote(text, safe="")
        if any(segment in (".", "..") for segment in text.split("/")):
            raise BadRequest(f"{text!r} is not a model id", param="model")
        return quote(text, safe="" if 0 <= query_start < match.start() else "/")

    return _PLACEHOLDER.sub(value, template)


def _origin(provider: Provider, url: str) -> tuple[str, str, int]:
    if provider.wire != "http":
        parts = urlsplit(url)
        return parts.scheme, parts.netloc, 0
    try:
        return origin(url)
    except ValueError:
        raise _misconfigured(provider, "its base URL is not an http(s) URL") from None


def _headers(
    provider: Provider,
    signing: Auth,
    client: Iterable[tuple[str, str]],
    defaults: Mapping[str, str],
    *,
    body: bool,
    stream: bool,
    request_id: str,
) -> Headers:
    """Ours, overridden by the format's, by the provider's, by the client's; names in lower case, the signature not yet in."""
    chosen: dict[str, list[str]] = {
        "accept": ["text/event-stream" if stream else "application/json"],
        "accept-encoding": ["identity" if stream else "gzip, deflate"],  # compressors hold back the events of a stream
        "user-agent": [USER_AGENT],
        "x-request-id": [request_id],
    }
    if body:
        chosen["content-type"] = ["application/json"]
    for source in (defaults, provider.headers):
        for name, text in source.items():
            chosen[name.lower()] = [text]
    forwarded: dict[str, list[str]] = {}
    refused = {(signing.header or "authorization").lower()} | _NEVER_FROM_CLIENT
    for name, text in client:
        if name.lower() not in refused:
            forwarded.setdefault(name.lower(), []).append(text)
    for name in provider.per_call.merge if provider.per_call is not None else ():
        if name in forwarded and name in chosen:
            forwarded[name] = [merged_list(chosen[name][0], forwarded[name])]
    chosen |= forwarded
    return [(name, text) for name, texts in chosen.items() for text in texts]


def _misconfigured(provider: Provider, what: str, scope: Scope = Scope.PROVIDER) -> Fault:
    return Fault(
        f"provider {provider.id!r}: {what}",
        kind="misconfiguration",
        error_code="misconfigured",
        scope=scope,
        verdict=Verdict.NEXT_ACCOUNT if scope is Scope.ACCOUNT else Verdict.NEXT_TARGET,
    )
