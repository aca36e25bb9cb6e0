//! `DPoP` proofs: whoever sends a request holds the key that its token is bound to (RFC 9449).

use axum::http::HeaderMap;
use countersign_core::{
    dpop::{Proof, ProofError, ProofRequest, UnverifiedProof},
    token::Possession,
};

use super::Presented;
use crate::{app::App, error::ApiError, keys::Verifier, store};

/// The header
pub const HEADER: &str = "dpop";

/// Why a proof counts for nothing
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// The proof itself
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The store, which remembers proofs that were seen
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

impl From<ProofRefused> for ApiError {
    fn from(refused: ProofRefused) -> Self {
        match refused {
            ProofRefused::Proof(error) => Self::bad_request(error.oauth_code(), format!("DPoP: {error}")),
            ProofRefused::Store(error) => error.into(),
        }
    }
}

/// The proof that came with a request to this URL, if one did; with the access token it must be for, if it came with one.
///
/// It is remembered: the same proof is refused the next time (RFC 9449 §11.1).
pub async fn proof(
    app: &App,
    headers: &HeaderMap,
    (method, url): (&str, &str),
    token: Option<&str>,
) -> Result<Option<Proof>, ProofRefused> {
    if !headers.contains_key(HEADER) {
        return Ok(None);
    }
    let uri = url.parse().map_err(|_| ProofError::Uri)?;
    let request = ProofRequest::new(method, &uri);
    let request = match token {
        Some(token) => request.access_token(token),
        None => request,
    };
    let values = headers.get_all(HEADER).iter().map(axum::http::HeaderValue::as_bytes);
    let pending = UnverifiedProof::parse(values, &request, app.clock.now())?;
    let proof = pending.verify_with(&Verifier).map_err(|_| ProofError::Signature)?;
    let key = proof.replay_key();
    let (name, until) = (format!("dpop:{}", hex(key.as_bytes())), key.until());
    let first = app.store.write(move |tx| store::session::spend(tx, &name, until)).await?;
    if first { Ok(Some(proof)) } else { Err(ProofError::Replayed.into()) }
}

/// What the sender of a token has proved to hold at a protected endpoint; a proof beside a bearer token proves nothing
/// (RFC 9449 §7.1)
pub async fn held(
    app: &App,
    headers: &HeaderMap,
    request: (&str, &str),
    presented: Presented<'_>,
) -> Result<Possession, ApiError> {
    if !presented.with_proof {
        return Ok(Possession::none());
    }
    let refused = |text: String| {
        ApiError::unauthorized("invalid_dpop_proof", text).challenged("DPoP error=\"invalid_dpop_proof\"")
    };
    match proof(app, headers, request, Some(presented.token)).await {
        Ok(Some(proof)) => Ok(possession(Some(&proof))),
        Ok(None) => Err(refused("DPoP proof is missing".to_owned())),
        Err(ProofRefused::Proof(error)) => Err(refused(format!("DPoP: {error}"))),
        Err(ProofRefused::Store(error)) => Err(error.into()),
    }
}

/// What the sender of a request has proved to hold
pub fn possession(proof: Option<&Proof>) -> Possession {
    proof.map_or_else(Possession::none, |proof| Possession::none().key(proof))
}

/// Digits of a digest
pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
