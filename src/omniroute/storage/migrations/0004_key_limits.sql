-- What else a client key is limited to and brings along; whose calls take which way out. Proxies are sealed URLs: they may hold
-- passwords.

ALTER TABLE api_keys ADD COLUMN combos_json TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN rpm INTEGER;
ALTER TABLE api_keys ADD COLUMN streams INTEGER;
ALTER TABLE api_keys ADD COLUMN system_prompt TEXT;
ALTER TABLE api_keys ADD COLUMN system_prompt_position TEXT NOT NULL DEFAULT 'prepend';
ALTER TABLE api_keys ADD COLUMN proxy BLOB;
ALTER TABLE accounts ADD COLUMN proxy BLOB;
ALTER TABLE nodes ADD COLUMN proxy BLOB;
ALTER TABLE nodes ADD COLUMN transport TEXT NOT NULL DEFAULT 'standard';
