-- What a sign-in has to know.
ALTER TABLE session ADD COLUMN auth_time   INTEGER;
ALTER TABLE session ADD COLUMN last_access INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN ip_address  TEXT;
ALTER TABLE session ADD COLUMN remember_me INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN offline     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN notes       TEXT NOT NULL DEFAULT '{}';

-- A client's part in a sign-in. Its tokens are dead without it.
CREATE TABLE client_session (
    session_id   TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    client_id    TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,   -- internal id
    started_at   INTEGER NOT NULL,
    refreshed_at INTEGER NOT NULL,
    acr          TEXT NOT NULL DEFAULT '1',
    PRIMARY KEY (session_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_session_client ON client_session (client_id);
-- Which clients took part was not kept before: the sign-ins of that time end.
DELETE FROM session;

-- How often a refresh token was used, where that is limited.
CREATE TABLE refresh_use (
    jti        TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    uses       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_use_expiry ON refresh_use (expires_at);
CREATE INDEX refresh_use_session ON refresh_use (session_id);

-- Access tokens that were taken back before their time (RFC 7009).
CREATE TABLE revoked (
    jti        TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_expiry ON revoked (expires_at);
