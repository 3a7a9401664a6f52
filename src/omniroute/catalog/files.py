"""The strict shapes of provider.toml, models.toml and error_profiles.toml, and how they become records.

The files are written for people (a model is one short table); the records are made for look-ups. An unknown field, a wrong type
or a word outside a closed vocabulary is a ConfigError naming the file and the field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from omniroute.catalog.schema import (
    Auth,
    ErrorRule,
    Family,
    FaultRule,
    Kind,
    LongContext,
    Model,
    OAuth,
    OwnCredentials,
    PerCall,
    Provider,
    Quota,
    Status,
    Tier,
    Timeouts,
)
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Capabilities, Limits, Price, Quirks

T = TypeVar("T")


class QuirksTable(Quirks, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quirk vocabulary as written in a file: a word outside it is refused."""

    def record(self) -> Quirks:
        return self.over(Quirks())


class FamilyTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quirks by pattern of the upstream model id."""

    match: tuple[str, ...]
    quirks: QuirksTable


class UrlVar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``{placeholder}`` of the provider's URLs: the environment variable it is known by, its default, what it is."""

    env: str | None = None
    default: str | None = None
    help: str | None = None


class Supports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model can do; a field left out is not known."""

    tools: bool | None = None
    vision: bool | None = None
    reasoning: bool | None = None


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD: the first seven per million tokens, the ``per_…`` ones per that unit."""

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    input_image: float | None = None
    output_image: float | None = None
    output_audio: float | None = None
    per_image_1024: float | None = None
    per_minute: float | None = None
    per_hour: float | None = None
    per_1m_chars: float | None = None
    per_1k_searches: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"price {name} is negative")

    def units(self) -> dict[str, float]:
        names = self.__struct_fields__[4:]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class ModelTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[models]]`` table. ``alias_of`` is the id the upstream knows the model by."""

    id: str
    name: str = ""
    kind: Kind = "chat"
    context: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    supports: Supports = Supports()
    price: PriceTable = PriceTable()
    price_basis: Literal["list", "equivalent", "unknown"] = "unknown"
    long_context: LongContext | None = None
    quirks: QuirksTable = QuirksTable()
    format: str | None = None
    formats: tuple[str, ...] = ()
    alias_of: str | None = None
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    dimensions: int | None = None
    sizes: tuple[str, ...] = ()
    status: Literal["deprecated", "beta", "gone"] | None = None
    note: str | None = None

    def record(self) -> Model:
        given, can = self.price, self.supports
        return Model(
            id=self.id,
            name=self.name or self.id,
            kind=self.kind,
            limits=Limits(context=self.context, max_input=self.max_input, max_output=self.max_output),
            capabilities=Capabilities(tools=can.tools, vision=can.vision, reasoning=can.reasoning),
            price=Price(
                input=given.input,
                output=given.output,
                cached=given.cached,
                cache_write=given.cache_write,
                basis=self.price_basis,
            ),
            units=given.units(),
            long_context=self.long_context,
            quirks=self.quirks.record(),
            format=self.format,
            formats=self.formats,
            upstream_id=self.alias_of,
            effort=self.effort,
            dimensions=self.dimensions,
            sizes=self.sizes,
            status=self.status,
            note=self.note,
        )


class ModelsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """models.toml"""

    models: tuple[ModelTable, ...] = ()


class ProviderFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """provider.toml. Fields are those of :class:`Provider`; ``url_vars`` is a table with the details of each placeholder."""

    id: str
    name: str
    prefix: str
    format: str
    tier: Tier
    base_url: str
    auth: Auth
    auth_by_format: dict[str, Auth] = {}
    aliases: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ("chat",)
    wire: str = "http"
    status: Status = "active"
    website: str | None = None
    base_url_fallbacks: tuple[str, ...] = ()
    base_url_alternatives: dict[str, str] = {}
    paths: dict[str, str] = {}
    headers: dict[str, str] = {}
    env_keys: tuple[str, ...] = ()
    url_vars: dict[str, UrlVar] = {}
    passthrough_models: bool = False
    private: bool = False
    quirks: QuirksTable = QuirksTable()
    families: tuple[FamilyTable, ...] = ()
    timeouts: Timeouts = Timeouts()
    quota: Quota | None = None
    errors: tuple[ErrorRule, ...] = ()
    error_profiles: tuple[str, ...] = ()
    error_rules: tuple[FaultRule, ...] = ()
    oauth: OAuth | None = None
    terms: str | None = None
    login_quirks: QuirksTable | None = None
    per_call: PerCall | None = None
    own_credentials: OwnCredentials | None = None
    notes: tuple[str, ...] = ()

    def record(self, models: ModelsFile) -> Provider:
        return Provider(
            id=self.id,
            prefix=self.prefix,
            name=self.name,
            format=self.format,
            base_url=self.base_url,
            auth=self.auth,
            auth_by_format=self.auth_by_format,
            aliases=self.aliases,
            tier=self.tier,
            kinds=self.kinds,
            wire=self.wire,
            status=self.status,
            website=self.website,
            base_url_fallbacks=self.base_url_fallbacks,
            base_url_alternatives=self.base_url_alternatives,
            paths=self.paths,
            headers=self.headers,
            env_keys=self.env_keys,
            url_vars=tuple(self.url_vars),
            url_env={name: var.env for name, var in self.url_vars.items() if var.env is not None},
            url_defaults={name: var.default for name, var in self.url_vars.items() if var.default is not None},
            passthrough_models=self.passthrough_models,
            quirks=self.quirks.record(),
            families=tuple(Family(match=f.match, quirks=f.quirks.record()) for f in self.families),
            timeouts=self.timeouts,
            models=tuple(model.record() for model in models.models),
            quota=self.quota,
            errors=self.errors,
            error_profiles=self.error_profiles,
            error_rules=self.error_rules,
            private=self.private,
            oauth=self.oauth,
            terms=self.terms,
            login_quirks=self.login_quirks.record() if self.login_quirks is not None else None,
            per_call=self.per_call,
            own_credentials=self.own_credentials,
            notes=self.notes,
        )


class ErrorProfilesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """error_profiles.toml: name → rules, tried in order."""

    profiles: dict[str, tuple[ErrorRule, ...]]


def decode(shape: type[T], table: dict[str, Any], file: Path | str) -> T:
    """``table`` as ``shape``; ConfigError names ``file`` and the field."""
    try:
        return msgspec.convert(table, shape, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {field_message(error)}") from None


def field_message(error: msgspec.ValidationError) -> str:
    """``field: what is wrong``, from msgspec's ``what is wrong - at `$.field```."""
    what, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{field}: {what}" if field else what
