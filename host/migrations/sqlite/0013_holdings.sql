-- Whether a scope is granted to others is answered by the index alone.
DROP INDEX share_resource_scope;
CREATE INDEX share_resource_scope ON share (resource_id, scope_id, state, requester, expires_at);

-- A list of events goes on behind the one that came last.
CREATE UNIQUE INDEX event_uid ON event (uid);

-- What a grant holds is one document, as with an RPT, so that many permissions cost one row.
ALTER TABLE grant_row ADD COLUMN permissions TEXT NOT NULL DEFAULT '[]';
UPDATE grant_row SET permissions = (
    SELECT json_group_array(json(permission)) FROM (
        SELECT permission FROM grant_permission WHERE grant_id = grant_row.id ORDER BY position));

-- Which grants name a resource; those that are `wide` name too many to be listed, and are looked into themselves.
CREATE TABLE grant_resource (
    resource_id TEXT NOT NULL,
    grant_id    TEXT NOT NULL REFERENCES grant_row(id) ON DELETE CASCADE,
    PRIMARY KEY (resource_id, grant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_resource_grant ON grant_resource (grant_id);
INSERT OR IGNORE INTO grant_resource (resource_id, grant_id)
    SELECT resource_id, grant_id FROM grant_permission WHERE resource_id IS NOT NULL;
DROP TABLE grant_permission;

ALTER TABLE grant_row ADD COLUMN wide INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rpt ADD COLUMN wide INTEGER NOT NULL DEFAULT 0;
CREATE INDEX grant_wide ON grant_row (expires_at) WHERE wide = 1;
CREATE INDEX rpt_wide ON rpt (expires_at) WHERE wide = 1;
