//! Withdrawn tokens: a list of the issuer with some bits for each token (Token Status List).
//!
//! A token says where its bits are ([`StatusRef`]). The list is a signed token itself: [`UnverifiedStatusList::parse`]
//! checks everything but the signature. Between two lists, a stream of [`Changes`] may keep one current.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    json::Json,
    jwk::Jwks,
    jws::{ParseJwsError, UnverifiedJws},
    limits::{LEEWAY_SECONDS, STATUS_LIST_SECONDS, STATUS_TTL_DEFAULT, STATUS_TTL_SECONDS, URI_BYTES},
    time::UnixTime,
    token::{Claims, ParseClaimsError, Pending, RawClaims, TokenError},
};

pub use changes::{Changes, Followed, ParseChangesError};

mod changes;
mod inflate;

/// What a list says of a token (Token Status List §7.1)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: as it was issued
    Valid,
    /// 1: taken back
    Invalid,
    /// 3, an application's own value: it permits less than it says, and introspection knows what
    Narrowed,
    /// Any other value, and every place outside the list: not to be relied on
    Other,
}

/// Why a claim `status` names no place in a list
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("claim `status` names no place in a status list")]
pub struct ParseStatusRefError;

/// Where the status of a token is: the claim `status.status_list` (Token Status List §6.2)
///
/// ```
/// use countersign_core::{status::StatusRef, token::Payload};
///
/// let claims = br#"{"status":{"status_list":{"idx":4,"uri":"https://as.example/status"}}}"#;
/// let place = StatusRef::of(&Payload::parse(claims)?.claims()?)?.ok_or("none")?;
/// assert_eq!((place.idx(), place.uri()), (4, "https://as.example/status"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRef {
    uri: String,
    idx: u64,
}

impl StatusRef {
    /// The place that these claims name; none where they have no `status`. What has a `status` of another kind, or a
    /// malformed one, is not to be relied on.
    pub fn of(claims: &RawClaims<'_>) -> Result<Option<Self>, ParseStatusRefError> {
        const MOST: u64 = 1 << 53;
        let Some(status) = claims.status else { return Ok(None) };
        let list = status.get("status_list").ok_or(ParseStatusRefError)?;
        let idx = list.get("idx").and_then(Json::whole).filter(|idx| *idx < MOST);
        let uri = list.get("uri").and_then(Json::text).filter(|uri| uri.len() <= URI_BYTES);
        match (uri, idx) {
            (Some(uri), Some(idx)) => Ok(Some(Self { uri: uri.into_owned(), idx })),
            _ => Err(ParseStatusRefError),
        }
    }

    /// The list. It comes from a token, so it is compared with an address known otherwise and never fetched.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The place in the list
    pub const fn idx(&self) -> u64 {
        self.idx
    }
}

/// Why a status list is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusListError {
    /// By the rules of all tokens
    #[error(transparent)]
    Token(#[from] TokenError),
    /// `sub` is not the address that it was fetched from
    #[error("status list is of another address")]
    Uri,
    /// This member is absent or malformed
    #[error("status list member `{0}` is malformed")]
    Member(&'static str),
    /// Not one whole ZLIB stream with a right checksum, or longer than
    /// [`STATUS_LIST_BYTES`](crate::limits::STATUS_LIST_BYTES)
    #[error("status list cannot be decompressed")]
    Compression,
}

impl From<ParseJwsError> for StatusListError {
    fn from(error: ParseJwsError) -> Self {
        Self::Token(error.into())
    }
}

impl From<ParseClaimsError> for StatusListError {
    fn from(error: ParseClaimsError) -> Self {
        Self::Token(error.into())
    }
}

/// A status list nobody has vouched for
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedStatusList;

impl UnverifiedStatusList {
    /// Checks everything but the signature of the list that was fetched from `uri` (Token Status List §8.3).
    ///
    /// The keys are those of `issuer`; a list that names an issuer names this one. Decompression comes last, and its
    /// result counts only with a right signature.
    ///
    /// ```
    /// use countersign_core::{
    ///     jwk::Jwks, jws::{Alg, Header, compact, signing_input}, status::{Status, UnverifiedStatusList},
    ///     time::UnixTime, token::SignatureOk,
    /// };
    ///
    /// let keys = Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
    /// let claims = r#"{"iss":"https://as.example","sub":"https://as.example/status","iat":50,"exp":90,"ttl":5,
    ///     "status_list":{"bits":2,"lst":"eNo76fITAAPfAgc"}}"#;
    /// let header = Header { alg: Alg::EdDsa, typ: Some("statuslist+jwt"), kid: None };
    /// let token = compact(signing_input(&header, claims), &[0; 64]);
    ///
    /// let (issuer, uri, now) = ("https://as.example", "https://as.example/status", UnixTime(60));
    /// let pending = UnverifiedStatusList::parse(&token, &keys, issuer, uri, now)?;
    /// // Here somebody checks the signature of `pending`.
    /// let list = pending.accept(SignatureOk::i_have_verified_the_signature());
    /// assert_eq!(list.status(0), Status::Invalid);
    /// assert_eq!(list.status(2), Status::Valid);
    /// assert_eq!(list.status(3), Status::Narrowed);
    /// assert_eq!(list.status(12), Status::Other, "outside");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(
        token: impl AsRef<[u8]>,
        keys: &Jwks,
        issuer: &str,
        uri: &str,
        now: UnixTime,
    ) -> Result<Pending<StatusList>, StatusListError> {
        let jws = UnverifiedJws::parse(token)?;
        let claims = Claims::parse(jws.payload())?;
        if !jws.is_typ("statuslist+jwt") {
            return Err(TokenError::Kind.into());
        }
        if claims.iss.as_deref().is_some_and(|iss| iss != issuer) {
            return Err(TokenError::Issuer.into());
        }
        if claims.sub.as_deref() != Some(uri) {
            return Err(StatusListError::Uri);
        }
        let list = StatusList::from_claims(uri, &claims)?;
        if list.issued_at > now.plus(LEEWAY_SECONDS) || claims.nbf.is_some_and(|nbf| nbf > now) {
            return Err(TokenError::NotYetValid.into());
        }
        if !list.is_live(now) {
            return Err(TokenError::Expired.into());
        }
        let key = Arc::clone(keys.key_for(&jws).ok_or(TokenError::UnknownKey)?);
        let bytes = inflate::zlib(&list.bytes).ok_or(StatusListError::Compression)?;
        Ok(Pending::new(jws, key, StatusList { bytes, ..list })?)
    }
}

/// A status list that its issuer stands for
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    uri: String,
    issued_at: UnixTime,
    expires_at: UnixTime,
    ttl: u64,
    seq: Option<u64>,
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// With its bytes still compressed
    fn from_claims(uri: &str, claims: &Claims) -> Result<Self, StatusListError> {
        let number = |value: &Value, name| value.as_u64().ok_or(StatusListError::Member(name));
        let optional = |name| claims.other.get(name).map(|value| number(value, name)).transpose();
        let member = |name| {
            let list = claims.other.get("status_list").ok_or(StatusListError::Member("status_list"))?;
            list.get(name).ok_or(StatusListError::Member(name))
        };
        let issued_at = claims.iat.ok_or(StatusListError::Member("iat"))?;
        let latest = issued_at.plus(STATUS_LIST_SECONDS);
        let ttl = optional("ttl")?.unwrap_or(STATUS_TTL_DEFAULT);
        if !(1..=STATUS_TTL_SECONDS).contains(&ttl) {
            return Err(StatusListError::Member("ttl"));
        }
        let bits = u8::try_from(number(member("bits")?, "bits")?).unwrap_or_default();
        if !matches!(bits, 1 | 2 | 4 | 8) {
            return Err(StatusListError::Member("bits"));
        }
        let lst = member("lst")?.as_str().ok_or(StatusListError::Member("lst"))?;
        Ok(Self {
            uri: uri.into(),
            issued_at,
            expires_at: claims.exp.map_or(latest, |exp| exp.min(latest)),
            ttl,
            seq: optional("seq")?,
            bits,
            bytes: URL_SAFE_NO_PAD.decode(lst).map_err(|_| StatusListError::Member("lst"))?,
        })
    }

    /// The status of the token at this place; outside the list it is [`Status::Other`]
    pub fn status(&self, idx: u64) -> Status {
        match self.value(idx) {
            Some(0) => Status::Valid,
            Some(1) => Status::Invalid,
            Some(3) => Status::Narrowed,
            Some(_) | None => Status::Other,
        }
    }

    fn value(&self, idx: u64) -> Option<u8> {
        let (at, shift) = self.place(idx)?;
        Some(self.bytes.get(at)?.wrapping_shr(shift) & self.mask())
    }

    /// Byte and first bit of an entry: they are packed from the least significant bit up (Token Status List §4.1)
    fn place(&self, idx: u64) -> Option<(usize, u32)> {
        let bit = idx.checked_mul(self.bits.into())?;
        Some((usize::try_from(bit >> 3).ok()?, u32::try_from(bit & 7).ok()?))
    }

    const fn mask(&self) -> u8 {
        u8::MAX.wrapping_shr(8_u32.wrapping_sub(u32::from_le_bytes([self.bits, 0, 0, 0])))
    }

    /// Its address
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Whether it may be used at all: it says how long it stands, and not beyond [`STATUS_LIST_SECONDS`]
    pub fn is_live(&self, now: UnixTime) -> bool {
        now <= self.expires_at
    }

    /// Seconds after which to fetch it again
    pub const fn ttl(&self) -> u64 {
        self.ttl
    }

    /// Number of the last change that it contains, where its issuer counts them (claim `seq`)
    pub const fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Whether it may take the place of another: of the same address, and neither issued earlier nor missing changes
    /// that the other contains. Caches on the way serve old lists.
    pub fn may_replace(&self, other: &Self) -> bool {
        self.uri == other.uri && self.issued_at >= other.issued_at && self.seq >= other.seq
    }
}

/// Without the entries
impl fmt::Debug for StatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusList")
            .field("uri", &self.uri)
            .field("issued_at", &self.issued_at)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
