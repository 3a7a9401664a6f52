"""The ledger's row: what is remembered of one try, by everyone who makes, prices, counts, stores or shows it.

It lives here because the gateway makes it and the storage keeps it, and neither may know the other.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["ok", "error", "aborted", "truncated", "open"]


class LedgerRow(msgspec.Struct, kw_only=True, gc=False):
    """One try; the fields are the columns, in their order. Made once, filled in on its way to the ledger, then left alone.

    ``id`` grows with time and is given by the recorder: writing a row of an id that is settled changes nothing. ``started_at``
    is in unix seconds. Milliseconds: ``queue_ms`` waited for a free place, ``connect_ms`` for a connection (0 = one was open;
    None = not known), ``ttft_ms`` and ``total_ms`` from the client's request to the first useful event and to the end.
    ``bytes_in`` from the client, ``bytes_out`` to it. ``input_tokens`` includes cached and written ones, ``output_tokens``
    includes reasoning; ``estimated``: some of them were counted by us. ``outcome``: ``open`` while the try runs, so that a
    killed process leaves a trace. ``status``: what the client got or would have got. ``cost_usd`` None = price unknown;
    ``shadow_cost_usd``: list price of what a plan made free; ``price_version``
    names the rates it was priced by. ``combo`` and ``decision`` say how the target was found,
    ``fallback`` that an earlier try of the request had failed, ``hedge`` that it ran beside another one. ``agent_id`` and
    ``session_id`` are the client's own.
    """

    id: int = 0
    request_id: str
    attempt: int
    started_at: float
    key_id: str | None = None
    account_id: str | None = None
    provider: str
    model: str
    combo: str | None = None
    decision: str = ""
    client_format: str
    upstream_format: str
    stream: bool
    fallback: bool = False
    hedge: bool = False
    status: int
    outcome: Outcome
    error_kind: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = None
    shadow_cost_usd: float | None = None
    price_basis: str = "unknown"
    queue_ms: float | None = None
    connect_ms: float | None = None
    ttft_ms: float | None = None
    total_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    session_id: str | None = None
    agent_id: str | None = None
    price_version: str | None = None
