-- What owners give may end by itself.
ALTER TABLE policy ADD COLUMN expires_at INTEGER;   -- of a uma policy
CREATE INDEX policy_expiry ON policy (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX share_expiry ON share (expires_at) WHERE expires_at IS NOT NULL;

-- When a resource was registered: where not everything fits into an RPT, the newest goes first.
ALTER TABLE resource ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
-- Members of a UMA resource description that nothing here reads (FedAuthz §3.1): `description`, `name#de`, …
ALTER TABLE resource ADD COLUMN kept TEXT NOT NULL DEFAULT '{}';
