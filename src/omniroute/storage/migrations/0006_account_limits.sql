-- How much an account may be used: one JSON object. What it may be used for (models) and its tier stand in account_routing.

ALTER TABLE accounts ADD COLUMN limits_json TEXT NOT NULL DEFAULT '{}';
