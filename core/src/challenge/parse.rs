use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::limits::{CHALLENGE_BYTES, CHALLENGE_PARAMETERS, CHALLENGES};

/// Why a `WWW-Authenticate` value cannot be read
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseChallengeError {
    /// Longer than [`CHALLENGE_BYTES`], more than [`CHALLENGES`] or [`CHALLENGE_PARAMETERS`]
    #[error("challenge is too long")]
    TooLong,
    /// Not the grammar of RFC 9110 §11.6.1
    #[error("challenge is malformed at byte {at}")]
    Malformed {
        /// Offset in the value
        at: usize,
    },
    /// A parameter is given twice in one challenge (RFC 9110 §11.2)
    #[error("challenge has a parameter twice")]
    Twice,
}

/// One challenge of any scheme (RFC 9110 §11.3)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The scheme as it was spelled; compared without regard to case
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The credentials of schemes such as `Negotiate`, which have no parameters
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of a parameter, its name in any case
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads all challenges of one `WWW-Authenticate` value (RFC 9110 §11.6.1)
///
/// ```
/// use countersign_core::challenge::challenges;
///
/// let all = challenges(r#"Negotiate YWJj==, uma Ticket = "a\"b" , as_uri=x, Basic realm="r""#)?;
/// assert_eq!(all.len(), 3);
/// assert_eq!(all[0].token68(), Some("YWJj=="));
/// assert_eq!(all[1].parameter("ticket"), Some("a\"b"));
/// assert_eq!(all[2].scheme(), "Basic");
/// # Ok::<(), countersign_core::challenge::ParseChallengeError>(())
/// ```
pub fn challenges(value: impl AsRef<[u8]>) -> Result<Vec<Challenge>, ParseChallengeError> {
    let value = value.as_ref();
    if value.len() > CHALLENGE_BYTES {
        return Err(ParseChallengeError::TooLong);
    }
    let mut input = Input { all: value, at: 0 };
    let mut found: Vec<Challenge> = Vec::new();
    loop {
        // A list may have empty elements (RFC 9110 §5.6.1).
        input.skip(|byte| matches!(byte, b' ' | b'\t' | b','));
        if input.peek().is_none() {
            return Ok(found);
        }
        // A name before `=` goes on with the challenge before; anything else begins one.
        let begin = input.at;
        let name = input.token()?;
        if input.equals() {
            let challenge = found.last_mut().filter(|last| last.token68.is_none());
            let challenge = challenge.ok_or(ParseChallengeError::Malformed { at: begin })?;
            input.parameter(name, challenge)?;
        } else {
            if found.len() >= CHALLENGES {
                return Err(ParseChallengeError::TooLong);
            }
            input.at = begin.saturating_add(name.len());
            let mut challenge = Challenge { scheme: name.to_owned(), ..Challenge::default() };
            if input.skip(|byte| byte == b' ') {
                input.first_of(&mut challenge)?;
            }
            found.push(challenge);
        }
        input.skip(|byte| matches!(byte, b' ' | b'\t'));
        if !matches!(input.peek(), None | Some(b',')) {
            return Err(input.malformed());
        }
    }
}

struct Input<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn peek(&self) -> Option<u8> {
        self.all.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    const fn malformed(&self) -> ParseChallengeError {
        ParseChallengeError::Malformed { at: self.at }
    }

    /// Goes past all bytes of a kind; whether there were any
    fn skip(&mut self, kind: impl Fn(u8) -> bool) -> bool {
        let begin = self.at;
        while self.peek().is_some_and(&kind) {
            self.step();
        }
        self.at > begin
    }

    fn text(&mut self, kind: impl Fn(u8) -> bool) -> &'a str {
        let begin = self.at;
        self.skip(kind);
        // Both kinds asked for are ASCII.
        self.all.get(begin..self.at).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// A token (RFC 9110 §5.6.2)
    fn token(&mut self) -> Result<&'a str, ParseChallengeError> {
        let token = self.text(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if token.is_empty() { Err(self.malformed()) } else { Ok(token) }
    }

    /// Goes past `=` and the blanks around it, if it is there
    fn equals(&mut self) -> bool {
        let begin = self.at;
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        if self.peek() == Some(b'=') {
            self.step();
            self.skip(|byte| matches!(byte, b' ' | b'\t'));
            return true;
        }
        self.at = begin;
        false
    }

    /// What follows a scheme: a token68, a first parameter, or nothing
    fn first_of(&mut self, challenge: &mut Challenge) -> Result<(), ParseChallengeError> {
        let begin = self.at;
        let token68 = self.text(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        let padding = self.text(|byte| byte == b'=');
        let end = self.at;
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        if matches!(self.peek(), None | Some(b',')) {
            if !token68.is_empty() {
                let whole = token68.len().saturating_add(padding.len());
                let whole = self.all.get(begin..begin.saturating_add(whole)).unwrap_or_default();
                challenge.token68 = core::str::from_utf8(whole).ok().map(ToOwned::to_owned);
            } else if end > begin {
                return Err(ParseChallengeError::Malformed { at: begin });
            }
            return Ok(());
        }
        self.at = begin;
        let name = self.token()?;
        if !self.equals() {
            return Err(self.malformed());
        }
        self.parameter(name, challenge)
    }

    fn parameter(&mut self, name: &str, challenge: &mut Challenge) -> Result<(), ParseChallengeError> {
        let value = if self.peek() == Some(b'"') { self.quoted()? } else { self.token()?.to_owned() };
        if challenge.parameter(name).is_some() {
            return Err(ParseChallengeError::Twice);
        }
        if challenge.parameters.len() >= CHALLENGE_PARAMETERS {
            return Err(ParseChallengeError::TooLong);
        }
        challenge.parameters.push((name.to_owned(), value));
        Ok(())
    }

    /// A quoted-string, from its opening quote (RFC 9110 §5.6.4)
    fn quoted(&mut self) -> Result<String, ParseChallengeError> {
        let begin = self.at;
        let mut bytes = Vec::new();
        loop {
            self.step();
            let byte = match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.step();
                    self.peek()
                }
                other => other,
            };
            match byte {
                Some(byte) if byte == b'\t' || (byte >= b' ' && byte != 0x7F) => bytes.push(byte),
                _ => return Err(self.malformed()),
            }
        }
        self.step();
        String::from_utf8(bytes).map_err(|_| ParseChallengeError::Malformed { at: begin })
    }
}
