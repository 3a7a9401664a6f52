-- 0001_initial 9adeabc0e20f283445bd3435695508e1001b10508f4d2c2209b8873bff24da34
-- 0002_routing_state ee68e555b7bdc3fd05f831c02b7fdde2bde97cc93de0f847be81e0f70fb76b6c
-- 0003_routing 7eb8407b4e7e14b48d0422c3b64d0f618e33bc097aafeac5e7e95f6620cd8b90
-- 0004_key_limits 359b859e9958695f8821977543ff488276d73db172a3744142799a356e1e3031
-- 0005_ledger 0ceb804fddf9d7fd5a5854104868e2291727726dafb6678cb42aef88892fe6b8
-- 0006_account_limits a75a65abacc3d0d71d8ec1bf85d5a076d976ce5637d4be6a65ff2a913005f237
-- 0007_accounting 3204c89f979f2a855a41b59103cad2a8ae7d65441b451281cfb8c3f1256710ce
-- 0008_logins 52ab14a21af54337387ff47d128f986bc0b5cc2027c570807b748d4e57f04ee5

CREATE TABLE account_routing (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    tier TEXT,
    models_json TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    secret BLOB,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    priority INTEGER NOT NULL,
    url_vars_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    last_test_at REAL,
    last_error TEXT, proxy BLOB, limits_json TEXT NOT NULL DEFAULT '{}',
    UNIQUE (provider, name)
);

CREATE TABLE admin (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    password_hash TEXT NOT NULL,
    generation INTEGER NOT NULL,
    changed_at REAL NOT NULL
);

CREATE TABLE aliases (
    pattern TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    secret_mark BLOB NOT NULL,
    models_json TEXT NOT NULL,
    providers_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    last_used_at REAL,
    expires_at REAL,
    revoked_at REAL
, combos_json TEXT NOT NULL DEFAULT '[]', rpm INTEGER, streams INTEGER, system_prompt TEXT, system_prompt_position TEXT NOT NULL DEFAULT 'prepend', proxy BLOB);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail_json TEXT NOT NULL
);

CREATE INDEX audit_at ON audit (at);

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

CREATE INDEX captures_at ON captures (at);

CREATE INDEX captures_request ON captures (request_id);

CREATE TABLE combos (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    definition_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE custom_models (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    name TEXT NOT NULL,
    context INTEGER,
    max_output INTEGER,
    tools INTEGER CHECK (tools IN (0, 1)),
    vision INTEGER CHECK (vision IN (0, 1)),
    reasoning INTEGER CHECK (reasoning IN (0, 1)),
    price_json TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (provider, model_id)
) WITHOUT ROWID;

CREATE TABLE fallback_chains (
    pattern TEXT PRIMARY KEY,
    steps_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE logins (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    flow TEXT NOT NULL,
    method TEXT NOT NULL,
    tokens BLOB NOT NULL,
    facts_json TEXT NOT NULL,
    expires_at REAL,
    generation INTEGER NOT NULL,
    created_at REAL NOT NULL,
    refreshed_at REAL NOT NULL,
    problem TEXT,
    claimed_by TEXT,
    claimed_until REAL,
    UNIQUE (provider, subject)
);

CREATE TABLE migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at REAL NOT NULL);

CREATE TABLE nodes (
    prefix TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    base_url TEXT NOT NULL,
    headers BLOB,
    models_json TEXT NOT NULL,
    tier TEXT NOT NULL,
    timeouts_json TEXT NOT NULL,
    resilience INTEGER NOT NULL CHECK (resilience IN (0, 1)),
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
, proxy BLOB, transport TEXT NOT NULL DEFAULT 'standard');

CREATE TABLE price_versions (
    version TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    rates_json TEXT NOT NULL,
    first_used_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE prices (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    rates_json TEXT NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (provider, model)
) WITHOUT ROWID;

CREATE TABLE provider_routing (
    provider TEXT PRIMARY KEY,
    tier TEXT,
    strategy TEXT,
    options_json TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE routing_state (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value_json TEXT NOT NULL,
    until REAL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value_json TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE terms (
    provider TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    acknowledged_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE "usage" (
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
, price_version TEXT);

CREATE INDEX usage_not_ok ON usage (started_at) WHERE outcome != 'ok';

CREATE INDEX usage_open ON usage (id) WHERE outcome = 'open';

CREATE INDEX usage_request ON usage (request_id);

CREATE INDEX usage_session ON usage (session_id, started_at) WHERE session_id IS NOT NULL;

CREATE INDEX usage_started_at ON usage (started_at);

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

CREATE TABLE usage_quarters (
    quarter INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    usd REAL NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (quarter, key_id)
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

CREATE TABLE vault (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    salt BLOB NOT NULL,
    key_check BLOB NOT NULL,
    created_at REAL NOT NULL
);
