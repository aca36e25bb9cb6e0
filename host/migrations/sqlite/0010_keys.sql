-- Keys that were taken out of use and are no longer published after a time.
CREATE INDEX realm_key_retired ON realm_key (retire_at) WHERE active = 0 AND retire_at IS NOT NULL;
