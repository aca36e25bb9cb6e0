//! `GET /openapi.json`: every path, verb and status of this server, as `OpenAPI` 3.1 describes them.
//!
//! The document is generated from the tables below, which name the types that handlers read and write, and kept in
//! `docs/openapi.json`, so that readers and reviewers see it and the running server has nothing to compute. A test
//! fails where the file is not what the code says, or where the router has a path or a verb that the tables lack;
//! the end-to-end tests fail where an answer has a status that is not in it.

#[cfg(test)]
mod account;
#[cfg(test)]
mod admin;
#[cfg(test)]
mod authz;
#[cfg(test)]
mod authzen;
#[cfg(test)]
mod document;
#[cfg(test)]
mod open;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod people;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod tests;

use axum::{http::StatusCode, response::Response};

use super::{Family, labelled};

/// As the tables say it
const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// `GET /openapi.json`
pub async fn show() -> Response {
    labelled(StatusCode::OK, Family::WellKnown, DOCUMENT.into())
}
