use alloc::string::String;

use serde_json::{Map, Value};

use crate::{json, limits::EDGE_ANSWER_BYTES, uri::HttpUri};

/// Why a discovery document is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not a JSON object of one meaning, or too long
    #[error("metadata is malformed")]
    Malformed,
    /// It is that of another issuer (RFC 8414 §3.3)
    #[error("metadata is of another issuer")]
    Issuer,
    /// This endpoint is no address, or would be asked without TLS
    #[error("metadata member `{0}` is no address to be trusted")]
    Endpoint(&'static str),
}

/// The endpoints of an issuer, from its `uma2-configuration` (UMA Grant §2, FedAuthz §2)
///
/// All addresses that a guard fetches are these. Beside the standard's members: `status_list_uri` is the status list
/// of its tokens, `status_stream_uri` its stream of changes.
///
/// ```
/// use countersign_core::edge::{Metadata, MetadataError};
///
/// let document = br#"{"issuer":"https://as.example","jwks_uri":"https://as.example/jwks"}"#;
/// assert!(Metadata::parse(document, "https://as.example").is_ok());
/// assert_eq!(Metadata::parse(document, "https://as.example/").map(|_| ()), Err(MetadataError::Issuer));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub(super) jwks: Option<String>,
    pub(super) token: Option<String>,
    pub(super) permission: Option<String>,
    pub(super) resources: Option<String>,
    pub(super) introspection: Option<String>,
    pub(super) status_list: Option<String>,
    pub(super) status_stream: Option<String>,
}

impl Metadata {
    /// Where the document of an issuer is
    pub fn uri(issuer: &str) -> String {
        [issuer.strip_suffix('/').unwrap_or(issuer), "/.well-known/uma2-configuration"].concat()
    }

    /// Reads the document of this issuer
    pub fn parse(document: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        if document.len() > EDGE_ANSWER_BYTES {
            return Err(MetadataError::Malformed);
        }
        let members = json::object(document).map_err(|_| MetadataError::Malformed)?;
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(MetadataError::Issuer);
        }
        // Plain HTTP only where the issuer itself is on this machine, so that nobody is sent into a private network.
        let is_local =
            issuer.parse::<HttpUri>().is_ok_and(|issuer| !issuer.is_https() && issuer.is_loopback());
        let endpoint = |name| endpoint(&members, name, is_local);
        Ok(Self {
            jwks: endpoint("jwks_uri")?,
            token: endpoint("token_endpoint")?,
            permission: endpoint("permission_endpoint")?,
            resources: endpoint("resource_registration_endpoint")?,
            introspection: endpoint("introspection_endpoint")?,
            status_list: endpoint("status_list_uri")?,
            status_stream: endpoint("status_stream_uri")?,
        })
    }
}

fn endpoint(
    members: &Map<String, Value>,
    name: &'static str,
    is_local: bool,
) -> Result<Option<String>, MetadataError> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or(MetadataError::Endpoint(name))?;
    let uri: HttpUri = text.parse().map_err(|_| MetadataError::Endpoint(name))?;
    if uri.is_https() || is_local && uri.is_loopback() {
        Ok(Some(text.into()))
    } else {
        Err(MetadataError::Endpoint(name))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use serde_json::json;

    use super::*;

    fn parse(issuer: &str, member: &str, value: &Value) -> Result<Metadata, MetadataError> {
        Metadata::parse(json!({ "issuer": issuer, member: value }).to_string().as_bytes(), issuer)
    }

    #[test]
    fn the_document_is_beside_the_issuer() {
        for issuer in ["https://as.example/t1", "https://as.example/t1/"] {
            assert_eq!(Metadata::uri(issuer), "https://as.example/t1/.well-known/uma2-configuration");
        }
    }

    #[test]
    fn trap_uma_31_endpoints_without_tls_are_refused() {
        let (far, near) = ("https://as.example", "http://localhost:8080");
        for name in [
            "jwks_uri",
            "token_endpoint",
            "permission_endpoint",
            "resource_registration_endpoint",
            "introspection_endpoint",
        ] {
            for bad in [
                json!("http://as.example/x"),
                json!("http://localhost/x"),
                json!("http://169.254.169.254/"),
                json!("file:///etc/passwd"),
                json!("/x"),
                json!("https://u@as.example/"),
                json!(1),
                json!(null),
            ] {
                assert!(parse(far, name, &bad).is_err(), "{name} {bad}");
            }
            assert!(parse(far, name, &json!("https://backend.example/x?y=1")).is_ok(), "{name}");
            assert!(parse(near, name, &json!("http://127.0.0.1:8080/x")).is_ok(), "{name}");
            assert!(parse(near, name, &json!("http://as.example/x")).is_err(), "{name}");
        }
    }

    #[test]
    fn another_issuers_document_is_refused() {
        for issuer in [json!("https://as.example/t2"), json!("https://AS.example/t1"), json!(null), json!(1)]
        {
            let document = json!({ "issuer": issuer }).to_string();
            let refused = Metadata::parse(document.as_bytes(), "https://as.example/t1");
            assert_eq!(refused, Err(MetadataError::Issuer), "{issuer}");
        }
        assert_eq!(Metadata::parse(b"<html>", "https://as.example"), Err(MetadataError::Malformed));
    }
}
