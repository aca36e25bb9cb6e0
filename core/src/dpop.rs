//! `DPoP` proofs: whoever sends a request holds the key that its token is bound to (RFC 9449 §4).
//!
//! The arithmetic is the caller's, as in [`token`](crate::token): [`UnverifiedProof::parse`] checks everything else
//! and hands out a [`Pending`], which becomes a [`Proof`] only with a
//! [`SignatureOk`](crate::token::SignatureOk).

use alloc::{
    string::{String, ToString},
    sync::Arc,
};
use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    denial::Denial,
    ids::TokenId,
    json,
    jwk::{Jwk, PRIVATE, ParseJwkError},
    jws::{Alg, ParseJwsError, UnverifiedJws},
    limits::{PROOF_AHEAD_SECONDS, PROOF_BYTES, PROOF_SECONDS},
    time::UnixTime,
    token::{Claims, ParseClaimsError, Pending},
    uri::{HttpUri, ParseUriError},
};

/// The algorithms that a proof may use, for the parameter `algs` of a challenge (RFC 9449 §7.1)
pub const ALGS: &str = "ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512";

/// Why a proof is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not exactly one `DPoP` header (RFC 9449 §4.3 check 1)
    #[error("there is not exactly one proof")]
    Count,
    /// Longer than [`PROOF_BYTES`]
    #[error("proof is too long")]
    TooLong,
    /// Not a JWS
    #[error(transparent)]
    Jws(#[from] ParseJwsError),
    /// Not claims, or a `jti` that is empty or too long
    #[error(transparent)]
    Claims(#[from] ParseClaimsError),
    /// `typ` is not `dpop+jwt`
    #[error("proof is of another kind")]
    Kind,
    /// A symmetric algorithm
    #[error("proof algorithm is not asymmetric")]
    Algorithm,
    /// No `jwk`, or one that is weak, private or does not fit the algorithm
    #[error(transparent)]
    Key(#[from] ParseJwkError),
    /// This claim is absent
    #[error("proof has no `{0}`")]
    Missing(&'static str),
    /// `htm` is not the request's method, character for character
    #[error("proof is for another method")]
    Method,
    /// `htu` is not the request's URI
    #[error("proof is for another uri")]
    Uri,
    /// Made too long ago, or by its own `exp` over
    #[error("proof is too old")]
    TooOld,
    /// Made in the future
    #[error("proof is not valid yet")]
    NotYetValid,
    /// `ath` is not the hash of the token that it came with
    #[error("proof is for another token")]
    Token,
    /// Nonces are in force, and it has none or another
    #[error("proof has not the expected nonce")]
    Nonce,
    /// The signature is wrong, or has a length that its key cannot make
    #[error("proof signature is wrong")]
    Signature,
    /// It was seen before (RFC 9449 §11.1)
    #[error("proof was used before")]
    Replayed,
}

impl ProofError {
    /// The error code of OAuth (RFC 9449 §5, §8, §9)
    ///
    /// ```
    /// use countersign_core::dpop::ProofError;
    ///
    /// assert_eq!(ProofError::Method.oauth_code(), "invalid_dpop_proof");
    /// assert_eq!(ProofError::Nonce.oauth_code(), "use_dpop_nonce");
    /// ```
    pub const fn oauth_code(self) -> &'static str {
        if matches!(self, Self::Nonce) { "use_dpop_nonce" } else { "invalid_dpop_proof" }
    }

    /// The code that every binding shows
    pub const fn denial(self) -> Denial {
        Denial::InvalidProof
    }
}

/// The request that a proof has to be for
#[derive(Clone, Copy)]
pub struct ProofRequest<'a> {
    method: &'a str,
    uri: &'a HttpUri,
    access_token: Option<&'a str>,
    nonces: &'a [&'a str],
}

impl<'a> ProofRequest<'a> {
    /// A request by this method to this URI as the client sees it: made from configuration, never from `Host` or
    /// `X-Forwarded-Host` of unknown origin. Its query does not count.
    pub const fn new(method: &'a str, uri: &'a HttpUri) -> Self {
        Self { method, uri, access_token: None, nonces: &[] }
    }

    /// It carries this access token, so that the proof needs an `ath`
    #[must_use]
    pub const fn access_token(self, token: &'a str) -> Self {
        Self { access_token: Some(token), ..self }
    }

    /// Nonces are in force, and these are good; of none, none is in force (RFC 9449 §8, §11.3)
    #[must_use]
    pub const fn nonces(self, nonces: &'a [&'a str]) -> Self {
        Self { nonces, ..self }
    }
}

/// Without the token
impl fmt::Debug for ProofRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofRequest")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// A proof whose signature nobody has checked
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedProof;

impl UnverifiedProof {
    /// Checks everything but the signature, given the values of all `DPoP` headers of a request (RFC 9449 §4.3).
    ///
    /// `htu` and the request's URI are compared after normalisation by RFC 3986 §6.2.2 and §6.2.3. The query of
    /// the request is left out; an `htu` that has query or fragment is refused, for RFC 9449 §4.2 allows none.
    ///
    /// ```
    /// use countersign_core::{dpop::{ProofError, ProofRequest, UnverifiedProof}, time::UnixTime};
    ///
    /// let uri = "https://files.example/north/cloud.laz?tile=4".parse()?;
    /// let request = ProofRequest::new("GET", &uri);
    /// let refused = UnverifiedProof::parse(["a.b.c", "a.b.c"], &request, UnixTime(0));
    /// assert_eq!(refused.map(|_| ()), Err(ProofError::Count));
    /// # Ok::<(), countersign_core::uri::ParseUriError>(())
    /// ```
    pub fn parse<V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = V>,
        request: &ProofRequest<'_>,
        now: UnixTime,
    ) -> Result<Pending<Proof>, ProofError> {
        let mut headers = headers.into_iter();
        let (Some(value), None) = (headers.next(), headers.next()) else { return Err(ProofError::Count) };
        Self::read(value.as_ref(), request, now)
    }

    fn read(value: &[u8], request: &ProofRequest<'_>, now: UnixTime) -> Result<Pending<Proof>, ProofError> {
        if value.len() > PROOF_BYTES {
            return Err(ProofError::TooLong);
        }
        let jws = UnverifiedJws::parse(value)?;
        if !jws.is_typ("dpop+jwt") {
            return Err(ProofError::Kind);
        }
        if jws.alg() == Alg::Hs512 {
            return Err(ProofError::Algorithm);
        }
        let key = embedded_key(&jws)?;
        let mut claims = Claims::parse(jws.payload())?;
        let jti = claims.jti.take().ok_or(ProofError::Missing("jti"))?;
        let issued_at = check(&claims, request, now)?;
        let proof = Proof { thumbprint: key.thumbprint(), jti, issued_at };
        Pending::new(jws, Arc::new(key), proof).map_err(|_| ProofError::Signature)
    }
}

/// The key in the header: public, asymmetric, and for no algorithm but that of the header
fn embedded_key(jws: &UnverifiedJws) -> Result<Jwk, ProofError> {
    let header = jws.signing_input().split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| ParseJwsError::Encoding)?;
    let mut header = json::object(&header).map_err(|_| ParseJwsError::Header)?;
    let Some(Value::Object(mut jwk)) = header.remove("jwk") else {
        return Err(ProofError::Key(ParseJwkError::Member("jwk")));
    };
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return Err(ProofError::Key(ParseJwkError::Private));
    }
    // A key of an issuer is tied to one algorithm beforehand; this one is tied by the proof that it comes with.
    jwk.entry("alg").or_insert_with(|| Value::String(jws.alg().name().to_string()));
    let key = Jwk::from_members(&jwk)?;
    if key.alg() == jws.alg() { Ok(key) } else { Err(ProofError::Key(ParseJwkError::NotServed)) }
}

fn check(claims: &Claims, request: &ProofRequest<'_>, now: UnixTime) -> Result<UnixTime, ProofError> {
    let text = |name| claims.other.get(name).map(|value| value.as_str().unwrap_or_default());
    if text("htm").ok_or(ProofError::Missing("htm"))? != request.method {
        return Err(ProofError::Method);
    }
    let htu: Result<HttpUri, ParseUriError> = text("htu").ok_or(ProofError::Missing("htu"))?.parse();
    if htu.ok().filter(|htu| !htu.has_query()) != Some(request.uri.clone().without_query()) {
        return Err(ProofError::Uri);
    }
    let issued_at = claims.iat.ok_or(ProofError::Missing("iat"))?;
    if issued_at.plus(PROOF_SECONDS) < now || claims.exp.is_some_and(|exp| exp < now) {
        return Err(ProofError::TooOld);
    }
    let latest = now.plus(PROOF_AHEAD_SECONDS);
    if issued_at > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(ProofError::NotYetValid);
    }
    if let Some(token) = request.access_token
        && text("ath").ok_or(ProofError::Missing("ath"))? != hash(token.as_bytes())
    {
        return Err(ProofError::Token);
    }
    if !request.nonces.is_empty() && !text("nonce").is_some_and(|nonce| request.nonces.contains(&nonce)) {
        return Err(ProofError::Nonce);
    }
    Ok(issued_at)
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

/// A proof whose sender holds its key
///
/// It has yet to be seen for the first time: see [`replay_key`](Self::replay_key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    thumbprint: String,
    jti: TokenId,
    issued_at: UnixTime,
}

impl Proof {
    /// The SHA-256 thumbprint of its key, to be the `cnf.jkt` of tokens (RFC 9449 §6.1)
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// What must not have been seen before, and how long to remember it
    pub fn replay_key(&self) -> ReplayKey {
        let hash = Sha256::new().chain_update(&self.thumbprint).chain_update(self.jti.as_bytes());
        ReplayKey { hash: hash.finalize().into(), until: self.issued_at.plus(PROOF_SECONDS) }
    }
}

/// What a store remembers of a proof: a hash of key and `jti`, of fixed length whatever the sender chose
///
/// Neither the signature nor the proof's text is in it, for both can be changed by others without becoming wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    hash: [u8; 32],
    until: UnixTime,
}

impl ReplayKey {
    /// The key of the row
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Last second for which the proof would be accepted again
    pub const fn until(&self) -> UnixTime {
        self.until
    }
}

#[cfg(test)]
mod tests;
