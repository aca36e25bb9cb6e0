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

mod admin_clients;
mod admin_command;
mod admin_realms;
mod admin_roles;
mod admin_sessions;
mod admin_transfer;
mod admin_users;
mod answers;
mod authorize;
mod authz_evaluate;
mod authz_permission;
mod authz_policy;
mod authz_resource;
mod authz_server;
mod client_auth;
mod code;
mod decisions;
mod dpop;
mod engine;
mod exchange;
mod expiry;
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
mod sign_in;
mod sign_out;
mod start;
mod status;
mod token;
mod uma2;
mod uma_policy;
mod walk;
