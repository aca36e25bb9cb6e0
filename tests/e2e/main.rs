//! The real server from outside, one module a flow.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod client_auth;
mod decisions;
mod dpop;
mod engine;
mod exchange;
mod fixtures;
mod hostile;
mod imports;
mod mappers;
mod openid;
mod permission;
mod races;
mod refresh;
mod resource_set;
mod revoke;
mod selectors;
mod start;
mod token;
mod uma_policy;
mod walk;
