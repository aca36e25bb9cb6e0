//! Public keys of an issuer, each tied to one algorithm (RFC 7517, RFC 8725 §3.1).

use alloc::{string::String, sync::Arc, vec::Vec};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    json,
    jws::{Alg, UnverifiedJws},
    limits::{JWKS_BYTES, JWKS_KEYS, RSA_BITS_LEAST, RSA_BITS_MOST},
};

/// Why a JWK is of no use for checking signatures
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseJwkError {
    /// A member is absent, of the wrong type, or not canonical base64url
    #[error("key member `{0}` is malformed")]
    Member(&'static str),
    /// `kty`, `crv` or `alg` is not served, or they do not fit each other; symmetric keys never do
    #[error("key type or algorithm is not served")]
    NotServed,
    /// `use` or `key_ops` says that it is for something else (RFC 7517 §4.2, §4.3)
    #[error("key is not for signatures")]
    NotForSignatures,
    /// It holds private members, so whoever published it gave it away (RFC 7517 §9.2)
    #[error("key has private members")]
    Private,
    /// RSA outside 2048 to 8192 bits, an even modulus, or an exponent below 65537 (RFC 7518 §3.3)
    #[error("key is too weak or too large")]
    Strength,
}

/// Why bytes are no key set
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseJwksError {
    /// Longer than [`JWKS_BYTES`]
    #[error("key set is too long")]
    TooLong,
    /// Not a JSON object with an array `keys`, or a member name is given twice
    #[error("not a JSON Web Key Set")]
    Malformed,
}

/// Members of private and symmetric keys; each of them gives the key away, a factor of RSA as much as the exponent
/// (RFC 7518 §6.2.2, §6.3.2, §6.4)
pub(crate) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The parameters of a public key, as bytes in big-endian order
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA (RFC 7518 §6.3.1)
    Rsa {
        /// Modulus, without leading zeros
        n: Vec<u8>,
        /// Exponent, without leading zeros
        e: Vec<u8>,
    },
    /// P-256, coordinates of 32 bytes (RFC 7518 §6.2.1)
    P256 {
        /// First coordinate
        x: Vec<u8>,
        /// Second coordinate
        y: Vec<u8>,
    },
    /// P-384, coordinates of 48 bytes
    P384 {
        /// First coordinate
        x: Vec<u8>,
        /// Second coordinate
        y: Vec<u8>,
    },
    /// Ed25519, 32 bytes (RFC 8037 §2)
    Ed25519 {
        /// The point
        x: Vec<u8>,
    },
}

/// A public key that checks signatures of exactly one algorithm
///
/// Where the key names no `alg` it is `RS256`, `ES256`, `ES384` or `EdDSA` by its type, so that a token can
/// never choose between RS256 and PS256 (RFC 8725 §3.1).
///
/// ```
/// use countersign_core::{jwk::Jwk, jws::Alg};
///
/// let key = Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","kid":"k1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(key.alg(), Alg::EdDsa);
/// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), countersign_core::jwk::ParseJwkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: Option<String>,
    alg: Alg,
    key: PublicKey,
}

impl Jwk {
    /// Reads one JWK
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseJwkError> {
        Self::from_members(&json::object(bytes).map_err(|_| ParseJwkError::Member("kty"))?)
    }

    /// Reads the members of one JWK
    pub fn from_members(jwk: &Map<String, Value>) -> Result<Self, ParseJwkError> {
        if jwk.get("use").is_some_and(|usage| usage.as_str() != Some("sig")) || !may_verify(jwk) {
            return Err(ParseJwkError::NotForSignatures);
        }
        let kty = text(jwk, "kty")?.ok_or(ParseJwkError::Member("kty"))?;
        let crv = text(jwk, "crv")?.unwrap_or_default();
        let (key, default) = match (kty, crv) {
            ("RSA", _) => (rsa(jwk)?, Alg::Rs256),
            ("EC", "P-256") => {
                (PublicKey::P256 { x: sized(jwk, "x", 32)?, y: sized(jwk, "y", 32)? }, Alg::Es256)
            }
            ("EC", "P-384") => {
                (PublicKey::P384 { x: sized(jwk, "x", 48)?, y: sized(jwk, "y", 48)? }, Alg::Es384)
            }
            ("OKP", "Ed25519") => (PublicKey::Ed25519 { x: sized(jwk, "x", 32)? }, Alg::EdDsa),
            _ => return Err(ParseJwkError::NotServed),
        };
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(ParseJwkError::Private);
        }
        let alg = match text(jwk, "alg")? {
            None => default,
            Some(name) => {
                Alg::from_name(name).filter(|alg| key.fits(*alg)).ok_or(ParseJwkError::NotServed)?
            }
        };
        Ok(Self { kid: text(jwk, "kid")?.map(Into::into), alg, key })
    }

    /// Its name in the set: opaque
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that it is used with
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Its parameters, for whoever does the arithmetic
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Its public members, in the order of RFC 7638 §3.2 and after them `use`, `alg` and `kid`
    pub fn members(&self) -> JwkMembers<'_> {
        JwkMembers { usage: Some("sig"), alg: Some(self.alg.name()), kid: self.kid(), ..self.key.members() }
    }

    /// The JWK with public members only
    pub fn to_json(&self) -> Value {
        // Texts under fixed names have a JSON form, so the default is never taken.
        serde_json::to_value(self.members()).unwrap_or_default()
    }

    /// The SHA-256 thumbprint, in base64url (RFC 7638 §3)
    pub fn thumbprint(&self) -> String {
        let canonical = serde_json::to_vec(&self.key.members()).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// Whether a signature has the only length that this key can make (RFC 7518 §3.3, §3.4, RFC 8037 §3.1)
    pub fn is_signature_length(&self, length: usize) -> bool {
        length
            == match &self.key {
                PublicKey::Rsa { n, .. } => n.len(),
                PublicKey::P256 { .. } | PublicKey::Ed25519 { .. } => 64,
                PublicKey::P384 { .. } => 96,
            }
    }
}

impl PublicKey {
    const fn fits(&self, alg: Alg) -> bool {
        match self {
            Self::Rsa { .. } => {
                matches!(alg, Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512)
            }
            Self::P256 { .. } => matches!(alg, Alg::Es256),
            Self::P384 { .. } => matches!(alg, Alg::Es384),
            Self::Ed25519 { .. } => matches!(alg, Alg::EdDsa),
        }
    }

    /// The members that RFC 7638 §3.2 names
    fn members(&self) -> JwkMembers<'static> {
        let b64 = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        let empty = JwkMembers::default();
        match self {
            Self::Rsa { n, e } => JwkMembers { kty: "RSA", n: b64(n), e: b64(e), ..empty },
            Self::P256 { x, y } => {
                JwkMembers { kty: "EC", crv: Some("P-256"), x: b64(x), y: b64(y), ..empty }
            }
            Self::P384 { x, y } => {
                JwkMembers { kty: "EC", crv: Some("P-384"), x: b64(x), y: b64(y), ..empty }
            }
            Self::Ed25519 { x } => JwkMembers { kty: "OKP", crv: Some("Ed25519"), x: b64(x), ..empty },
        }
    }
}

/// The members of a public JWK, to be written
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkMembers<'a> {
    // INVARIANT: the order of fields is the lexicographic one of RFC 7638 §3.3 up to `y`.
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, ParseJwkError> {
    jwk.get(name).map(|value| value.as_str().ok_or(ParseJwkError::Member(name))).transpose()
}

fn decoded(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, ParseJwkError> {
    let text = text(jwk, name)?.ok_or(ParseJwkError::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseJwkError::Member(name))
}

fn sized(jwk: &Map<String, Value>, name: &'static str, length: usize) -> Result<Vec<u8>, ParseJwkError> {
    decoded(jwk, name).and_then(|v| if v.len() == length { Ok(v) } else { Err(ParseJwkError::Member(name)) })
}

fn may_verify(jwk: &Map<String, Value>) -> bool {
    jwk.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|item| item.as_str() == Some("verify")))
    })
}

fn rsa(jwk: &Map<String, Value>) -> Result<PublicKey, ParseJwkError> {
    let number = |name| {
        let bytes = decoded(jwk, name)?;
        Ok(bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
    };
    let (n, e) = (number("n")?, number("e")?);
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    let unused = n.first().map_or(0, |byte| byte.leading_zeros());
    let bits = n.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or_default());
    // Three bytes, odd and not below 65537; longer exponents only make the check slow.
    let exponent = odd(&e) && (3..=4).contains(&e.len());
    if !(RSA_BITS_LEAST..=RSA_BITS_MOST).contains(&bits) || !odd(&n) || !exponent {
        return Err(ParseJwkError::Strength);
    }
    Ok(PublicKey::Rsa { n, e })
}

/// The keys of one issuer
///
/// ```
/// use countersign_core::jwk::Jwks;
///
/// let jwks = Jwks::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"oct","k":"c2VjcmV0","kid":"k2"}]}"#)?;
/// assert_eq!(jwks.keys().len(), 1, "symmetric keys are left out");
/// # Ok::<(), countersign_core::jwk::ParseJwksError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jwks(Vec<Arc<Jwk>>);

impl Jwks {
    /// Reads a key set; keys that are of no use are left out (RFC 7517 §5), as are those after [`JWKS_KEYS`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseJwksError> {
        if bytes.len() > JWKS_BYTES {
            return Err(ParseJwksError::TooLong);
        }
        let set = json::object(bytes).map_err(|_| ParseJwksError::Malformed)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(ParseJwksError::Malformed)?;
        let usable = keys.iter().filter_map(|key| Jwk::from_members(key.as_object()?).ok());
        Ok(usable.collect())
    }

    /// The keys, in the order of the set
    pub fn keys(&self) -> &[Arc<Jwk>] {
        &self.0
    }

    /// The one key for this token: by `kid` and algorithm, or by algorithm alone where the token names no
    /// `kid`. Two that fit are as good as none (RFC 7517 §4.5).
    pub fn key_for(&self, jws: &UnverifiedJws) -> Option<&Arc<Jwk>> {
        let mut fitting = self.0.iter().filter(|key| {
            key.alg == jws.alg() && jws.kid().is_none_or(|kid| key.kid.as_deref() == Some(kid))
        });
        let first = fitting.next();
        if fitting.next().is_some() { None } else { first }
    }
}

impl FromIterator<Jwk> for Jwks {
    fn from_iter<I: IntoIterator<Item = Jwk>>(keys: I) -> Self {
        Self(keys.into_iter().take(JWKS_KEYS).map(Arc::new).collect())
    }
}

#[cfg(test)]
mod tests;
