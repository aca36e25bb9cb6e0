//! Keycloak's rendering (`keycloak-wire` §6.5): every denial is `access_denied`, the description tells more.

use alloc::{format, string::String, vec::Vec};

use super::ErrorAnswer;
use crate::assessment::Refusal;

/// A denial: 403, with or without a request to the owner (`keycloak-wire` §6.5 row 11)
///
/// ```
/// use countersign_core::dialect::keycloak::denied;
///
/// assert_eq!(denied(true).description, "request_submitted");
/// assert_eq!(denied(false).description, "not_authorized");
/// ```
pub fn denied(submitted: bool) -> ErrorAnswer {
    let description = if submitted { "request_submitted" } else { "not_authorized" };
    ErrorAnswer { status: 403, error: "access_denied", description: description.into() }
}

/// A question that names something that does not exist (`keycloak-wire` §6.5 rows 3, 8, 9)
pub fn refused(refusal: &Refusal) -> ErrorAnswer {
    let (error, description) = match refusal {
        Refusal::InvalidResource { resource } => {
            ("invalid_resource", format!("Resource with id [{resource}] does not exist."))
        }
        Refusal::InvalidUri { uri } => {
            ("invalid_resource", format!("Resource with uri [{uri}] does not exist."))
        }
        Refusal::MissingUri => ("invalid_request", String::from("You must provide the uri")),
        Refusal::InvalidScope { scopes } => {
            let scopes: Vec<_> = scopes.iter().map(crate::scope::Scope::as_str).collect();
            ("invalid_scope", format!("One of the given scopes [{}] is invalid", scopes.join(", ")))
        }
    };
    ErrorAnswer { status: 400, error, description }
}
