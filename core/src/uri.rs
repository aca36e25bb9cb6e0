//! Addresses by HTTP, in one spelling (RFC 3986 §6.2.2, §6.2.3).

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write};

use crate::limits::URI_BYTES;

/// Why a text is no absolute `http` or `https` URI
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseUriError {
    /// Longer than [`URI_BYTES`]
    #[error("uri is too long")]
    TooLong,
    /// Neither `http://` nor `https://`
    #[error("uri is not absolute http or https")]
    Scheme,
    /// User information, no host, or a host or port that cannot be one
    #[error("uri has no plain host")]
    Authority,
    /// A character that no URI has, or a broken percent-encoding
    #[error("uri has a character that it cannot have")]
    Character,
    /// It has a fragment, which is never sent
    #[error("uri has a fragment")]
    Fragment,
}

/// An absolute `http` or `https` URI
///
/// Scheme and host are in lower case, the scheme's own port is left out, percent-encodings are in upper case and
/// only where needed, dot segments are resolved, an empty path is `/`. `%2F` stays what it is: not a slash.
///
/// ```
/// use countersign_core::uri::HttpUri;
///
/// let uri: HttpUri = "HTTPS://Files.example:443/a/./b/../%7euser%2fx?tile=4".parse()?;
/// assert_eq!(uri.to_string(), "https://files.example/a/~user%2Fx?tile=4");
/// assert_eq!(uri.without_query().to_string(), "https://files.example/a/~user%2Fx");
/// assert!("https://user@files.example/".parse::<HttpUri>().is_err());
/// # Ok::<(), countersign_core::uri::ParseUriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUri {
    is_https: bool,
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

impl core::str::FromStr for HttpUri {
    type Err = ParseUriError;

    fn from_str(text: &str) -> Result<Self, ParseUriError> {
        if text.len() > URI_BYTES {
            return Err(ParseUriError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ParseUriError::Scheme)?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err(ParseUriError::Scheme);
        }
        if rest.contains('#') {
            return Err(ParseUriError::Fragment);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query)));
        let (host, port) = host_and_port(authority).ok_or(ParseUriError::Authority)?;
        let port = port.filter(|port| *port != if is_https { 443 } else { 80 });
        Ok(Self {
            is_https,
            host,
            port,
            path: without_dots(&plain(path, "/")?),
            query: query.map(|query| plain(query, "/?")).transpose()?,
        })
    }
}

impl HttpUri {
    /// Whether it is fetched by TLS
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether its host is this very machine by name or by one of the two usual addresses
    pub fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether it has a query, even an empty one
    pub const fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// The same without its query
    #[must_use]
    pub fn without_query(self) -> Self {
        Self { query: None, ..self }
    }
}

impl fmt::Display for HttpUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_https { "https://" } else { "http://" })?;
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)?;
        if let Some(query) = &self.query {
            f.write_char('?')?;
            f.write_str(query)?;
        }
        Ok(())
    }
}

/// Host in lower case, and the port if one is given; nothing for what is no plain host
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let end = if authority.starts_with('[') { authority.find(']')?.checked_add(1)? } else { 0 };
    let (literal, rest) = authority.split_at_checked(end)?;
    let (name, port) = rest.split_once(':').map_or((rest, ""), |(name, port)| (name, port));
    let (host, is_host) = if literal.is_empty() {
        (name, name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')))
    } else {
        let inside = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'[' | b']');
        (literal, name.is_empty() && literal.bytes().all(inside))
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() || !is_host || !is_port {
        return None;
    }
    let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
    Some((host.to_ascii_lowercase(), port))
}

/// Percent-encodings in their one spelling (RFC 3986 §6.2.2.1, §6.2.2.2)
fn plain(part: &str, more: &str) -> Result<String, ParseUriError> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let mut out = String::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit =
                || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) = (digit(), digit());
            let (Some(high), Some(low)) = (high, low) else { return Err(ParseUriError::Character) };
            percent(high.wrapping_shl(4) | low, &unreserved, &mut out);
        } else if unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) || more.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            return Err(ParseUriError::Character);
        }
    }
    Ok(out)
}

/// Writes a byte as it is where `is_plain` says so, else as `%XX`
pub(crate) fn percent(byte: u8, is_plain: &dyn Fn(u8) -> bool, out: &mut String) {
    if is_plain(byte) {
        out.push(char::from(byte));
        return;
    }
    out.push('%');
    for digit in [byte >> 4, byte & 15] {
        out.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}

/// Names and values of a query or form (WHATWG URL, `application/x-www-form-urlencoded`), in order
#[cfg(feature = "guard")]
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(a, b)| (plus(a), plus(b))).collect()
}

/// Decodes `+` and `%XX`; what is no such encoding stays as it is.
#[cfg(feature = "guard")]
fn plus(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4) | low);
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Resolves `.` and `..` (RFC 3986 §5.2.4)
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        match segment {
            "." | ".." if segments.peek().is_some() => {}
            "." | ".." => kept.push(""),
            _ => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len().saturating_add(1));
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn spelled(text: &str) -> Result<String, ParseUriError> {
        text.parse::<HttpUri>().map(|uri| uri.to_string())
    }

    #[test]
    fn one_address_has_one_spelling() {
        for (given, want) in [
            ("https://a.example", "https://a.example/"),
            ("https://a.example:/", "https://a.example/"),
            ("https://a.example:0443/x", "https://a.example/x"),
            ("http://a.example:80", "http://a.example/"),
            ("http://a.example:443", "http://a.example:443/"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
            ("https://A.Example/%41%2d%c3%a9", "https://a.example/A-%C3%A9"),
            ("https://a.example/%2e%2e/b", "https://a.example/b"),
            ("https://a.example/a/b/..", "https://a.example/a/"),
            ("https://a.example/a/b/.", "https://a.example/a/b/"),
            ("https://a.example/../../x", "https://a.example/x"),
            ("https://a.example//a//b/", "https://a.example//a//b/"),
            ("https://a.example/..;/b", "https://a.example/..;/b"),
            ("https://a.example?x=/%2f", "https://a.example/?x=/%2F"),
            ("https://a.example/?", "https://a.example/?"),
        ] {
            assert_eq!(spelled(given).as_deref(), Ok(want), "{given}");
            assert_eq!(spelled(want).as_deref(), Ok(want), "{want}");
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for (given, want) in [
            ("ftp://a.example/", ParseUriError::Scheme),
            ("//a.example/", ParseUriError::Scheme),
            ("/x", ParseUriError::Scheme),
            ("https:/a.example", ParseUriError::Scheme),
            ("https://", ParseUriError::Authority),
            ("https:///x", ParseUriError::Authority),
            ("https://u@a.example/", ParseUriError::Authority),
            ("https://u:p@a.example/", ParseUriError::Authority),
            ("https://a.example:x/", ParseUriError::Authority),
            ("https://a.example:65536/", ParseUriError::Authority),
            ("https://a.example:1:2/", ParseUriError::Authority),
            ("https://[::1/", ParseUriError::Authority),
            ("https://[::1]x/", ParseUriError::Authority),
            ("https://a example/", ParseUriError::Authority),
            ("https://\u{e9}.example/", ParseUriError::Authority),
            ("https://a.example\\@b.example/", ParseUriError::Authority),
            ("https://a.example/a b", ParseUriError::Character),
            ("https://a.example/a\r\nb", ParseUriError::Character),
            ("https://a.example/\\x", ParseUriError::Character),
            ("https://a.example/%", ParseUriError::Character),
            ("https://a.example/%2", ParseUriError::Character),
            ("https://a.example/%zz", ParseUriError::Character),
            ("https://a.example/%+1", ParseUriError::Character),
            ("https://a.example/\u{e9}", ParseUriError::Character),
            ("https://a.example/#x", ParseUriError::Fragment),
            ("https://a.example/#", ParseUriError::Fragment),
        ] {
            assert_eq!(spelled(given), Err(want), "{given}");
        }
        let long = alloc::format!("https://a.example/{}", "x".repeat(URI_BYTES));
        assert_eq!(spelled(&long), Err(ParseUriError::TooLong));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |text: &str| text.parse::<HttpUri>().unwrap().is_loopback();
        for near in ["http://localhost:8080", "http://127.0.0.1/", "http://[::1]/x", "http://LOCALHOST/"] {
            assert!(is_loopback(near), "{near}");
        }
        for far in
            ["http://localhost.example/", "http://127.0.0.1.example/", "http://0.0.0.0/", "http://[::]/"]
        {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
