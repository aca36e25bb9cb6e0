use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use crate::{
    jwk::Jwk,
    limits::{EDGE_PROOFS, EDGE_TOKENS},
    rpt::Rpt,
    status::{ParseStatusRefError, StatusRef},
    time::UnixTime,
    token::{Confirmation, FromClaims, ParseConfirmationError, RawClaims},
};

/// What every check of a token needs
#[derive(Debug)]
pub(super) struct Content {
    pub(super) rpt: Rpt,
    pub(super) confirmation: Result<Confirmation, ParseConfirmationError>,
    pub(super) status: Result<Option<StatusRef>, ParseStatusRefError>,
    /// Who it is for, and its id: what whoever is behind the guard is told
    pub(super) sub: Option<Box<str>>,
    pub(super) jti: Option<Box<str>>,
}

impl FromClaims for Content {
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self {
        Self {
            rpt: Rpt::from_claims(claims, expires_at),
            confirmation: claims.confirmation(),
            status: StatusRef::of(claims),
            sub: claims.sub.as_deref().map(Into::into),
            jti: claims.jti.as_deref().map(Into::into),
        }
    }
}

/// A token whose signature was found right, and by which key
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) content: Content,
    pub(super) key: Arc<Jwk>,
}

/// The tokens seen last, under their whole text
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<Box<str>, Arc<Verified>>);

impl Tokens {
    pub(super) fn get(&self, token: &str) -> Option<Arc<Verified>> {
        self.0.get(token).cloned()
    }

    pub(super) fn remove(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// Remembers one more; where there is no place, the one that ends first goes
    pub(super) fn insert(&mut self, token: &str, verified: Arc<Verified>) {
        if self.0.len() >= EDGE_TOKENS {
            let first = self.0.iter().min_by_key(|(_, verified)| verified.content.rpt.expires_at());
            if let Some(first) = first.map(|(token, _)| token.clone()) {
                self.0.remove(&first);
            }
        }
        self.0.insert(token.into(), verified);
    }
}

/// The `DPoP` proofs seen lately
#[derive(Debug, Default)]
pub(super) struct Proofs(BTreeMap<[u8; 32], UnixTime>);

impl Proofs {
    /// Whether a proof is seen for the first time; where there is no place to remember it, it is not
    pub(super) fn is_first(&mut self, key: [u8; 32], until: UnixTime, now: UnixTime) -> bool {
        if self.0.len() >= EDGE_PROOFS {
            self.0.retain(|_, until| now <= *until);
        }
        self.0.len() < EDGE_PROOFS && self.0.insert(key, until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::{
        jwk::Jwks,
        jws::{Alg, Header, compact, signing_input},
        token::{Expect, SignatureOk, UnverifiedToken},
    };

    #[test]
    fn proofs_that_cannot_be_remembered_are_refused() {
        let mut proofs = Proofs::default();
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            key
        };
        for n in 0..EDGE_PROOFS {
            assert!(proofs.is_first(key(n), UnixTime(60), UnixTime(0)), "{n}");
        }
        assert!(!proofs.is_first(key(EDGE_PROOFS), UnixTime(60), UnixTime(60)), "full");
        assert!(!proofs.is_first(key(0), UnixTime(60), UnixTime(60)), "and it has forgotten none");
        assert!(proofs.is_first(key(EDGE_PROOFS), UnixTime(121), UnixTime(61)));
    }

    #[test]
    fn the_token_that_ends_first_makes_room() {
        let keys = Jwks::parse(
            br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        );
        let keys = keys.unwrap();
        let verified = |exp: u64| {
            let header = Header { alg: Alg::EdDsa, typ: Some("at+jwt"), kid: None };
            let token = compact(signing_input(&header, format!(r#"{{"iss":"as","exp":{exp}}}"#)), &[0; 64]);
            let pending =
                UnverifiedToken::parse_as(token, &keys, &Expect::bearer("as"), UnixTime(0)).unwrap();
            let key = Arc::clone(pending.key());
            let content = pending.accept(SignatureOk::i_have_verified_the_signature());
            Arc::new(Verified { content, key })
        };
        let mut tokens = Tokens::default();
        tokens.insert("first", verified(5));
        let later = verified(9);
        for n in 0..EDGE_TOKENS {
            tokens.insert(&format!("{n}"), Arc::clone(&later));
        }
        assert_eq!(tokens.0.len(), EDGE_TOKENS);
        assert!(tokens.get("first").is_none() && tokens.get("0").is_some() && tokens.get("999").is_some());
    }
}
