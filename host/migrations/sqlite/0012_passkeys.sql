-- What the owner of a credential calls it.
ALTER TABLE credential ADD COLUMN label TEXT;

-- Challenges that a passkey has answered: none is answered twice.
CREATE TABLE passkey_challenge (
    challenge  TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL               -- until when a sign-in with it could go on
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_challenge_expiry ON passkey_challenge (expires_at);
