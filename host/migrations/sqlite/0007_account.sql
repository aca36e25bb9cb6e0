-- What people see of their own, in pages: resources by name, what is shared with them, what they share.
CREATE INDEX resource_owner_name ON resource (owner, name, id);
CREATE INDEX share_with ON share (requester, state, resource_id, id);
DROP INDEX share_owner;
CREATE INDEX share_owner ON share (owner, state, resource_id);
-- Their newest sign-ins.
DROP INDEX session_user;
CREATE INDEX session_user ON session (user_id, started_at);

-- What a search goes through, in the order of ids.
CREATE INDEX resource_of_type ON resource (server_id, type, id) WHERE type IS NOT NULL;
CREATE INDEX user_of_realm ON user (realm_id, id);
