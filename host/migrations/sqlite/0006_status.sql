-- The status list of a realm (Token Status List): how many places it has, and how many changes it has seen.
CREATE TABLE status_list (
    realm_id TEXT PRIMARY KEY REFERENCES realm(id) ON DELETE CASCADE,
    places   INTEGER NOT NULL DEFAULT 1048576,
    seq      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The last changes, numbered without gaps: a guard that was cut off catches up.
CREATE TABLE status_change (
    realm_id     TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    status_index INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    PRIMARY KEY (realm_id, seq)
) STRICT, WITHOUT ROWID;

-- No two tokens at a time have one place.
CREATE UNIQUE INDEX rpt_status_index ON rpt (realm_id, status_index) WHERE status_index IS NOT NULL;
CREATE INDEX rpt_marked ON rpt (realm_id, expires_at) WHERE status <> 0;

-- Whatever marks an RPT, guards hear of it: in the same transaction, by nobody's leave.
CREATE TRIGGER rpt_marked AFTER UPDATE OF status ON rpt
WHEN NEW.status <> OLD.status AND NEW.status_index IS NOT NULL
BEGIN
    INSERT INTO status_list (realm_id, seq) VALUES (NEW.realm_id, 1)
        ON CONFLICT (realm_id) DO UPDATE SET seq = seq + 1;
    INSERT INTO status_change (realm_id, seq, status_index, status)
        SELECT realm_id, seq, NEW.status_index, NEW.status FROM status_list WHERE realm_id = NEW.realm_id;
END;
CREATE TRIGGER rpt_removed AFTER DELETE ON rpt
WHEN OLD.status_index IS NOT NULL AND OLD.status <> 1 AND OLD.expires_at >= unixepoch()
    AND EXISTS (SELECT 1 FROM realm WHERE id = OLD.realm_id)
BEGIN
    INSERT INTO status_list (realm_id, seq) VALUES (OLD.realm_id, 1)
        ON CONFLICT (realm_id) DO UPDATE SET seq = seq + 1;
    INSERT INTO status_change (realm_id, seq, status_index, status)
        SELECT realm_id, seq, OLD.status_index, 1 FROM status_list WHERE realm_id = OLD.realm_id;
END;
-- Tokens of a sign-in that has ended are dead, however it ended.
CREATE TRIGGER session_ended AFTER DELETE ON session
BEGIN
    UPDATE rpt SET status = 1, permissions = '[]'
    WHERE session_id = OLD.id AND status <> 1 AND expires_at >= unixepoch();
END;
-- And those of a client that has left it (refresh token used twice, sign-out of one app).
CREATE TRIGGER client_session_ended AFTER DELETE ON client_session
BEGIN
    UPDATE rpt SET status = 1, permissions = '[]'
    WHERE session_id = OLD.session_id AND client_id = OLD.client_id AND status <> 1 AND expires_at >= unixepoch();
END;
CREATE TRIGGER realm_removed AFTER DELETE ON realm
BEGIN
    DELETE FROM status_change WHERE realm_id = OLD.id;
END;
