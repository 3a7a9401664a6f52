"""Prices, budgets, captures, running requests and sums as the admin API shows them."""

from __future__ import annotations

from typing import Literal

from omniroute.admin.shapes.basis import Shape
from omniroute.core.budget import Action, State
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Period
from omniroute.ir.caps import PriceSource
from omniroute.storage.usage_reports import Series


class LongPrice(Shape):
    """USD per million tokens of a request whose input is longer than ``above`` tokens."""

    above: int
    input: float
    output: float
    cached: float | None
    cache_write: float | None


class ModelPrice(Shape):
    """USD per million tokens; null: not known, or (``cached``, ``cache_write``) as ``input``. ``basis``: ``equivalent`` = a plan
    pays, this is what it would have cost. ``long_context`` is the first of ``tiers``. ``version`` is what rows of the ledger
    carry."""

    provider: str
    model: str
    input: float | None
    output: float | None
    cached: float | None
    cache_write: float | None
    long_context: LongPrice | None
    tiers: list[LongPrice]
    basis: Literal["list", "equivalent", "unknown"]
    source: PriceSource
    version: str | None
    override: bool
    updated_at: float | None


class UsedPrice(Shape):
    """What rows of one price version were charged by."""

    version: str
    provider: str
    model: str
    source: str
    basis: str
    input: float | None
    output: float | None
    cached: float | None
    cache_write: float | None
    long_context: LongPrice | None
    tiers: list[LongPrice]
    first_used_at: float


class Window(Shape):
    """Unix seconds; it begins anew at ``end``."""

    start: float
    end: float


class Amount(Shape):
    usd: float
    tokens: int


class BudgetView(Shape):
    """A budget of one key (``key_id`` null: of all together) and where it stands. ``reserved``: by requests under way; ``share``
    of the nearer limit; ``refused`` in this window since the start."""

    id: str
    key_id: str | None
    key_name: str | None
    period: Period
    usd: float | None
    tokens: int | None
    action: Action
    warn_at: float
    created_at: float
    updated_at: float
    window: Window
    used: Amount
    reserved: Amount
    share: float
    state: State
    refused: int


class CaptureView(Shape):
    """Whose requests are captured (``key_id`` null: everybody's), until when (null: until it is switched off)."""

    key_id: str | None
    key_name: str | None
    until: float | None
    created_at: float
    actor: str


class Stored(Shape):
    count: int
    bytes: int


class CaptureState(Shape):
    """The rules in force, and what is stored."""

    data: list[CaptureView]
    stored: Stored
    next_cursor: str | None


class Removed(Shape):
    removed: int


class ActiveRequest(Shape):
    """A request under way. ``model`` is what was asked for; provider, upstream model and account are those of the last try, null
    before the first. Figures are so far, tokens and cost estimated."""

    request_id: str
    started_at: float
    seconds: float
    model: str
    stream: bool
    client_format: str
    key_id: str | None
    session_id: str | None
    agent_id: str | None
    state: Literal["queued", "waiting", "streaming"]
    provider: str | None
    upstream_model: str | None
    account_id: str | None
    combo: str | None
    attempts: int
    bytes_out: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    cancelling: bool


class CancelledRequest(Shape):
    request_id: str
    cancelled: int


class RequestDetail(Shape):
    """All tries of a request, oldest first; whether its payload was captured, and whether it is under way."""

    request_id: str
    tries: list[LedgerRow]
    captured: bool
    active: bool


class ClientRequest(Shape):
    """``bytes`` is the whole size of the body, ``truncated``: not all of it was kept."""

    method: str
    path: str
    headers: list[list[str]]
    body: str
    bytes: int
    truncated: bool


class UpstreamRequest(Shape):
    method: str
    url: str
    headers: list[list[str]]
    body: str
    bytes: int
    truncated: bool


class UpstreamAnswer(Shape):
    """``error``: what broke it off; ``status`` null: nothing was answered."""

    status: int | None
    headers: list[list[str]]
    body: str
    bytes: int
    truncated: bool
    error: str | None


class ClientAnswer(Shape):
    status: int
    headers: list[list[str]]
    body: str
    bytes: int
    truncated: bool


class CapturedTry(Shape):
    attempt: int
    upstream_request: UpstreamRequest
    upstream_answer: UpstreamAnswer | None


class Payload(Shape):
    """One captured request in its four stages, without secrets."""

    request_id: str
    at: float
    key_id: str | None
    client_request: ClientRequest
    tries: list[CapturedTry]
    client_answer: ClientAnswer | None


class UsageSeries(Shape):
    """Sums over time: ``buckets`` are their beginnings in unix seconds; one number for each in every list."""

    step: Literal["hour", "day"]
    time_zone: str
    buckets: list[float]
    series: list[Series]


class Heat(Shape):
    """Seven days from Monday of 24 hours each."""

    time_zone: str
    requests: list[list[float]]
    tokens: list[list[float]]
    cost_usd: list[list[float]]


class Session(Shape):
    """A conversation. ``cache_hit``: the share of its input that was read from the cache."""

    session_id: str
    key_id: str | None
    first_at: float
    last_at: float
    requests: int
    tries: int
    errors: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    cost_usd: float
    shadow_cost_usd: float
    cache_hit: float


class Turn(Shape):
    request_id: str
    started_at: float
    provider: str
    model: str
    outcome: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None
    total_ms: float


class Agent(Shape):
    """What one agent of a conversation did; null: who began it. ``turns`` newest first."""

    agent_id: str | None
    requests: int
    tries: int
    errors: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float
    shadow_cost_usd: float
    models: list[str]
    turns: list[Turn]


class SessionDetail(Session):
    agents: list[Agent]
