//! Header lines: what a client may say of itself, and what only a guard may say of a client.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::{rpt::Granted, scope::Scope, uri::percent};

/// The names that only a guard may use begin so
const OWN: &[u8] = b"x-countersign-";

/// What came as credential
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Presented {
    /// Nothing, two things, or something else
    Nothing,
    /// `Authorization: Bearer` (RFC 6750 §2.1)
    Bearer(Arc<str>),
    /// `Authorization: DPoP` (RFC 9449 §7.1)
    Dpop(Arc<str>),
}

impl Presented {
    /// Reads the one `Authorization` header; of two, none counts. Tokens elsewhere in the request do not count either.
    pub(super) fn read(headers: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut values = values(headers, b"authorization");
        let (Some(value), None) = (values.next(), values.next()) else { return Self::Nothing };
        let Ok(value) = core::str::from_utf8(value) else { return Self::Nothing };
        let Some((scheme, token)) = value.split_once(' ') else { return Self::Nothing };
        let token: Arc<str> = token.trim_matches(' ').into();
        if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(token)
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Self::Dpop(token)
        } else {
            Self::Nothing
        }
    }

    pub(super) fn token(&self) -> Option<Arc<str>> {
        match self {
            Self::Nothing => None,
            Self::Bearer(token) | Self::Dpop(token) => Some(Arc::clone(token)),
        }
    }

    pub(super) const fn is_dpop(&self) -> bool {
        matches!(self, Self::Dpop(_))
    }
}

/// The values of a header, its name in any case
pub(super) fn values<'a>(
    headers: &'a [(Vec<u8>, Vec<u8>)],
    name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_slice())
}

/// Names of a guard's own headers among those of a client, in every spelling that some server behind takes for one:
/// in any case, and with any other sign in a hyphen's place
pub(super) fn smuggled(headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    let is_own =
        |name: &[u8]| name.len() >= OWN.len() && name.iter().map(plain).zip(OWN).all(|(a, b)| a == *b);
    let mut names: Vec<Vec<u8>> = Vec::new();
    for (name, _) in headers {
        if is_own(name) && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Cookies (RFC 6265 §4.2.1), in order
pub(super) fn cookies(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    let lines = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let pairs = lines.flat_map(|(_, line)| line.split(';'));
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.trim(), value.trim())).filter(|(name, _)| !name.is_empty()).collect()
}

/// The headers that tell the server behind who may do what; without a permission, only who it is
pub(super) fn granted(
    granted: Option<&Granted>,
    sub: Option<&str>,
    jti: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut set = Vec::new();
    let resource = granted.and_then(|granted| granted.permission.rsid.as_deref());
    for (name, value) in
        [("x-countersign-sub", sub), ("x-countersign-resource", resource), ("x-countersign-rpt-jti", jti)]
    {
        set.extend(value.map(|value| (name, safe(value))));
    }
    let Some(granted) = granted else { return set };
    let mut scopes = String::new();
    for scope in granted.permission.scopes.iter().map(Scope::as_str) {
        if !scopes.is_empty() {
            scopes.push(' ');
        }
        scopes.push_str(&safe(scope));
    }
    set.push(("x-countersign-scopes", scopes));
    set
}

/// Percent-encoded, so that no value ends a line, an item of a list or a word
fn safe(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        percent(
            byte,
            &|byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b',' | b';' | b'"'),
            &mut out,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn trap_oauth_19_own_headers_are_found_in_any_spelling() {
        let own = [
            "x-countersign-sub",
            "X-Countersign-Sub",
            "X_COUNTERSIGN_SUB",
            "x.countersign.x",
            "x-countersign-",
        ];
        for name in own {
            assert_eq!(smuggled(&headers(&[(name, "alice"), (name, "bob")])), [name.as_bytes()], "{name}");
        }
        for name in ["x-countersign", "countersign-sub", "xx-countersign-sub", "x-countersigned", "accept"] {
            assert!(smuggled(&headers(&[(name, "alice")])).is_empty(), "{name}");
        }
        assert_eq!(smuggled(&[(b"X-Countersign-\xFF".to_vec(), Vec::new())]).len(), 1, "no text at all");
    }

    #[test]
    fn trap_oauth_18_no_value_breaks_out_of_its_header() {
        assert_eq!(safe("bob@example.org"), "bob@example.org");
        assert_eq!(safe("a\r\nb: c"), "a%0D%0Ab:%20c");
        assert_eq!(safe("Ines \u{e9},x;y=\"z\"%41"), "Ines%20%C3%A9%2Cx%3By=%22z%22%2541");
    }

    #[test]
    fn only_one_authorization_counts() {
        let token = |value: &str| Presented::read(&headers(&[("AUTHORIZATION", value)])).token();
        for good in ["Bearer a.b.c", "bearer  a.b.c", "DPOP a.b.c"] {
            assert_eq!(token(good).as_deref(), Some("a.b.c"), "{good}");
        }
        for bad in ["", "Bearer", "Basic a.b.c", "a.b.c", " Bearer a.b.c", "Bearer\ta.b.c"] {
            assert_eq!(token(bad), None, "{bad}");
        }
        let two = headers(&[("Authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(Presented::read(&two) == Presented::Nothing && Presented::read(&[]) == Presented::Nothing);
        assert!(
            Presented::read(&[(b"Authorization".to_vec(), b"Bearer \xFF".to_vec())]) == Presented::Nothing
        );
    }
}
