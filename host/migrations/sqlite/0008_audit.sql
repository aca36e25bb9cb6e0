-- Decisions beside changes; a row that is counted again is a new one at the end, so numbers are never used twice.
CREATE TABLE audit_again (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    realm_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,             -- of something repeated, the last time
    first_at    INTEGER NOT NULL,
    count       INTEGER NOT NULL DEFAULT 1,
    event       TEXT NOT NULL,
    actor       TEXT,
    server_id   TEXT,
    resource_id TEXT,
    owner       TEXT,                         -- of the resource, when it happened
    requester   TEXT,
    detail      TEXT NOT NULL DEFAULT '{}',
    repeat_key  TEXT                          -- equal for what is one row
) STRICT;
INSERT INTO audit_again (id, realm_id, at, first_at, event, actor, server_id, resource_id, owner, requester, detail)
    SELECT id, realm_id, at, at, event, actor, server_id, resource_id,
           (SELECT owner FROM resource WHERE resource.id = audit.resource_id), requester, detail
    FROM audit ORDER BY id;
DROP TABLE audit;
ALTER TABLE audit_again RENAME TO audit;
CREATE INDEX audit_realm ON audit (realm_id, id);
CREATE INDEX audit_time ON audit (at);
CREATE INDEX audit_owner ON audit (owner, id) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX audit_repeat ON audit (realm_id, repeat_key) WHERE repeat_key IS NOT NULL;

-- Events that are too old are found without reading the others.
CREATE INDEX event_time ON event (realm_id, at);
