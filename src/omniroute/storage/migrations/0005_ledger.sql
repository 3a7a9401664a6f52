-- The ledger by row numbers that we give: a repeated batch is known by them, so no text has to be unique. Columns for routing.

CREATE TABLE usage_rows (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started_at REAL NOT NULL,
    key_id TEXT,
    account_id TEXT,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    combo TEXT,
    decision TEXT NOT NULL,
    client_format TEXT NOT NULL,
    upstream_format TEXT NOT NULL,
    stream INTEGER NOT NULL,
    fallback INTEGER NOT NULL,
    hedge INTEGER NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error_kind TEXT,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    cost_usd REAL,
    shadow_cost_usd REAL,
    price_basis TEXT NOT NULL,
    queue_ms REAL,
    connect_ms REAL,
    ttft_ms REAL,
    total_ms REAL NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    session_id TEXT,
    agent_id TEXT
);

INSERT INTO usage_rows
SELECT id, request_id, attempt, started_at, key_id, account_id, provider, model, NULL, '', client_format, upstream_format, stream,
       0, 0, status, outcome, error_kind, input_tokens, cached_tokens, written_tokens, output_tokens, reasoning_tokens, estimated,
       cost_usd, shadow_cost_usd, price_basis, NULL, NULL, ttft_ms, total_ms, bytes_in, bytes_out, session_id, agent_id
FROM usage;

DROP TABLE usage;

ALTER TABLE usage_rows RENAME TO usage;

CREATE INDEX usage_started_at ON usage (started_at);
CREATE INDEX usage_session ON usage (session_id, started_at) WHERE session_id IS NOT NULL;
-- Our request ids grow with time, so that a new one goes to the end of the index.
CREATE INDEX usage_request ON usage (request_id);
-- Next to empty: tries under way, and those that a killed process left behind.
CREATE INDEX usage_open ON usage (id) WHERE outcome = 'open';
