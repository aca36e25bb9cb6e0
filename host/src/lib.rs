//! The authorization server: UMA 2.0 as Keycloak serves it, on a decision core of its own.

#![deny(unsafe_code)]

pub mod admin;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decide;
pub mod error;
pub mod event;
pub mod export;
pub mod gathering;
pub mod http;
pub mod import;
pub mod issue;
pub mod keys;
pub mod limit;
pub mod metrics;
pub mod outside;
pub mod password;
pub mod pdp;
pub mod percent;
pub mod policy;
pub mod profile;
pub mod proxy;
pub mod realm;
pub mod representation;
pub mod script;
pub mod sign_in;
pub mod start;
pub mod status;
pub mod store;
pub mod tls;
pub mod transfer;

use std::sync::Arc;

/// Everything that this server answers, for one state
pub fn app(state: Arc<app::App>) -> axum::Router {
    http::router(state)
}
