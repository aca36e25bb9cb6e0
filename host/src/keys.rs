//! Keys: the master key, and what each realm signs with.
//!
//! A realm has one signing key for each algorithm that was asked for (RS256 unless realm or client say otherwise), made
//! when it is first needed, and one HS512 key for what only this server reads: permission tickets and refresh tokens.
//! Keycloak's RSA-OAEP key is left out: nothing here is encrypted for a realm, so nobody could use it; so are `x5c`
//! and `x5t`, which name certificates that nothing checks.

mod keyring;
mod master;
mod signing;

pub use self::{
    keyring::{Keyring, KeyringError, Keyrings, open, public_info, seal},
    master::{MasterKey, MasterKeyError},
    signing::{
        KeyError, NewKey, Verifier, generate, import, import_rsa, new_ticket_key, random_id, random_place,
        random_session_id,
    },
};
