"""API keys of clients: shown once, kept as a keyed hash."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.core import json
from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.core.ids import new_api_key, new_id
from omniroute.storage import rows
from omniroute.storage.db import Database
from omniroute.storage.vault import Vault

Position = Literal["prepend", "append", "replace"]
MAX_RATE = 1_000_000
MAX_PROMPT = 100_000
_COLUMNS = (
    "id, name, prefix, digest, secret_mark, models_json, combos_json, providers_json, rpm, streams, system_prompt, "
    "system_prompt_position, proxy, created_at, last_used_at, expires_at, revoked_at"
)
_LISTS = ("models", "combos", "providers")
_MARKED_TEXT = "which secret is this"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. ``prefix`` (``sk-or-AbC…wxyz``) lets people recognise it; empty ``models``, ``combos`` or
    ``providers`` mean all; times are unix seconds. ``secret_mark`` tells under which installation secret ``digest`` was made.

    ``rpm``: requests per minute, ``streams``: streams open at once, ``proxy``: outbound proxy URL of its calls (sealed on disk:
    mask its password before showing it).
    """

    id: str
    name: str
    prefix: str
    digest: bytes
    secret_mark: bytes
    models: tuple[str, ...] = ()
    combos: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    rpm: int | None = None
    streams: int | None = None
    system_prompt: str | None = None
    system_prompt_position: Position = "prepend"
    proxy: str | None = None
    created_at: float
    last_used_at: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None

    def usable(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def __repr__(self) -> str:
        return f"ApiKey(id={self.id!r}, name={self.name!r}, prefix={self.prefix!r})"


def digest_key(secret: bytes, plain: str) -> bytes:
    """What is stored of a key: HMAC-SHA256 under the installation's secret. 32 bytes."""
    return hmac.digest(secret, plain.encode("utf-8", "surrogatepass"), hashlib.sha256)


class KeyRepository:
    """``secret`` is :attr:`Secrets.api_key`, ``vault`` seals proxies. Unknown ids: NotFound; impossible limits: BadRequest."""

    def __init__(self, db: Database, secret: bytes, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._secret = secret
        self._mark = digest_key(secret, _MARKED_TEXT)[:8]

    def fits(self, key: ApiKey) -> bool:
        """Whether ``key`` can match at all: False if it was made under another secret, and so must be rotated."""
        return hmac.compare_digest(key.secret_mark, self._mark)

    async def create(
        self,
        name: str,
        *,
        models: tuple[str, ...] = (),
        combos: tuple[str, ...] = (),
        providers: tuple[str, ...] = (),
        rpm: int | None = None,
        streams: int | None = None,
        system_prompt: str | None = None,
        system_prompt_position: Position = "prepend",
        proxy: str | None = None,
        expires_at: float | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its plain text, which cannot be had again."""
        plain = new_api_key()
        key = ApiKey(
            id=new_id("key"),
            name=rows.checked_name(name),
            prefix=_shown(plain),
            digest=digest_key(self._secret, plain),
            secret_mark=self._mark,
            models=tuple(models),
            combos=tuple(combos),
            providers=tuple(providers),
            rpm=_rate(rpm, "rpm"),
            streams=_rate(streams, "streams"),
            system_prompt=_prompt(system_prompt),
            system_prompt_position=system_prompt_position,
            proxy=proxy or None,
            created_at=self._db.clock.now(),
            expires_at=expires_at,
        )
        columns = msgspec.structs.asdict(key)
        for field in _LISTS:
            columns[f"{field}_json"] = json.dumps_text(list(columns.pop(field)))
        columns["proxy"] = self._seal(key.id, key.proxy)
        await rows.insert(self._db, "api_keys", columns)
        return key, plain

    async def list(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, oldest first."""
        found = await self._db.read(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        return [self._from_row(row) for row in found]

    async def get(self, key_id: str) -> ApiKey:
        row = await self._db.read_one(f"SELECT {_COLUMNS} FROM api_keys WHERE id = ?", (key_id,))
        if row is None:
            raise NotFound(_missing(key_id))
        return self._from_row(row)

    async def rotate(self, key_id: str) -> tuple[ApiKey, str]:
        """Give the key a new secret; the old one stops working at once. Conflict if it is revoked."""
        key = await self.get(key_id)
        if key.revoked_at is not None:
            raise Conflict(f"API key {key.name!r} is revoked; create a new one")
        plain = new_api_key()
        columns = {"prefix": _shown(plain), "digest": digest_key(self._secret, plain), "secret_mark": self._mark}
        await rows.change(self._db, "api_keys", {"id": key_id}, columns, _missing(key_id))
        return msgspec.structs.replace(key, **columns), plain

    async def revoke(self, key_id: str) -> ApiKey:
        """Stop the key for good; revoking again changes nothing."""
        key = await self.get(key_id)
        if key.revoked_at is None:
            await rows.change(self._db, "api_keys", {"id": key_id}, {"revoked_at": self._db.clock.now()}, _missing(key_id))
        return await self.get(key_id)

    async def update(
        self,
        key_id: str,
        *,
        name: str | UnsetType = UNSET,
        models: tuple[str, ...] | UnsetType = UNSET,
        combos: tuple[str, ...] | UnsetType = UNSET,
        providers: tuple[str, ...] | UnsetType = UNSET,
        rpm: int | UnsetType | None = UNSET,
        streams: int | UnsetType | None = UNSET,
        system_prompt: str | UnsetType | None = UNSET,
        system_prompt_position: Position | UnsetType = UNSET,
        proxy: str | UnsetType | None = UNSET,
        expires_at: float | UnsetType | None = UNSET,
    ) -> ApiKey:
        """Change what is given; None removes a limit, the prompt, the proxy, the expiry."""
        columns = rows.given(
            name=name if name is UNSET else rows.checked_name(name),
            models_json=models if models is UNSET else json.dumps_text(list(models)),
            combos_json=combos if combos is UNSET else json.dumps_text(list(combos)),
            providers_json=providers if providers is UNSET else json.dumps_text(list(providers)),
            rpm=rpm if rpm is UNSET else _rate(rpm, "rpm"),
            streams=streams if streams is UNSET else _rate(streams, "streams"),
            system_prompt=system_prompt if system_prompt is UNSET else _prompt(system_prompt),
            system_prompt_position=system_prompt_position,
            proxy=proxy if proxy is UNSET else self._seal(key_id, proxy),
            expires_at=expires_at,
        )
        if columns:
            await rows.change(self._db, "api_keys", {"id": key_id}, columns, _missing(key_id))
        return await self.get(key_id)

    async def touch(self, used_at: Mapping[str, float]) -> None:
        """Note the last use of many keys (id → unix seconds) in one transaction; times never go back, unknown ids are skipped."""
        await self._db.write_many(
            "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
            [(moment, key_id) for key_id, moment in used_at.items()],
        )

    def _seal(self, key_id: str, proxy: str | None) -> bytes | None:
        return self._vault.seal(proxy, f"api_keys/{key_id}") if proxy else None

    def _from_row(self, row: sqlite3.Row) -> ApiKey:
        columns = dict(row)
        for name in _LISTS:
            columns[name] = rows.text_tuple(columns.pop(f"{name}_json"))
        sealed = columns["proxy"]
        columns["proxy"] = None if sealed is None else self._vault.unseal(sealed, f"api_keys/{columns['id']}")
        return ApiKey(**columns)


def _rate(value: int | None, param: str) -> int | None:
    if value is not None and not 1 <= value <= MAX_RATE:
        raise BadRequest(f"{param} must be from 1 to {MAX_RATE}, or null for no limit", param=param)
    return value


def _prompt(text: str | None) -> str | None:
    """``text``, None when there is nothing in it."""
    if text is not None and len(text) > MAX_PROMPT:
        raise BadRequest(f"system_prompt is longer than {MAX_PROMPT} characters", param="system_prompt")
    return text if text and text.strip() else None


def _shown(plain: str) -> str:
    return f"{plain[:10]}…{plain[-4:]}"


def _missing(key_id: str) -> str:
    return f"no API key {key_id!r}"
