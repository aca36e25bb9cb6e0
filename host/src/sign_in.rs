//! Signing in: who may start it, how somebody proves who he is, and what is remembered of it.
//!
//! Nothing here speaks HTTP: the pages stand in [`crate::http::sign_in`].

pub mod credentials;
pub mod otp;
pub mod passkey;
pub mod pkce;
pub mod progress;
pub mod redirect;
pub mod request;
pub mod required;
pub mod throttle;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::keys::KeyError;

/// A random text of 256 bits that only its holder and, as a digest, the store knows
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new one
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What somebody sent, if it has the form of one
    pub fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 43
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// For its holder
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// For the store
    pub fn digest(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref().to_vec()
    }
}

/// A digest as text
pub fn fingerprint(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_never_shown() {
        let token = Token::random().unwrap();
        assert_eq!(Token::read(token.reveal()), Some(token.clone()));
        assert_ne!(Token::random().unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token");
        for text in ["", "short", &"a".repeat(44), &format!("{}=", "a".repeat(42))] {
            assert_eq!(Token::read(text), None, "{text}");
        }
    }
}
