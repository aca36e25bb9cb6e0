//! JSON Web Signatures without the arithmetic: the compact form, taken apart and put together (RFC 7515).

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::{
    json::{Document, Json},
    limits::{JOSE_HEADER_BYTES, TOKEN_BYTES},
};

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1)
///
/// `none` has no variant, so that nothing can ask for it. [`Alg::Hs512`] signs what only its maker reads
/// (permission tickets, refresh tokens); no [`Jwk`](crate::jwk::Jwk) can have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// ECDSA on P-384 with SHA-384
    Es384,
    /// Ed25519, also read under the name of RFC 9864
    EdDsa,
    /// HMAC with SHA-512
    Hs512,
}

impl Alg {
    /// The algorithm of this name, compared exactly
    ///
    /// ```
    /// use countersign_core::jws::Alg;
    ///
    /// assert_eq!(Alg::from_name("ES256"), Some(Alg::Es256));
    /// assert_eq!(Alg::from_name("es256"), None);
    /// assert_eq!(Alg::from_name("none"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "HS512" => Self::Hs512,
            _ => return None,
        })
    }

    /// Its name on the wire
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs512 => "HS512",
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why bytes are no JWS that may be looked at further
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseJwsError {
    /// Longer than [`TOKEN_BYTES`], or a header longer than [`JOSE_HEADER_BYTES`]
    #[error("token is too long")]
    TooLong,
    /// Not exactly three parts, or one of them empty (RFC 7515 §7.1)
    #[error("token has not three parts")]
    Parts,
    /// A part is not canonical base64url without padding (RFC 7515 §2)
    #[error("token is not canonical base64url")]
    Encoding,
    /// The header is not a JSON object of one meaning, or a member has the wrong type
    #[error("token header is malformed")]
    Header,
    /// No `alg`, or one that is not served
    #[error("token algorithm is not served")]
    Algorithm,
    /// `crit`, `b64`, `zip` or `cty`: none is served, so none may be ignored (RFC 7515 §4.1.11, RFC 7797 §6)
    #[error("token header asks for an extension")]
    Extension,
}

/// A JWS in compact form whose signature nobody has checked
///
/// Keys or addresses of keys inside the header (`jwk`, `jku`, `x5u`, `x5c`) are not even read.
///
/// ```
/// use countersign_core::jws::{Alg, Header, UnverifiedJws, compact, signing_input};
///
/// let header = Header { alg: Alg::Es256, typ: Some("JWT"), kid: Some("k1") };
/// let text = compact(signing_input(&header, r#"{"sub":"bob"}"#), &[1; 64]);
/// let jws = UnverifiedJws::parse(&text)?;
/// assert_eq!(jws.alg(), Alg::Es256);
/// assert_eq!(jws.kid(), Some("k1"));
/// assert_eq!(jws.payload(), br#"{"sub":"bob"}"#);
/// # Ok::<(), countersign_core::jws::ParseJwsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedJws {
    alg: Alg,
    kid: Option<String>,
    typ: Option<String>,
    payload: Vec<u8>,
    signing_input: String,
    signature: Vec<u8>,
}

impl UnverifiedJws {
    /// Takes a compact JWS apart
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, ParseJwsError> {
        let bytes = text.as_ref();
        if bytes.len() > TOKEN_BYTES {
            return Err(ParseJwsError::TooLong);
        }
        // Nothing but ASCII survives the decoding below; UTF-8 is all that slicing needs.
        let text = core::str::from_utf8(bytes).map_err(|_| ParseJwsError::Encoding)?;
        let (signing_input, signature) = text.rsplit_once('.').ok_or(ParseJwsError::Parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(ParseJwsError::Parts)?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(ParseJwsError::Parts);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ParseJwsError::Encoding);
        let header = decode(header)?;
        if header.len() > JOSE_HEADER_BYTES {
            return Err(ParseJwsError::TooLong);
        }
        let header = Document::parse(&header).ok_or(ParseJwsError::Header)?;
        let (mut alg, mut kid, mut typ) = (None, None, None);
        for (name, value) in header.root().members().ok_or(ParseJwsError::Header)? {
            match &*name {
                "alg" => alg = Some(value),
                "kid" => kid = Some(value),
                "typ" => typ = Some(value),
                "crit" | "b64" | "zip" | "cty" => return Err(ParseJwsError::Extension),
                _ => {}
            }
        }
        let text = |member: Option<Json<'_>>| {
            let text = |member: Json<'_>| member.text().map(Cow::into_owned).ok_or(ParseJwsError::Header);
            member.map(text).transpose()
        };
        let alg = text(alg)?.as_deref().and_then(Alg::from_name).ok_or(ParseJwsError::Algorithm)?;
        Ok(Self {
            alg,
            kid: text(kid)?,
            typ: text(typ)?,
            payload: decode(payload)?,
            signing_input: signing_input.to_string(),
            signature: decode(signature)?,
        })
    }

    /// What the header says; a key decides whether it is right
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// The key's name: opaque, compared for equality only (RFC 7517 §4.5)
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The media type of the whole (RFC 7515 §4.1.9)
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether [`typ`](Self::typ) is this media type: in any case, with or without `application/`
    pub fn is_typ(&self, expected: &str) -> bool {
        let typ = self.typ.as_deref().unwrap_or_default();
        let short = match typ.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        short.eq_ignore_ascii_case(expected)
    }

    /// The signed bytes
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What the signature is over: the received header and payload, not encoded again
    pub fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// The signature
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn into_signed(self) -> (String, Vec<u8>) {
        (self.signing_input, self.signature)
    }
}

/// Without payload and signature: together they are a credential
impl fmt::Debug for UnverifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJws")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The header of a JWS to be made
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
    /// The algorithm of the signature to come
    pub alg: Alg,
    /// The media type of the whole
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<&'a str>,
    /// The key's name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<&'a str>,
}

impl Serialize for Alg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The bytes to sign for these claims: `base64url(header) "." base64url(claims)`
pub fn signing_input(header: &Header<'_>, claims: impl AsRef<[u8]>) -> String {
    // A header of one enum and two texts has a JSON form, so the default is never taken.
    let header = serde_json::to_vec(header).unwrap_or_default();
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}

/// The compact form of [`signing_input`] and its signature
pub fn compact(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signing_input);
    signing_input
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn with_header(header: &str) -> String {
        format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
    }

    fn parse(text: &str) -> Result<UnverifiedJws, ParseJwsError> {
        UnverifiedJws::parse(text)
    }

    #[test]
    fn a_token_made_here_is_taken_apart_again() {
        let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: None };
        let input = signing_input(&header, "{}");
        assert_eq!(input, "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.e30");
        let jws = parse(&compact(input.clone(), &[7; 64])).unwrap();
        assert_eq!((jws.alg(), jws.kid(), jws.typ()), (Alg::Hs512, None, Some("JWT")));
        assert_eq!((jws.signing_input(), jws.signature()), (input.as_str(), [7; 64].as_slice()));
    }

    #[test]
    fn every_algorithm_keeps_its_name() {
        for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS512"]
        {
            assert_eq!(Alg::from_name(name).map(Alg::name), Some(name));
        }
    }

    #[test]
    fn none_and_unknown_algorithms_are_refused() {
        for alg in ["none", "None", "nOnE", "NONE", "", "HS256", "ES512", "ES256 ", "es256", "RSA-OAEP"] {
            let token = with_header(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(parse(&token), Err(ParseJwsError::Algorithm), "{alg}");
        }
        assert_eq!(parse(&with_header("{}")), Err(ParseJwsError::Algorithm));
        for header in
            [r#"{"alg":null}"#, r#"{"alg":1}"#, r#"{"alg":["RS256"]}"#, r#"{"alg":"RS256","kid":1}"#]
        {
            assert_eq!(parse(&with_header(header)), Err(ParseJwsError::Header), "{header}");
        }
    }

    #[test]
    fn extensions_are_refused_whatever_they_say() {
        for member in [
            r#""crit":[]"#,
            r#""crit":["b64"]"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""zip":"DEF"#,
            r#""cty":"JWT"#,
        ] {
            let quote = if member.ends_with('F') || member.ends_with('T') { "\"" } else { "" };
            let token = with_header(&format!(r#"{{"alg":"RS256",{member}{quote}}}"#));
            assert_eq!(parse(&token), Err(ParseJwsError::Extension), "{member}");
        }
    }

    #[test]
    fn a_header_with_two_meanings_is_refused() {
        for header in [r#"{"alg":"RS256","alg":"RS256"}"#, r#"{"alg":"RS256","\u0061lg":"ES256"}"#, "[]", "x"]
        {
            assert_eq!(parse(&with_header(header)), Err(ParseJwsError::Header), "{header}");
        }
    }

    #[test]
    fn only_three_full_parts_are_a_token() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        for token in [
            String::new(),
            ".".into(),
            "..".into(),
            header.clone(),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!("{header}..AAAA"),
            format!(".{header}.e30.AAAA"),
            format!("{header}.e30.AAAA."),
            format!("{header}.e30.AAAA.AAAA"),
            format!("{header}.AAAA.AAAA.AAAA.AAAA"),
            "{\"payload\":\"e30\"}".into(),
        ] {
            assert_eq!(parse(&token), Err(ParseJwsError::Parts), "{token}");
        }
    }

    #[test]
    fn encodings_that_are_not_canonical_are_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        for (payload, signature) in [
            ("e30=", "AAAA"),
            ("e31", "AAAA"), // non-zero unused bits
            ("e30", "A"),
            ("e30", "AAAAA"),
            ("e30", "AA+A"),
            ("e30", "AA/A"),
            ("e 30", "AAAA"),
            ("e30", "AAAA\n"),
            ("e30", "AAA\u{e9}"),
            ("e30", "%41AAA"),
        ] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(parse(&token), Err(ParseJwsError::Encoding), "{token}");
        }
        assert_eq!(UnverifiedJws::parse([0xFF, b'.', b'.']), Err(ParseJwsError::Encoding));
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(UnverifiedJws::parse(vec![b'A'; TOKEN_BYTES + 1]), Err(ParseJwsError::TooLong));
        let kid = core::iter::repeat_n('k', JOSE_HEADER_BYTES).collect::<String>();
        let token = with_header(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
        assert_eq!(parse(&token), Err(ParseJwsError::TooLong));
    }

    #[test]
    fn a_media_type_is_compared_as_one() {
        let typ = |typ: &str| parse(&with_header(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#))).unwrap();
        for good in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert!(typ(good).is_typ("at+jwt"), "{good}");
        }
        for bad in ["at+jwt;x", " at+jwt", "jwt", "", "application/", "text/at+jwt"] {
            assert!(!typ(bad).is_typ("at+jwt"), "{bad}");
        }
    }

    #[test]
    fn debug_output_holds_no_credential() {
        let text = with_header(r#"{"alg":"RS256","kid":"k"}"#);
        let shown = format!("{:?}", parse(&text).unwrap());
        assert!(!shown.contains("AAAA") && !shown.contains("e30"), "{shown}");
    }
}
