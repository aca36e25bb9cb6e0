//! Where a browser may be sent: the redirect URIs of a client, by Keycloak's rules made strict (RFC 9700 §4.1.3).
//!
//! - A registered URI fits when it is the same text, byte for byte.
//! - `*` at its end stands for the rest of the path and the query, never for a part of the host.
//! - One that begins with `/` is below the client's `rootUrl`, else below this server.
//! - `http` on a loopback host that is registered without a port fits any port (RFC 8252 §7.3).
//! - `*` alone, which Keycloak takes for every site, means loopback hosts and the client's own site here.

use crate::realm::Client;

/// Longest URI that is looked at, in bytes
const LONGEST: usize = 2_000;
/// Schemes whose URIs run or show something in the browser instead of leading somewhere
const ACTIVE: &[&str] =
    &["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ws", "wss"];
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// A URI that the client has registered, in a form that is safe in a header
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The URI
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As text
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The parts of a URI that decide
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    scheme: &'a str,
    /// Absent for `app:/path`
    authority: Option<&'a str>,
    /// Path and query
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// The parts, unless the text is one that two readers could take for two things
    fn read(uri: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        if uri.is_empty() || uri.len() > LONGEST || !uri.bytes().all(plain) {
            return None;
        }
        let (scheme, rest) = uri.split_once(':')?;
        let mut letters = scheme.bytes();
        let named = letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
        if !named || ACTIVE.contains(&scheme) {
            return None;
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return (!is_web(scheme)).then_some(Self { scheme, authority: None, rest });
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let parts = Self { scheme, authority: Some(authority), rest };
        (!authority.contains(['@', '%']) && (!is_web(scheme) || parts.is_web_host())).then_some(parts)
    }

    fn host(&self) -> &'a str {
        let authority = self.authority.unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, _)) if !authority.ends_with(']') => host,
            _ => authority,
        }
    }

    fn port(&self) -> Option<&'a str> {
        self.authority?.strip_prefix(self.host())?.strip_prefix(':')
    }

    fn is_web_host(&self) -> bool {
        let host = self.host();
        let named = match host.strip_prefix('[') {
            Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<core::net::Ipv6Addr>().is_ok()),
            None => {
                !host.ends_with('.')
                    && !host.starts_with('.')
                    && host.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
                    })
            }
        };
        let port = self
            .port()
            .is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
        named && !host.is_empty() && port
    }

    fn is_loopback(&self) -> bool {
        self.scheme == "http" && LOOPBACK.contains(&self.host())
    }

    /// Whether its path stays where it seems to be: no way up, in no encoding
    fn stays(&self) -> bool {
        let path = self.rest.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let hidden = ["%2e", "%2f", "%5c", "%25", "%00", "%0a", "%0d", "%09", ";"];
        !hidden.iter().any(|bad| path.contains(bad))
            && !path.split('/').any(|part| part == ".." || part == ".")
    }
}

fn is_web(scheme: &str) -> bool {
    matches!(scheme, "http" | "https")
}

/// Scheme, host and port of a URL that a browser would call the same site (RFC 6454 §4)
pub fn origin(uri: &str) -> Option<String> {
    let parts = Parts::read(uri)?;
    Some(format!("{}://{}", parts.scheme, parts.authority?))
}

/// Scheme of a URI that [`registered`] has taken
pub fn scheme(uri: &str) -> &str {
    uri.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// The URI that was asked for, if one of the patterns fits it
pub fn registered(patterns: &[String], client: &Client, base: &str, asked: &str) -> Option<RedirectUri> {
    let parts = Parts::read(asked)?;
    let fits = |parts: &Parts<'_>, uri: &str| {
        patterns.iter().any(|pattern| {
            let pattern = absolute(pattern, client, base);
            if pattern == "*" { is_own_site(parts, uri, client, base) } else { matches(&pattern, parts, uri) }
        })
    };
    if fits(&parts, asked) {
        return Some(RedirectUri(asked.to_owned()));
    }
    let port = parts.port()?;
    if !parts.is_loopback() {
        return None;
    }
    let without = asked.replacen(&format!(":{port}"), "", 1);
    let fits = fits(&Parts::read(&without)?, &without);
    fits.then(|| RedirectUri(asked.to_owned()))
}

/// The URI that was asked for, if it is registered byte for byte: no wildcard, nothing relative, no other port
/// (RFC 3986 §6.2.1)
pub fn exact<'a>(mut registered: impl Iterator<Item = &'a str>, asked: &str) -> Option<RedirectUri> {
    let fits = Parts::read(asked).is_some() && !asked.contains('*') && registered.any(|uri| uri == asked);
    fits.then(|| RedirectUri(asked.to_owned()))
}

/// The one URI of a client that has only one without a wildcard (RFC 6749 §3.1.2.3)
pub fn only(client: &Client, base: &str) -> Option<RedirectUri> {
    let [one] = client.settings.redirect_uris.as_slice() else { return None };
    let one = absolute(one, client, base);
    (!one.contains('*') && Parts::read(&one).is_some()).then_some(RedirectUri(one))
}

/// Where a client is at home: its `baseUrl`, else its `rootUrl`
pub fn home(client: &Client, base: &str) -> Option<String> {
    match client.settings.base_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(absolute(url, client, base)),
        None => client.settings.root_url.as_deref().filter(|url| !url.is_empty()).map(|_| root(client, base)),
    }
}

/// What relative URLs of a client are relative to
fn root(client: &Client, base: &str) -> String {
    let root = client.settings.root_url.as_deref().unwrap_or_default();
    let root = root.replace("${authBaseUrl}", base).replace("${authAdminUrl}", base);
    if root.is_empty() { base.to_owned() } else { root.trim_end_matches('/').to_owned() }
}

fn absolute(pattern: &str, client: &Client, base: &str) -> String {
    match pattern.strip_prefix('/') {
        None => pattern.to_owned(),
        // Keycloak puts relative ones without a `rootUrl` behind the host, without the path of the server.
        Some(_) if client.settings.root_url.as_deref().unwrap_or_default().is_empty() => {
            format!("{}{pattern}", origin(base).unwrap_or_default())
        }
        Some(_) => format!("{}{pattern}", root(client, base)),
    }
}

fn is_own_site(parts: &Parts<'_>, uri: &str, client: &Client, base: &str) -> bool {
    let own = origin(&root(client, base));
    is_web(parts.scheme) && (parts.is_loopback() || own.is_some() && origin(uri) == own)
}

fn matches(pattern: &str, parts: &Parts<'_>, uri: &str) -> bool {
    let Some(prefix) = pattern.strip_suffix('*').filter(|prefix| !prefix.contains('?')) else {
        return pattern == uri;
    };
    // The host must be whole before the wildcard begins.
    let whole = match prefix.split_once("://") {
        Some((scheme, rest)) => !is_web(scheme) || rest.contains('/'),
        None => prefix.contains(':'),
    };
    if !whole || prefix.contains('*') || !parts.stays() {
        return false;
    }
    let path = uri.split('?').next().unwrap_or_default();
    path.starts_with(prefix) || prefix.strip_suffix('/') == Some(path)
}

#[cfg(test)]
mod tests;
