//! What an enforcer may look at.

use core::fmt;

/// Headers by which a server behind the guard may take a request for another one (TRAP-OAUTH-19, -20)
const OVERRIDES: [&str; 7] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
];

/// A request, borrowed
///
/// Fill in what the configured claims need; what is left out resolves to nothing.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    /// The method as it was sent
    pub method: &'a str,
    /// The request target as it was sent
    pub target: &'a [u8],
    /// The whole URI (`{request.uri}`)
    pub uri: &'a str,
    /// The path below the application's root (`{request.relativePath}`)
    pub relative_path: &'a str,
    /// Whether it came by TLS (`{request.secure}`)
    pub secure: bool,
    /// The peer's address (`{request.remoteAddr}`), never taken from a header that a client can send
    pub remote_addr: &'a str,
    /// Parameters of query and form, decoded, in order, repetitions included
    pub parameters: &'a [(&'a str, &'a str)],
    /// Headers, their names in any case
    pub headers: &'a [(&'a str, &'a str)],
    /// Cookies
    pub cookies: &'a [(&'a str, &'a str)],
    /// The body
    pub body: &'a [u8],
    /// The access token, once it has been verified
    pub access_token: Option<&'a str>,
}

impl Request<'_> {
    /// Whether a header says that this is another request than it seems.
    ///
    /// One that says the same changes nothing. A gateway that sets such headers itself removes the client's and asks
    /// about the request that it means.
    pub fn is_overridden(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            let which = OVERRIDES.iter().position(|known| known.eq_ignore_ascii_case(name));
            which.is_some_and(
                |at| if at < 3 { *value != self.method } else { value.as_bytes() != self.target },
            )
        })
    }
}

/// Without anything that may be a secret
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}
