-- What administrators see and change of identities (`admin-surface` §3-§9).
ALTER TABLE role ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE user_group ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE user_group ADD COLUMN description TEXT;
ALTER TABLE user ADD COLUMN required_actions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE credential ADD COLUMN temporary INTEGER NOT NULL DEFAULT 0;

-- Roles that tokens may show of a client without full scope, and of a client scope.
CREATE TABLE scope_role (
    holder  TEXT NOT NULL,                    -- client.id, or the id of a client scope of the realm
    role_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (holder, role_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scope_role_role ON scope_role (role_id);

-- Groups that everybody joins who is made.
CREATE TABLE default_group (
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES user_group(id) ON DELETE CASCADE,
    PRIMARY KEY (realm_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX default_group_group ON default_group (group_id);

-- What people and clients did, where the realm keeps that; newest first by `id`.
CREATE TABLE event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uid        TEXT NOT NULL,
    realm_id   TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,              -- milliseconds since 1970
    type       TEXT NOT NULL,                 -- LOGIN, LOGIN_ERROR, …
    client_id  TEXT,                          -- as the client named itself
    user_id    TEXT,
    session_id TEXT,
    address    TEXT,
    error      TEXT,
    details    TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX event_realm ON event (realm_id, id);

-- What administrators did, where the realm keeps that.
CREATE TABLE admin_event (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    realm_id       TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    at             INTEGER NOT NULL,          -- milliseconds since 1970
    operation      TEXT NOT NULL,             -- CREATE | UPDATE | DELETE | ACTION
    resource_type  TEXT NOT NULL,             -- USER, CLIENT, …
    resource_path  TEXT NOT NULL,             -- below the realm
    auth           TEXT NOT NULL,             -- {"realmId","clientId","userId","ipAddress"}
    representation TEXT
) STRICT;
CREATE INDEX admin_event_realm ON admin_event (realm_id, id);

-- To whom an RPT was issued: a client that is switched off takes its tokens along.
ALTER TABLE rpt ADD COLUMN client_id TEXT;
CREATE INDEX rpt_client ON rpt (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX rpt_session ON rpt (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX rpt_server ON rpt (server_id);

-- What points at a row that is deleted is found without reading the whole table.
CREATE INDEX role_client ON role (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX role_composite_child ON role_composite (child);
CREATE INDEX user_role_role ON user_role (role_id);
CREATE INDEX group_role_role ON group_role (role_id);
CREATE INDEX user_group_member_group ON user_group_member (group_id, user_id);
CREATE INDEX user_group_parent ON user_group (parent) WHERE parent IS NOT NULL;
CREATE INDEX session_realm ON session (realm_id);
CREATE INDEX grant_server ON grant_row (server_id);
CREATE INDEX grant_client ON grant_row (client_id);
CREATE INDEX grant_session ON grant_row (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX share_parent ON share (parent) WHERE parent IS NOT NULL;
CREATE INDEX share_scope ON share (scope_id) WHERE scope_id IS NOT NULL;
