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

mod account;
mod account_access;
mod account_person;
mod admin_clients;
mod admin_command;
mod admin_realms;
mod admin_roles;
mod admin_sessions;
mod admin_transfer;
mod admin_users;
mod answers;
mod audit;
mod authorize;
mod authz_evaluate;
mod authz_permission;
mod authz_policy;
mod authz_resource;
mod authz_server;
mod authzen;
mod authzen_search;
mod bodies;
mod cases;
mod claims;
mod claims_scope;
mod client_auth;
mod code;
mod crash;
mod decisions;
mod dpop;
mod engine;
mod events;
mod exchange;
mod expiry;
mod fixtures;
mod hostile;
mod imports;
mod lists;
mod logs;
mod mappers;
mod metrics;
mod one_time_codes;
mod openid;
mod passkeys;
mod password_policy;
mod permission;
mod protection;
mod proxies;
mod races;
mod rates;
mod realm_keys;
mod refresh;
mod required_actions;
mod resource_set;
mod revoke;
mod scripts;
mod selectors;
mod sign_in;
mod sign_out;
mod start;
mod status;
mod tenants;
mod tls;
mod token;
mod traps_oauth;
mod traps_uma;
mod uma2;
mod uma_policy;
mod walk;
