-- What a requester has is read in pages, in the order of ids.
DROP INDEX resource_by_owner;
CREATE INDEX resource_by_owner ON resource (owner, server_id, id);
DROP INDEX share_requester;
CREATE INDEX share_requester ON share (requester, server_id, state, resource_id);
