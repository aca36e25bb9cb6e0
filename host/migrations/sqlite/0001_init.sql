-- Ids are UUIDs as text unless said otherwise. Times are seconds since 1970 (INTEGER).
-- JSON columns hold documents of the module named beside them.

CREATE TABLE realm (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    enabled     INTEGER NOT NULL,
    version     INTEGER NOT NULL DEFAULT 0,   -- raised by every change of the realm, its keys or its people
    not_before  INTEGER NOT NULL DEFAULT 0,
    settings    TEXT NOT NULL,                -- realm::RealmSettings
    kept        TEXT NOT NULL DEFAULT '{}',   -- members of an import that nothing here reads
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE realm_key (
    kid         TEXT NOT NULL,
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    purpose     TEXT NOT NULL,                -- sig | ticket
    alg         TEXT NOT NULL,
    active      INTEGER NOT NULL,             -- signs; otherwise only verifies
    private     BLOB NOT NULL,                -- sealed under the master key
    public_jwk  TEXT,                         -- absent for purpose ticket: never published
    created_at  INTEGER NOT NULL,
    retire_at   INTEGER,
    PRIMARY KEY (realm_id, kid)
) STRICT;

CREATE TABLE client (
    id          TEXT PRIMARY KEY,
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id   TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    secret      BLOB,                         -- sealed under the master key
    settings    TEXT NOT NULL,                -- realm::ClientSettings
    kept        TEXT NOT NULL DEFAULT '{}',
    not_before  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (realm_id, client_id)
) STRICT;

CREATE TABLE role (
    id          TEXT PRIMARY KEY,
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id   TEXT REFERENCES client(id) ON DELETE CASCADE,   -- internal id; absent: realm role
    name        TEXT NOT NULL,
    description TEXT,
    kept        TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE UNIQUE INDEX role_name ON role (realm_id, ifnull(client_id, ''), name);

CREATE TABLE role_composite (
    parent      TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    child       TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_group (
    id          TEXT PRIMARY KEY,
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent      TEXT REFERENCES user_group(id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,
    kept        TEXT NOT NULL DEFAULT '{}',
    UNIQUE (realm_id, path)
) STRICT;

CREATE TABLE group_role (
    group_id    TEXT NOT NULL REFERENCES user_group(id) ON DELETE CASCADE,
    role_id     TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id              TEXT PRIMARY KEY,
    realm_id        TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    username        TEXT NOT NULL,            -- lower case
    email           TEXT,
    first_name      TEXT,
    last_name       TEXT,
    email_verified  INTEGER NOT NULL DEFAULT 0,
    enabled         INTEGER NOT NULL DEFAULT 1,
    service_client  TEXT REFERENCES client(id) ON DELETE CASCADE,  -- whose service account this is
    attributes      TEXT NOT NULL DEFAULT '{}',
    kept            TEXT NOT NULL DEFAULT '{}',
    not_before      INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    UNIQUE (realm_id, username)
) STRICT;
CREATE INDEX user_email ON user (realm_id, email) WHERE email IS NOT NULL;
CREATE INDEX user_service_client ON user (service_client) WHERE service_client IS NOT NULL;

CREATE TABLE credential (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    type            TEXT NOT NULL,
    secret_data     TEXT NOT NULL,            -- Keycloak's form: {"value","salt",…}
    credential_data TEXT NOT NULL,            -- Keycloak's form: {"hashIterations","algorithm",…}
    created_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX credential_user ON credential (user_id, type);

CREATE TABLE user_role (
    user_id     TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    role_id     TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_group_member (
    user_id     TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    group_id    TEXT NOT NULL REFERENCES user_group(id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;

-- A sign-in. Access and refresh tokens name it as `sid`; without it they are dead.
CREATE TABLE session (
    id          TEXT PRIMARY KEY,
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    user_id     TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    started_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE resource_server (
    id          TEXT PRIMARY KEY REFERENCES client(id) ON DELETE CASCADE,
    version     INTEGER NOT NULL DEFAULT 0,   -- raised by every change that can narrow an answer
    mode        TEXT NOT NULL,                -- ENFORCING | PERMISSIVE | DISABLED
    strategy    TEXT NOT NULL,                -- UNANIMOUS | AFFIRMATIVE
    remote      INTEGER NOT NULL,             -- allowRemoteResourceManagement
    not_before  INTEGER NOT NULL DEFAULT 0,
    kept        TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TABLE scope (
    id           TEXT PRIMARY KEY,
    server_id    TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    display_name TEXT,
    icon_uri     TEXT,
    UNIQUE (server_id, name)
) STRICT;

CREATE TABLE resource (
    id            TEXT NOT NULL,
    server_id     TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    owner         TEXT NOT NULL,              -- user.id, or resource_server.id where it owns the resource
    name          TEXT NOT NULL,
    display_name  TEXT,
    type          TEXT,
    icon_uri      TEXT,
    owner_managed INTEGER NOT NULL DEFAULT 0,
    attributes    TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (id),
    UNIQUE (server_id, owner, name)
) STRICT;
CREATE INDEX resource_by_name ON resource (server_id, name, id);
CREATE INDEX resource_by_type ON resource (server_id, type, owner) WHERE type IS NOT NULL;
CREATE INDEX resource_by_owner ON resource (owner, server_id);

CREATE TABLE resource_uri (
    resource_id TEXT NOT NULL REFERENCES resource(id) ON DELETE CASCADE,
    server_id   TEXT NOT NULL,
    uri         TEXT NOT NULL,
    first       TEXT NOT NULL,                -- first literal path segment, '' if there is none
    PRIMARY KEY (resource_id, uri)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_uri_exact ON resource_uri (server_id, uri);
CREATE INDEX resource_uri_first ON resource_uri (server_id, first);

CREATE TABLE resource_scope (
    resource_id TEXT NOT NULL REFERENCES resource(id) ON DELETE CASCADE,
    scope_id    TEXT NOT NULL REFERENCES scope(id) ON DELETE CASCADE,
    PRIMARY KEY (resource_id, scope_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_scope_scope ON resource_scope (scope_id, resource_id);

-- One share or request: the one truth about who may use an owner's resource.
CREATE TABLE share (
    id             TEXT PRIMARY KEY,
    server_id      TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    resource_id    TEXT NOT NULL REFERENCES resource(id) ON DELETE CASCADE,
    scope_id       TEXT REFERENCES scope(id) ON DELETE CASCADE,    -- absent: a resource without scopes
    requester_kind TEXT NOT NULL DEFAULT 'user',                   -- user | group | role
    requester      TEXT NOT NULL,
    owner          TEXT NOT NULL,
    state          TEXT NOT NULL,                                  -- pending | granted | denied | blocked
    expires_at     INTEGER,
    parent         TEXT REFERENCES share(id) ON DELETE CASCADE,
    view_id        TEXT NOT NULL,             -- id of the uma policy that shows this requester's shares
    created_at     INTEGER NOT NULL,
    granted_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX share_key ON share (resource_id, requester_kind, requester, ifnull(scope_id, ''));
CREATE INDEX share_requester ON share (requester, server_id, state);
CREATE INDEX share_owner ON share (owner, state);
CREATE INDEX share_server ON share (server_id, id);
CREATE INDEX share_resource_scope ON share (resource_id, scope_id, state);
CREATE INDEX share_view ON share (view_id);

CREATE TABLE policy (
    id            TEXT PRIMARY KEY,
    server_id     TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    description   TEXT,
    type          TEXT NOT NULL,
    logic         TEXT NOT NULL,
    strategy      TEXT NOT NULL,
    config        TEXT NOT NULL,              -- store::policy: references as ids, never as names
    resource_type TEXT,                       -- defaultResourceType of a permission
    owner         TEXT,                       -- of a uma policy
    kept          TEXT NOT NULL DEFAULT '{}',
    UNIQUE (server_id, name)
) STRICT;
CREATE INDEX policy_type ON policy (server_id, resource_type) WHERE resource_type IS NOT NULL;
CREATE INDEX policy_owner ON policy (owner, server_id) WHERE owner IS NOT NULL;

CREATE TABLE policy_resource (
    policy_id   TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
    resource_id TEXT NOT NULL REFERENCES resource(id) ON DELETE CASCADE,
    PRIMARY KEY (policy_id, resource_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_resource_resource ON policy_resource (resource_id, policy_id);

-- `floating`: the permission names no resource and no type, so that its scope alone finds it.
CREATE TABLE policy_scope (
    policy_id   TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
    scope_id    TEXT NOT NULL REFERENCES scope(id) ON DELETE CASCADE,
    floating    INTEGER NOT NULL,
    PRIMARY KEY (policy_id, scope_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_scope_scope ON policy_scope (scope_id, floating, policy_id);

CREATE TABLE policy_apply (
    policy_id   TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
    applied_id  TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
    PRIMARY KEY (policy_id, applied_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_apply_applied ON policy_apply (applied_id);

-- A permission ticket that was used up: the insert decides who was first.
CREATE TABLE redeemed (
    jti        TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX redeemed_expiry ON redeemed (expires_at);

-- What a refresh of an RPT re-issues (Grant §3.6); a withdrawal narrows it.
CREATE TABLE grant_row (
    id         TEXT PRIMARY KEY,
    realm_id   TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    server_id  TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    requester  TEXT NOT NULL,
    session_id TEXT REFERENCES session(id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX grant_requester ON grant_row (requester, server_id);
CREATE INDEX grant_expiry ON grant_row (expires_at);

CREATE TABLE grant_permission (
    grant_id    TEXT NOT NULL REFERENCES grant_row(id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    resource_id TEXT,
    permission  TEXT NOT NULL,                -- core::permission::Permission
    PRIMARY KEY (grant_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_permission_resource ON grant_permission (resource_id, grant_id);

-- One row per issued RPT.
CREATE TABLE rpt (
    jti          TEXT PRIMARY KEY,
    realm_id     TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    server_id    TEXT NOT NULL REFERENCES resource_server(id) ON DELETE CASCADE,
    requester    TEXT NOT NULL,
    grant_id     TEXT REFERENCES grant_row(id) ON DELETE SET NULL,
    session_id   TEXT,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    permissions  TEXT NOT NULL,
    status       INTEGER NOT NULL DEFAULT 0,  -- Token Status List: 0 valid, 1 invalid, 3 narrowed
    status_index INTEGER
) STRICT;
CREATE INDEX rpt_requester ON rpt (requester, server_id, expires_at);
CREATE INDEX rpt_expiry ON rpt (expires_at);
CREATE INDEX rpt_grant ON rpt (grant_id) WHERE grant_id IS NOT NULL;

CREATE TABLE rpt_resource (
    resource_id TEXT NOT NULL,
    jti         TEXT NOT NULL REFERENCES rpt(jti) ON DELETE CASCADE,
    PRIMARY KEY (resource_id, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX rpt_resource_jti ON rpt_resource (jti);

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY,
    realm_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    event       TEXT NOT NULL,
    actor       TEXT,
    server_id   TEXT,
    resource_id TEXT,
    requester   TEXT,
    detail      TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX audit_time ON audit (realm_id, at);
