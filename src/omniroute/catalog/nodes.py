"""Nodes: endpoints the operator added. A NodeSpec says what one is, :func:`node_provider` makes it a provider like any other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from omniroute.catalog.account import NO_LIMITS, AccountLimits
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.files import QuirksTable
from omniroute.catalog.schema import Auth, Model, Provider, Tier, Timeouts, TransportName
from omniroute.catalog.tables import Complain, complain, decode_table
from omniroute.core.errors import ConfigError
from omniroute.core.proxy_url import checked_proxy
from omniroute.core.settings import suggestion

ANY_MODEL = "*"
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class NodeFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What follows a node's base URL in one format. ``version`` stands before each path unless the base URL ends in it."""

    chat: str
    auth: Auth
    chat_stream: str | None = None
    count_tokens: str | None = None
    models: str
    version: str = ""


_BEARER = Auth(scheme="bearer")
_FORMATS: Mapping[str, NodeFormat] = {
    "openai_chat": NodeFormat(chat="/chat/completions", models="/models", auth=_BEARER),
    "anthropic": NodeFormat(
        chat="/messages",
        count_tokens="/messages/count_tokens",
        models="/models",
        version="/v1",
        auth=Auth(scheme="header", header="x-api-key"),
    ),
    "openai_responses": NodeFormat(chat="/responses", models="/models", auth=_BEARER),
    "gemini": NodeFormat(
        chat="/models/{model}:generateContent",
        chat_stream="/models/{model}:streamGenerateContent?alt=sse",
        count_tokens="/models/{model}:countTokens",
        models="/models",
        auth=Auth(scheme="header", header="x-goog-api-key"),
    ),
    "ollama": NodeFormat(chat="/api/chat", models="/api/tags", auth=_BEARER),
}


class AccountSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account as written in the config file. ``api_key`` is a secret reference (``env:NAME``, ``file:PATH``, …); ``models``:
    ids (``*`` at the end stands for anything) it may be used for; ``proxy``: the outbound proxy of its calls, itself or
    a reference."""

    name: str | None = None
    api_key: str | None = None
    priority: int = 1
    enabled: bool = True
    url_vars: dict[str, str] = {}
    tier: Tier | None = None
    models: tuple[str, ...] = ()
    limits: AccountLimits = NO_LIMITS
    proxy: str | None = None

    def __repr__(self) -> str:
        return f"AccountSpec(name={self.name!r})"


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node. ``models``: ids it lists; ``*`` (or none) accepts any id. ``auth`` overrides how the format usually signs.

    ``resilience`` off: no retries, cooldowns, breakers or limits. ``private``: loopback and private addresses are allowed.
    ``proxy``: outbound proxy URL, or ``direct``. ``transport``: see ``Provider``.
    """

    prefix: str
    format: str
    base_url: str
    name: str = ""
    api_key: str | None = None
    accounts: tuple[AccountSpec, ...] = ()
    models: tuple[str, ...] = (ANY_MODEL,)
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    tier: Tier = "api_key"
    resilience: bool | Literal["on", "off"] = True
    proxy: str | None = None
    transport: TransportName = "standard"
    private: bool = True
    auth: Literal["bearer", "x-api-key"] | None = None
    strategy: str | None = None
    options: dict[str, Any] = {}
    quirks: QuirksTable = QuirksTable()

    def __repr__(self) -> str:
        return f"NodeSpec(prefix={self.prefix!r}, format={self.format!r}, base_url={self.base_url!r})"


def parse_node(
    prefix: str, table: Mapping[str, Any], formats: Collection[str], catalogue: Catalogue | None, error: Complain = complain
) -> NodeSpec:
    """The node that ``table`` (its fields without the prefix) describes. ``formats`` are those this build can speak.

    A new node's prefix must be free in ``catalogue``; a stored one (None) was there first and keeps it, see ``Catalogue.merge``.
    ConfigError, made by ``error(sentence, *path)``, about the first thing that is wrong.
    """
    if "prefix" in table:
        raise error("unknown key 'prefix': the prefix is the name of the table", "prefix")
    spec = decode_table(NodeSpec, {**table, "prefix": prefix}, error)
    check_prefix(prefix, catalogue, error)
    _check_format(spec.format, formats, error)
    ending = re.sub(r"\{.*", "", _FORMATS[spec.format].chat)
    base_url = check_base_url(spec.base_url, error, ending)
    check_headers(spec.headers, error)
    check_timeouts(spec.timeouts, error)
    proxy = check_proxy(spec.proxy, error)
    if spec.api_key is not None and spec.accounts:
        raise error("api_key and accounts exclude each other", "accounts")
    return msgspec.structs.replace(spec, base_url=base_url, proxy=proxy)


def node_provider(spec: NodeSpec, origin: Literal["database", "file"]) -> Provider:
    """The provider record of a checked node; its id is its prefix."""
    shape = _FORMATS[spec.format]
    version = "" if spec.base_url.endswith(shape.version) else shape.version
    paths = {
        name: version + path
        for name in ("chat", "chat_stream", "count_tokens", "models")
        if (path := getattr(shape, name)) is not None
    }
    auth = shape.auth
    if spec.auth is not None:
        auth = _BEARER if spec.auth == "bearer" else Auth(scheme="header", header=spec.auth)
    return Provider(
        id=spec.prefix,
        prefix=spec.prefix,
        name=spec.name or spec.prefix,
        format=spec.format,
        base_url=spec.base_url,
        auth=msgspec.structs.replace(auth, optional=True),
        tier=spec.tier,
        paths=paths,
        headers=spec.headers,
        passthrough_models=not spec.models or ANY_MODEL in spec.models,
        quirks=spec.quirks.record(),
        timeouts=spec.timeouts,
        models=listed_models(spec.models),
        origin=origin,
        private=spec.private,
        resilience=spec.resilience not in (False, "off"),
        proxy=spec.proxy,
        transport=spec.transport,
        strategy=spec.strategy,
        options=spec.options,
    )


def listed_models(names: Collection[str]) -> tuple[Model, ...]:
    """Records of the named ids, each once; ``*`` lists nothing."""
    return tuple(Model(id=name, name=name) for name in dict.fromkeys(names) if name != ANY_MODEL)


def check_prefix(prefix: str, catalogue: Catalogue | None, error: Complain = complain) -> None:
    """ConfigError when ``prefix`` cannot stand before the slash of a model id, or a provider of the catalogue has it."""
    if not _PREFIX.fullmatch(prefix):
        raise error(
            f"the prefix {prefix!r} must have 1 to 32 lower-case letters, digits, dots, dashes or underscores "
            "and begin with a letter or digit"
        )
    other = catalogue.by_prefix(prefix) if catalogue is not None else None
    if other is not None and other.origin == "catalogue":
        raise error(f"the prefix {prefix!r} already belongs to {other.name} ({other.id}); choose another")


def check_base_url(url: str, error: Complain = complain, ending: str | None = None) -> str:
    """``url`` without a trailing slash. ``ending`` is the path that is added later and must not stand there already."""
    shown = repr(url) if "@" not in url else "it"  # what stands before an @ may be a password
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as wrong:
        raise error(f"base_url: {shown} is not a URL: {wrong}", "base_url") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", url):
        raise error(f"base_url: {shown} must be an http:// or https:// URL", "base_url")
    if parts.username is not None or parts.password is not None:
        raise error("base_url: must not hold a user name or password; use api_key or headers", "base_url")
    if parts.query or parts.fragment:
        raise error("base_url: must not have a query or fragment", "base_url")
    url = url.rstrip("/")
    if ending is not None and url.endswith(ending):
        raise error(f"base_url: leave {ending} off, it is added to the base URL", "base_url")
    return url


def check_headers(headers: Mapping[str, str], error: Complain = complain) -> None:
    """ConfigError about a header that could not be sent."""
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise error(f"headers: {name!r} is not a header name", "headers", name)
        if not value.isprintable() or not value.isascii():
            raise error(f"headers.{name}: must be printable ASCII text", "headers", name)


def check_timeouts(timeouts: Timeouts, error: Complain = complain) -> None:
    """ConfigError about a time that is not positive."""
    for name in timeouts.__struct_fields__:
        seconds = getattr(timeouts, name)
        if seconds is not None and not 0 < seconds < float("inf"):
            raise error(f"timeouts.{name}: {seconds:g} is not a positive number of seconds", "timeouts", name)


def check_proxy(proxy: str | None, error: Complain = complain) -> str | None:
    """The outbound proxy in its one form. ConfigError when it is none."""
    if proxy is None:
        return None
    try:
        return checked_proxy(proxy, "proxy")
    except ConfigError as wrong:
        raise error(wrong.message, "proxy") from None


def _check_format(name: str, formats: Collection[str], error: Complain) -> None:
    usable = [word for word in _FORMATS if word in formats]
    if name in usable:
        return
    if name in _FORMATS:
        raise error(f"format: {name!r} is not supported yet; use {' or '.join(usable)}", "format")
    raise error(f"format: {name!r} is not one of {', '.join(usable)}{suggestion(name, usable)}", "format")
