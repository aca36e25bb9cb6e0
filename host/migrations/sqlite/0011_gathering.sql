-- A page that asks somebody for claims (UMA Grant §3.3.2). Its ticket never leaves the server.
CREATE TABLE interaction (
    digest     BLOB PRIMARY KEY,              -- SHA-256 of the id in the page's address
    realm_id   TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    browser    BLOB NOT NULL,                 -- SHA-256 of the browser's cookie
    about      BLOB NOT NULL,                 -- ticket, where the browser goes, `state`; sealed
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX interaction_expiry ON interaction (expires_at);
CREATE INDEX interaction_client ON interaction (client_id);
CREATE INDEX interaction_realm ON interaction (realm_id);

-- What somebody has said there, for the tickets of one line.
CREATE TABLE gathered (
    line       TEXT PRIMARY KEY,              -- `jti` of the line's first ticket
    realm_id   TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    user_id    TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,                 -- the sign-in in which he said it
    claims     BLOB NOT NULL,                 -- sealed
    remember   INTEGER NOT NULL,              -- he lets them be remembered
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gathered_expiry ON gathered (expires_at);
CREATE INDEX gathered_client ON gathered (client_id);
CREATE INDEX gathered_user ON gathered (user_id);
CREATE INDEX gathered_realm ON gathered (realm_id);

-- Claims that somebody lets be remembered for a client: what a persisted claims token stands for (UMA Grant §3.3.5).
CREATE TABLE pct (
    digest     BLOB PRIMARY KEY,              -- SHA-256 of the token
    realm_id   TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    user_id    TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    claims     BLOB NOT NULL,                 -- sealed
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pct_expiry ON pct (expires_at);
CREATE INDEX pct_client ON pct (client_id);
CREATE INDEX pct_user ON pct (user_id, client_id);
CREATE INDEX pct_realm ON pct (realm_id);
