-- Prices that the operator states, what rows were priced by, budgets, captured payloads, and the sums that pages and budgets are
-- read from.

ALTER TABLE usage ADD COLUMN price_version TEXT;

CREATE TABLE prices (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    rates_json TEXT NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (provider, model)
) WITHOUT ROWID;

CREATE TABLE price_versions (
    version TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    rates_json TEXT NOT NULL,
    first_used_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    key_id TEXT,
    period TEXT NOT NULL,
    usd REAL,
    tokens INTEGER,
    action TEXT NOT NULL,
    warn_at REAL NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);

CREATE UNIQUE INDEX budgets_one ON budgets (coalesce(key_id, ''), period, action);

-- Whose requests are captured: '' stands for everybody's.
CREATE TABLE capture_rules (
    key_id TEXT PRIMARY KEY,
    until REAL,
    created_at REAL NOT NULL,
    actor TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    at REAL NOT NULL,
    key_id TEXT,
    bytes INTEGER NOT NULL,
    payload BLOB NOT NULL
);

CREATE INDEX captures_request ON captures (request_id);
CREATE INDEX captures_at ON captures (at);

-- Sums of settled tries: by the hour for what is drawn over time, by the day (UTC) for everything else. Texts that a row lacks are
-- '' here, so that they can be part of the key.
CREATE TABLE usage_hours (
    hour INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries_ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    hedges INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    shadow_cost_usd REAL NOT NULL,
    PRIMARY KEY (hour, provider, model, key_id)
) WITHOUT ROWID;

CREATE TABLE usage_account_hours (
    hour INTEGER NOT NULL,
    provider TEXT NOT NULL,
    account_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries_ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    hedges INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    shadow_cost_usd REAL NOT NULL,
    PRIMARY KEY (hour, provider, account_id)
) WITHOUT ROWID;

CREATE TABLE usage_combo_hours (
    hour INTEGER NOT NULL,
    combo TEXT NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries_ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    hedges INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    shadow_cost_usd REAL NOT NULL,
    PRIMARY KEY (hour, combo)
) WITHOUT ROWID;

CREATE TABLE usage_days (
    day INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    combo TEXT NOT NULL,
    client_format TEXT NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries_ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    hedges INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    shadow_cost_usd REAL NOT NULL,
    PRIMARY KEY (day, provider, model, key_id, account_id, combo, client_format)
) WITHOUT ROWID;

CREATE TABLE usage_sessions (
    session_id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    first_at REAL NOT NULL,
    last_at REAL NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries_ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    hedges INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    written_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    shadow_cost_usd REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX usage_sessions_last_at ON usage_sessions (last_at);

-- What each key used in each quarter of an hour: windows of budgets begin at any zone's midnight.
CREATE TABLE usage_quarters (
    quarter INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    usd REAL NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (quarter, key_id)
) WITHOUT ROWID;

-- Failures are few and far between: what looks for them must not pass by everything else.
CREATE INDEX usage_not_ok ON usage (started_at) WHERE outcome != 'ok';

INSERT INTO usage_hours
SELECT CAST(started_at / 3600 AS INTEGER), provider, model, coalesce(key_id, ''),
       sum(attempt = 1), count(*), sum(outcome = 'ok'), sum(outcome != 'ok'), sum(fallback), sum(hedge), sum(cost_usd IS NULL),
       CAST(total(input_tokens) AS INTEGER), CAST(total(cached_tokens) AS INTEGER), CAST(total(written_tokens) AS INTEGER),
       CAST(total(output_tokens) AS INTEGER), CAST(total(reasoning_tokens) AS INTEGER),
       total(cost_usd), total(shadow_cost_usd)
FROM usage WHERE outcome != 'open' GROUP BY 1, 2, 3, 4;

INSERT INTO usage_account_hours
SELECT CAST(started_at / 3600 AS INTEGER), provider, coalesce(account_id, ''),
       sum(attempt = 1), count(*), sum(outcome = 'ok'), sum(outcome != 'ok'), sum(fallback), sum(hedge), sum(cost_usd IS NULL),
       CAST(total(input_tokens) AS INTEGER), CAST(total(cached_tokens) AS INTEGER), CAST(total(written_tokens) AS INTEGER),
       CAST(total(output_tokens) AS INTEGER), CAST(total(reasoning_tokens) AS INTEGER),
       total(cost_usd), total(shadow_cost_usd)
FROM usage WHERE outcome != 'open' GROUP BY 1, 2, 3;

INSERT INTO usage_combo_hours
SELECT CAST(started_at / 3600 AS INTEGER), coalesce(combo, ''),
       sum(attempt = 1), count(*), sum(outcome = 'ok'), sum(outcome != 'ok'), sum(fallback), sum(hedge), sum(cost_usd IS NULL),
       CAST(total(input_tokens) AS INTEGER), CAST(total(cached_tokens) AS INTEGER), CAST(total(written_tokens) AS INTEGER),
       CAST(total(output_tokens) AS INTEGER), CAST(total(reasoning_tokens) AS INTEGER),
       total(cost_usd), total(shadow_cost_usd)
FROM usage WHERE outcome != 'open' GROUP BY 1, 2;

INSERT INTO usage_days
SELECT CAST(started_at / 86400 AS INTEGER), provider, model, coalesce(key_id, ''), coalesce(account_id, ''), coalesce(combo, ''),
       client_format,
       sum(attempt = 1), count(*), sum(outcome = 'ok'), sum(outcome != 'ok'), sum(fallback), sum(hedge), sum(cost_usd IS NULL),
       CAST(total(input_tokens) AS INTEGER), CAST(total(cached_tokens) AS INTEGER), CAST(total(written_tokens) AS INTEGER),
       CAST(total(output_tokens) AS INTEGER), CAST(total(reasoning_tokens) AS INTEGER),
       total(cost_usd), total(shadow_cost_usd)
FROM usage WHERE outcome != 'open' GROUP BY 1, 2, 3, 4, 5, 6, 7;

INSERT INTO usage_sessions
SELECT session_id, coalesce(max(key_id), ''), min(started_at), max(started_at),
       sum(attempt = 1), count(*), sum(outcome = 'ok'), sum(outcome != 'ok'), sum(fallback), sum(hedge), sum(cost_usd IS NULL),
       CAST(total(input_tokens) AS INTEGER), CAST(total(cached_tokens) AS INTEGER), CAST(total(written_tokens) AS INTEGER),
       CAST(total(output_tokens) AS INTEGER), CAST(total(reasoning_tokens) AS INTEGER),
       total(cost_usd), total(shadow_cost_usd)
FROM usage WHERE outcome != 'open' AND session_id IS NOT NULL GROUP BY session_id;

INSERT INTO usage_quarters
SELECT CAST(started_at / 900 AS INTEGER), coalesce(key_id, ''), total(cost_usd),
       CAST(total(input_tokens) + total(output_tokens) AS INTEGER)
FROM usage WHERE outcome != 'open' GROUP BY 1, 2;
