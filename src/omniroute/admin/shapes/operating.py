"""Keys, settings, sessions of the dashboard and the state of the server as the admin API shows them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from omniroute.admin.shapes.basis import Shape
from omniroute.core.settings import Origin
from omniroute.storage.keys import Position


class Init(Shape):
    """What a first visit must know. ``endpoint`` is the base URL of the OpenAI dialect, ``example_model`` one that answers."""

    version: str
    setup_required: bool
    can_set_password: bool
    authenticated: bool
    api_key_required: bool
    endpoint: str
    example_model: str


class SessionOpened(Shape):
    """Logged in; the cookie lasts ``expires_in`` seconds."""

    authenticated: bool
    expires_in: int


class LoggedOut(Shape):
    authenticated: bool


class PasswordChanged(Shape):
    """Told to a caller with the admin token; one with a session gets a new session instead."""

    changed: bool | UnsetType = UNSET
    authenticated: bool | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET


class Key(Shape):
    """An API key. ``hint``: how it begins; empty lists and null mean no limit; times in unix seconds."""

    id: str
    name: str
    hint: str | None
    models: list[str]
    combos: list[str]
    providers: list[str]
    rpm: int | None
    streams: int | None
    system_prompt: str | None
    system_prompt_position: Position
    proxy: str | None
    state: Literal["active", "expired", "revoked"]
    created_at: float | None
    last_used_at: float | None
    expires_at: float | None
    revoked_at: float | None
    source: Literal["database", "file"]
    read_only: bool


class NewKey(Key):
    """``key`` is its plain text, in this answer and nowhere else."""

    key: str


class Setting(Shape):
    """A setting. ``value`` is the one in force, from ``origin``; secret ones say only whether they are set; ``restart``: a change
    takes effect at the next start."""

    name: str
    section: str
    type: Literal["text", "integer", "number", "boolean", "list", "size"]
    value: Any
    default: Any
    is_set: bool
    origin: Origin
    editable: bool
    restart: bool
    secret: bool
    help: str
    unit: str | None
    choices: list[str]
    minimum: float | None
    maximum: float | None
    env: list[str]


class SettingsChanged(Shape):
    """The settings that were given, and which of them wait for the next start."""

    data: list[Setting]
    restart_required: list[str]


class Percentiles(Shape):
    """Milliseconds; null: nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


class Latency(Shape):
    """Tries at one target since the start, by outcome, and how long they took."""

    provider: str
    model: str
    outcomes: dict[str, int]
    total_ms: Percentiles
    ttft_ms: Percentiles


class Counted(Shape):
    known: int
    connected: int


class RecorderState(Shape):
    """The ledger's inbox, in rows."""

    waiting: int
    capacity: int
    written: int
    dropped: int
    failures: int
    failing_since: float | None
    last_error: str | None


class DatabaseState(Shape):
    path: str
    schema: str
    writes_waiting: int
    writes_done: int
    readers: int
    readers_idle: int


class Pool(Shape):
    """Connections to one origin."""

    open: int
    idle: int | None
    busy: int


class WireState(Shape, forbid_unknown_fields=False):
    """One way to the upstreams."""

    origins: dict[str, Pool] | UnsetType = UNSET


class LoopLag(Shape):
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float
    count: int


class GcPauses(Shape):
    collections: list[int]
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float
    frozen: int


class Memory(Shape):
    rss_bytes: int | None


class Remembered(Shape):
    """Answers kept for equal requests."""

    answers: int
    bytes: int
    replayed: int


class Health(Shape, forbid_unknown_fields=False):
    """The configuration in figures, and the live state of the process. Further parts of the server may add members."""

    version: str
    uptime_seconds: float
    in_flight: int
    tasks: int
    draining: bool
    accounts: int
    keys: int
    password_set: bool
    api_key_required: bool
    config_file: str | None
    providers: Counted
    recorder: RecorderState
    database: DatabaseState
    upstream: dict[str, WireState]
    loop_lag: LoopLag
    gc: GcPauses
    memory: Memory
    idempotency: Remembered
    latency: list[Latency]


class Stopping(Shape):
    stopping: bool


class Operation(Shape):
    """What translation does to a request, at a JSON pointer of it; ``lossy``: something is lost."""

    rule: str
    pointer: str
    action: str
    detail: str
    lossy: bool


class Explanation(Shape):
    """What would be sent to ``model`` in ``upstream_format``."""

    model: str
    format: str
    upstream_format: str
    operations: list[Operation]
    lossy: bool
    body: dict[str, Any]
