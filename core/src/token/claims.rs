use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use serde_json::{Map, Number, Value};

use super::{Confirmation, ParseConfirmationError};
use crate::{
    ids::{self, ClientId, PartyId, TokenId},
    json::{Document, Json},
    time::UnixTime,
};

/// Why bytes are no claims
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseClaimsError {
    /// Not a JSON object of one meaning (RFC 7519 §4)
    #[error("token claims are malformed")]
    Malformed,
    /// A registered claim has a type or a value that it cannot have
    #[error("token claim `{0}` is malformed")]
    Claim(&'static str),
}

/// The claims of a token, the registered ones by type (RFC 7519 §4.1)
///
/// Having them says nothing about who made them; an [`AccessToken`](super::AccessToken) does.
///
/// ```
/// use countersign_core::{time::UnixTime, token::Claims};
///
/// let claims = Claims::parse(br#"{"sub":"bob","aud":"api","exp":1700000300,"acr":"1"}"#)?;
/// assert_eq!(claims.sub.as_deref(), Some("bob"));
/// assert_eq!(claims.aud, ["api"]);
/// assert_eq!(claims.exp, Some(UnixTime(1_700_000_300)));
/// assert_eq!(claims.other["acr"], "1");
/// # Ok::<(), countersign_core::token::ParseClaimsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// Issuer
    pub iss: Option<String>,
    /// Subject
    pub sub: Option<PartyId>,
    /// The client that it was issued to (OpenID Connect Core §2)
    pub azp: Option<ClientId>,
    /// Audiences; a single one is a list of one
    pub aud: Vec<String>,
    /// Its id
    pub jti: Option<TokenId>,
    /// Last good second
    pub exp: Option<UnixTime>,
    /// First good second
    pub nbf: Option<UnixTime>,
    /// When it was issued
    pub iat: Option<UnixTime>,
    /// Session
    pub sid: Option<String>,
    /// OAuth scopes, divided by blanks
    pub scope: Option<String>,
    /// Kind, as Keycloak writes it: `Bearer`, `Refresh`, `ID`
    pub typ: Option<String>,
    /// Everything else
    pub other: Map<String, Value>,
}

impl Claims {
    /// Reads the payload of a token
    pub fn parse(payload: &[u8]) -> Result<Self, ParseClaimsError> {
        Ok(Payload::parse(payload)?.claims()?.to_claims())
    }
}

/// The payload of a token: one JSON object of one meaning (RFC 7519 §4)
///
/// ```
/// use countersign_core::token::Payload;
///
/// let payload = Payload::parse(br#"{"sub":"bob","exp":1700000300}"#)?;
/// assert_eq!(payload.claims()?.sub.as_deref(), Some("bob"));
/// assert!(Payload::parse(br#"{"sub":"bob","sub":"eve"}"#).is_err());
/// # Ok::<(), countersign_core::token::ParseClaimsError>(())
/// ```
pub struct Payload<'a>(Document<'a>);

impl<'a> Payload<'a> {
    /// Finds what stands where
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseClaimsError> {
        Document::parse(payload).map(Self).ok_or(ParseClaimsError::Malformed)
    }

    /// Its claims, the registered ones checked
    pub fn claims(&self) -> Result<RawClaims<'_>, ParseClaimsError> {
        let all = self.0.root();
        let mut claims = RawClaims { all: Some(all), ..RawClaims::default() };
        for (name, value) in all.members().ok_or(ParseClaimsError::Malformed)? {
            claims.take(&name, value)?;
        }
        Ok(claims)
    }
}

/// Without what it says
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").finish_non_exhaustive()
    }
}

/// [`Claims`] where they stand in a [`Payload`], for whoever only looks at them
#[derive(Default)]
pub struct RawClaims<'a> {
    /// Issuer
    pub iss: Option<Cow<'a, str>>,
    /// Subject
    pub sub: Option<Cow<'a, str>>,
    /// The client that it was issued to (OpenID Connect Core §2)
    pub azp: Option<Cow<'a, str>>,
    /// Its id
    pub jti: Option<Cow<'a, str>>,
    /// Last good second
    pub exp: Option<UnixTime>,
    /// First good second
    pub nbf: Option<UnixTime>,
    /// When it was issued
    pub iat: Option<UnixTime>,
    /// Session
    pub sid: Option<Cow<'a, str>>,
    /// OAuth scopes, divided by blanks
    pub scope: Option<Cow<'a, str>>,
    /// Kind, as Keycloak writes it: `Bearer`, `Refresh`, `ID`
    pub typ: Option<Cow<'a, str>>,
    aud: Option<Json<'a>>,
    cnf: Option<Json<'a>>,
    pub(crate) authorization: Option<Json<'a>>,
    pub(crate) status: Option<Json<'a>>,
    all: Option<Json<'a>>,
}

/// Claims that have fields of their own in [`Claims`]
const REGISTERED: [&str; 11] =
    ["iss", "sub", "azp", "aud", "jti", "exp", "nbf", "iat", "sid", "scope", "typ"];

impl<'a> RawClaims<'a> {
    fn take(&mut self, name: &str, value: Json<'a>) -> Result<(), ParseClaimsError> {
        match name {
            "iss" => self.iss = Some(text(value, "iss")?),
            "sub" => self.sub = Some(id(value, "sub")?),
            "azp" => self.azp = Some(id(value, "azp")?),
            "aud" => self.aud = Some(audience(value)?),
            "jti" => self.jti = Some(id(value, "jti")?),
            "exp" => self.exp = Some(date(value, "exp")?),
            "nbf" => self.nbf = Some(date(value, "nbf")?),
            "iat" => self.iat = Some(date(value, "iat")?),
            "sid" => self.sid = Some(text(value, "sid")?),
            "scope" => self.scope = Some(text(value, "scope")?),
            "typ" => self.typ = Some(text(value, "typ")?),
            "cnf" => self.cnf = Some(value),
            "authorization" => self.authorization = Some(value),
            "status" => self.status = Some(value),
            _ => {}
        }
        Ok(())
    }

    /// The audiences; a single one is a list of one
    pub fn aud(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let many = self.aud.and_then(Json::items).into_iter().flatten().filter_map(Json::text);
        self.aud.and_then(Json::text).into_iter().chain(many)
    }

    /// What they are bound to: nothing where they have no `cnf`
    pub fn confirmation(&self) -> Result<Confirmation, ParseConfirmationError> {
        self.cnf.map_or(Ok(Confirmation::default()), |cnf| Confirmation::from_value(&cnf.to_value()))
    }

    /// The same, to keep
    pub fn to_claims(&self) -> Claims {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(Into::into);
        let mut other = Map::new();
        for (name, value) in self.all.and_then(Json::members).into_iter().flatten() {
            if !REGISTERED.contains(&&*name) {
                other.insert(name.into_owned(), value.to_value());
            }
        }
        Claims {
            iss: text(&self.iss),
            // INVARIANT: ids were checked when they were read.
            sub: self.sub.as_deref().and_then(|id| id.parse().ok()),
            azp: self.azp.as_deref().and_then(|id| id.parse().ok()),
            aud: self.aud().map(Cow::into_owned).collect(),
            jti: self.jti.as_deref().and_then(|id| id.parse().ok()),
            exp: self.exp,
            nbf: self.nbf,
            iat: self.iat,
            sid: text(&self.sid),
            scope: text(&self.scope),
            typ: text(&self.typ),
            other,
        }
    }
}

/// Without what they say
impl fmt::Debug for RawClaims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawClaims").finish_non_exhaustive()
    }
}

fn text<'a>(value: Json<'a>, name: &'static str) -> Result<Cow<'a, str>, ParseClaimsError> {
    value.text().ok_or(ParseClaimsError::Claim(name))
}

fn id<'a>(value: Json<'a>, name: &'static str) -> Result<Cow<'a, str>, ParseClaimsError> {
    let id = text(value, name)?;
    ids::check(&id).map(|()| id).map_err(|_| ParseClaimsError::Claim(name))
}

fn audience(value: Json<'_>) -> Result<Json<'_>, ParseClaimsError> {
    let is_audience = match value.items() {
        Some(mut many) => many.all(Json::is_text),
        None => value.is_text(),
    };
    is_audience.then_some(value).ok_or(ParseClaimsError::Claim("aud"))
}

fn date(value: Json<'_>, name: &'static str) -> Result<UnixTime, ParseClaimsError> {
    value.number().as_ref().and_then(numeric_date).ok_or(ParseClaimsError::Claim(name))
}

/// A `NumericDate` in whole seconds; only what a double holds exactly, so that every reader sees the same time
fn numeric_date(number: &Number) -> Option<UnixTime> {
    const MOST: u64 = 1 << 53;
    let seconds = match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => whole,
        (None, Some(fraction)) => whole_seconds(fraction)?,
        (None, None) => return None,
    };
    (seconds <= MOST).then_some(UnixTime(seconds))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and cutting off the fraction is the purpose"
)]
fn whole_seconds(fraction: f64) -> Option<u64> {
    (0.0..=9_007_199_254_740_992.0).contains(&fraction).then_some(fraction as u64)
}
