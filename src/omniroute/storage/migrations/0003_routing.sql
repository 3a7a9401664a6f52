-- Combos, aliases and fallback chains; what the operator says about how a provider's accounts are used.

CREATE TABLE combos (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    definition_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE aliases (
    pattern TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE fallback_chains (
    pattern TEXT PRIMARY KEY,
    steps_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE provider_routing (
    provider TEXT PRIMARY KEY,
    tier TEXT,
    strategy TEXT,
    options_json TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE account_routing (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    tier TEXT,
    models_json TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
