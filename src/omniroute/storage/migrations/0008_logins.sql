-- A login is what keeps an account's access token fresh; all of its tokens are sealed together. A row is changed only by whoever
-- names its generation; claimed_by may renew it until claimed_until, so that a refresh token that serves once is sent once.

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

-- What a provider's terms said when they were acknowledged.
CREATE TABLE terms (
    provider TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    acknowledged_at REAL NOT NULL
) WITHOUT ROWID;
