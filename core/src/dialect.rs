//! Renderings of one assessment as HTTP: nothing else knows that there is more than one.

pub mod keycloak;
pub mod uma2;

/// An answer that is not a success: status and the two members of its JSON body (RFC 6749 §5.2)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// HTTP status
    pub status: u16,
    /// Member `error`
    pub error: &'static str,
    /// Member `error_description`
    pub description: alloc::string::String,
}
