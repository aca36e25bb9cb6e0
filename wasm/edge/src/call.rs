//! Questions to the authorization server as HTTP.

use core::fmt::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_core::edge::{Body, Credential, Fetch};

/// The resource server's client credentials (RFC 6749 §2.3.1)
#[derive(Clone)]
pub struct Credentials {
    pub(crate) client: String,
    pub(crate) secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A request to the authorization server, ready to be sent
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// `GET` or `POST`
    pub method: &'static str,
    /// Whether by TLS
    pub is_https: bool,
    /// Host and port, as the URL has them
    pub authority: String,
    /// Path and query
    pub target: String,
    /// Header lines, names in lower case
    pub headers: Vec<(&'static str, String)>,
    /// The body of a `POST`
    pub body: Option<Vec<u8>>,
    /// Seconds for which a good answer serves the same question of this resource server
    pub fresh_for: u64,
}

/// Without headers and body, which hold credentials
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Call {
    /// Writes a fetch as a call; nothing where it would go to another server than the issuer's, or without the
    /// credentials that it needs.
    pub fn of(fetch: Fetch, issuer: &str, credentials: Option<&Credentials>) -> Option<Self> {
        let (is_https, authority, target) = parts(&fetch.url)?;
        let (issuer_is_https, issuer_authority, _) = parts(issuer)?;
        if is_https != issuer_is_https || !authority.eq_ignore_ascii_case(issuer_authority) {
            return None;
        }
        let mut headers = vec![("accept", fetch.accept.to_owned())];
        match &fetch.credential {
            Credential::None => {}
            Credential::Client => headers.push(("authorization", basic(credentials?))),
            Credential::Pat(token) => headers.push(("authorization", format!("Bearer {}", token.expose()))),
        }
        let (method, media_type, body) = match fetch.body {
            Body::None => ("GET", None, None),
            Body::Form(form) => {
                ("POST", Some("application/x-www-form-urlencoded"), Some(form.expose().as_bytes().to_vec()))
            }
            Body::Json(json) => ("POST", Some("application/json"), Some(json.into_bytes())),
        };
        headers.extend(media_type.map(|media_type| ("content-type", media_type.to_owned())));
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let (authority, fresh_for) = (authority.to_owned(), fetch.fresh_for);
        Some(Self { method, is_https, authority, target, headers, body, fresh_for })
    }

    /// The whole URL
    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.is_https { "https" } else { "http" }, self.authority, self.target)
    }
}

fn parts(url: &str) -> Option<(bool, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((is_https, authority, target))
}

fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", form(&credentials.client), form(&credentials.secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
fn form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        assert_eq!(parts("https://as.example/realms/a?b=c"), Some((true, "as.example", "/realms/a?b=c")));
        assert_eq!(parts("http://[::1]:8080"), Some((false, "[::1]:8080", "")));
        for bad in ["as.example", "ftp://as.example", ""] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_encoded_before_they_are_joined_and_not_shown() {
        let credentials = Credentials { client: "a:b".into(), secret: "c d%".into() };
        assert_eq!(basic(&credentials), format!("Basic {}", STANDARD.encode("a%3Ab:c%20d%25")));
        assert!(!format!("{credentials:?}").contains("c d"));
    }
}
