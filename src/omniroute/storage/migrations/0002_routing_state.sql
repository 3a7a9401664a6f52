-- What routing must not forget over a restart: cooldowns, open breakers, quota windows. Rebuilt whole at every save.
CREATE TABLE routing_state (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value_json TEXT NOT NULL,
    until REAL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
