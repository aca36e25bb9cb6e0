//! The challenge that tells a client where to get permission: `WWW-Authenticate: UMA` (UMA Grant §3.2.1).

use alloc::string::String;
use core::fmt::{self, Write};

use crate::limits::CHALLENGE_BYTES;

pub use parse::{Challenge, ParseChallengeError, challenges};

mod parse;

/// `Warning` header of an answer 403 where no ticket can be had (UMA Grant §3.2.2)
pub const UNREACHABLE_WARNING: &str = r#"199 - "UMA Authorization Server Unreachable""#;

/// Why no challenge can be made of some values
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildChallengeError {
    /// A value holds a control character or one outside ASCII, which no header can carry safely
    #[error("challenge parameter `{0}` has a character that a header cannot carry")]
    Character(&'static str),
    /// The authorization server or the ticket is empty
    #[error("challenge parameter `{0}` is empty")]
    Empty(&'static str),
    /// Longer than [`CHALLENGE_BYTES`]
    #[error("challenge is too long")]
    TooLong,
}

/// A UMA challenge: ask this authorization server with this ticket
///
/// ```
/// use countersign_core::challenge::UmaChallenge;
///
/// let challenge = UmaChallenge::new("documents", "https://as.example/realms/demo", "t.i.c")?;
/// let header = challenge.to_string();
/// assert_eq!(header, r#"UMA realm="documents",as_uri="https://as.example/realms/demo",ticket="t.i.c""#);
/// assert_eq!(UmaChallenge::find([header])?, Some(challenge));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UmaChallenge {
    realm: Option<String>,
    as_uri: String,
    ticket: String,
}

impl UmaChallenge {
    /// A challenge of this realm. `as_uri` is the issuer, not the address of its metadata (UMA Grant §3.2.1).
    pub fn new(realm: &str, as_uri: &str, ticket: &str) -> Result<Self, BuildChallengeError> {
        for (name, value) in [("realm", realm), ("as_uri", as_uri), ("ticket", ticket)] {
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(BuildChallengeError::Character(name));
            }
        }
        for (name, value) in [("as_uri", as_uri), ("ticket", ticket)] {
            if value.is_empty() {
                return Err(BuildChallengeError::Empty(name));
            }
        }
        let challenge = Self { realm: Some(realm.into()), as_uri: as_uri.into(), ticket: ticket.into() };
        let mut length = Length(0);
        write!(length, "{challenge}").map_err(|_| BuildChallengeError::TooLong)?;
        Ok(challenge)
    }

    /// The first UMA challenge in the values of all `WWW-Authenticate` headers of an answer.
    ///
    /// A value that cannot be read hides no other; it is an error only where no other has the challenge.
    pub fn find<V: AsRef<[u8]>>(
        values: impl IntoIterator<Item = V>,
    ) -> Result<Option<Self>, ParseChallengeError> {
        let mut error = None;
        for value in values {
            match challenges(value) {
                Ok(found) => {
                    if let Some(uma) = found.iter().find_map(Self::from_challenge) {
                        return Ok(Some(uma));
                    }
                }
                Err(why) => error = error.or(Some(why)),
            }
        }
        error.map_or(Ok(None), Err)
    }

    /// A challenge of scheme `UMA` that has both an authorization server and a ticket
    pub fn from_challenge(challenge: &Challenge) -> Option<Self> {
        if !challenge.scheme().eq_ignore_ascii_case("UMA") {
            return None;
        }
        let given = |name| challenge.parameter(name).filter(|value| !value.is_empty());
        Some(Self {
            realm: challenge.parameter("realm").map(Into::into),
            as_uri: given("as_uri")?.into(),
            ticket: given("ticket")?.into(),
        })
    }

    /// The protection space (RFC 9110 §11.5)
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The issuer of the authorization server; to be trusted for reasons other than this challenge
    pub fn as_uri(&self) -> &str {
        &self.as_uri
    }

    /// The permission ticket
    pub fn ticket(&self) -> &str {
        &self.ticket
    }
}

/// The header's value, without blanks after commas: widely used clients split at `,` and `=` and do not trim
impl fmt::Display for UmaChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UMA ")?;
        if let Some(realm) = &self.realm {
            write!(f, "realm={},", Quoted(realm))?;
        }
        write!(f, "as_uri={},ticket={}", Quoted(&self.as_uri), Quoted(&self.ticket))
    }
}

/// A quoted-string (RFC 9110 §5.6.4)
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        if self.0 > CHALLENGE_BYTES { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
