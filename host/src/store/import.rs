//! Writing of imported realms.
