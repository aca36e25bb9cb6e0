-- The cookie by which a browser shows that a session is its own. The session's id does not: it is in tokens and URLs.
CREATE TABLE sign_in_cookie (
    digest      BLOB PRIMARY KEY,             -- SHA-256 of the cookie's value
    session_id  TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sign_in_cookie_session ON sign_in_cookie (session_id);

-- What an authorization code stands for (RFC 6749 §4.1.2). A spent one is kept, so that its second use is seen.
CREATE TABLE authorization_code (
    digest      BLOB PRIMARY KEY,             -- SHA-256 of the code
    realm_id    TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id   TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    session_id  TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    stands_for  TEXT NOT NULL,                -- store::sign_in::Grant
    valid_until INTEGER NOT NULL,
    spent_at    INTEGER,
    expires_at  INTEGER NOT NULL              -- until when a second use is recognised
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_code_expiry ON authorization_code (expires_at);
CREATE INDEX authorization_code_session ON authorization_code (session_id);
CREATE INDEX authorization_code_client ON authorization_code (client_id);

-- Which client scopes a user has let a client have.
CREATE TABLE consent (
    user_id    TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,                 -- names, as a JSON list
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_client ON consent (client_id);

-- Failed attempts to sign in, by whom or from where they came.
CREATE TABLE sign_in_failure (
    realm_id     TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    subject      TEXT NOT NULL,               -- sign_in::throttle
    count        INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (realm_id, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_failure_expiry ON sign_in_failure (expires_at);

-- Browsers in which somebody has signed in before: strangers' failures do not lock these out.
CREATE TABLE known_browser (
    digest     BLOB NOT NULL,                 -- SHA-256 of the cookie's value
    user_id    TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (digest, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_browser_user ON known_browser (user_id);
CREATE INDEX known_browser_expiry ON known_browser (expires_at);

-- The last step of a one-time secret that was used: it and those before it do not count again (RFC 6238 §5.2).
CREATE TABLE otp_use (
    credential_id TEXT PRIMARY KEY REFERENCES credential(id) ON DELETE CASCADE,
    step          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
