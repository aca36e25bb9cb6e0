//! The browser's side: the authorization endpoint, the pages of a sign-in, and the end of one.
//!
//! Pages are plain HTML that works without scripts, written with `maud`: it checks the markup when this program is
//! built, escapes whatever is put into it, and needs no files beside the binary.

pub mod answer;
pub mod authorize;
mod consent;
pub mod cookies;
mod finish;
pub mod logout;
mod next;
pub mod pages;
mod passkey;
pub mod resources;
pub mod status;
pub mod steps;
mod tasks;

use axum::{
    Router,
    routing::{get, post},
};
use std::sync::Arc;

use super::{Routes as _, extract::InRealm, token::cors};
use crate::app::App;

/// Everything that browsers ask for
pub fn routes() -> Router<Arc<App>> {
    const REALM: &str = "/realms/{realm}";
    const PROTOCOL: &str = "/realms/{realm}/protocol/openid-connect";
    Router::new()
        .at(&format!("{PROTOCOL}/auth"), get(authorize::get).post(authorize::post))
        .at(&format!("{REALM}/login-actions/authenticate"), get(steps::show).post(steps::submit))
        .at(&format!("{PROTOCOL}/logout"), get(logout::get).post(logout::post).options(cors::preflight))
        .at(&format!("{PROTOCOL}/logout/logout-confirm"), post(logout::confirm))
        .at(&format!("{PROTOCOL}/login-status-iframe.html"), get(status::iframe))
        .at(&format!("{PROTOCOL}/login-status-iframe.html/init"), get(status::init))
        .at(&format!("{PROTOCOL}/3p-cookies/step1.html"), get(status::step1))
        .at(&format!("{PROTOCOL}/3p-cookies/step2.html"), get(status::step2))
        .route("/resources/{file}", get(resources::show))
}

/// The base of what people see: of the issuer, which may be another than the one that machines call
fn front(place: &InRealm) -> &str {
    place.issuer.strip_suffix(&format!("/realms/{}", place.realm.name)).unwrap_or(&place.base)
}

#[cfg(test)]
mod tests;
