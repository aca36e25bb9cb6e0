//! The authorization server: UMA 2.0 as Keycloak serves it, on a decision core of its own.

#![deny(unsafe_code)]

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decide;
pub mod error;
pub mod http;
pub mod import;
pub mod issue;
pub mod keys;
pub mod password;
pub mod pdp;
pub mod realm;
pub mod start;
pub mod status;
pub mod store;

use std::sync::Arc;

/// Everything that this server answers, for one state
pub fn app(state: Arc<app::App>) -> axum::Router {
    http::router(state)
}
