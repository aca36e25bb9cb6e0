-- What an owner shares goes on behind the entry that came last, whichever of two tables it is in.
DROP INDEX policy_owner;
CREATE INDEX policy_owner ON policy (owner, server_id, id) WHERE owner IS NOT NULL;
CREATE INDEX share_views ON share (owner, server_id, view_id) WHERE state = 'granted' AND requester_kind = 'user';
