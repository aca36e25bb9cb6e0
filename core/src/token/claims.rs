use alloc::{string::String, vec, vec::Vec};

use serde_json::{Map, Number, Value};

use crate::{
    ids::{ClientId, PartyId, TokenId},
    json,
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
        let mut members = json::object(payload).map_err(|_| ParseClaimsError::Malformed)?;
        Ok(Self {
            iss: text(&mut members, "iss")?,
            sub: id(&mut members, "sub")?,
            azp: id(&mut members, "azp")?,
            aud: audience(members.remove("aud"))?,
            jti: id(&mut members, "jti")?,
            exp: date(&mut members, "exp")?,
            nbf: date(&mut members, "nbf")?,
            iat: date(&mut members, "iat")?,
            sid: text(&mut members, "sid")?,
            scope: text(&mut members, "scope")?,
            typ: text(&mut members, "typ")?,
            other: members,
        })
    }
}

fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, ParseClaimsError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ParseClaimsError::Claim(name)),
    }
}

fn id<T: TryFrom<String>>(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<T>, ParseClaimsError> {
    let text = text(members, name)?;
    text.map(|text| T::try_from(text).map_err(|_| ParseClaimsError::Claim(name))).transpose()
}

fn audience(value: Option<Value>) -> Result<Vec<String>, ParseClaimsError> {
    let wrong = ParseClaimsError::Claim("aud");
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(many)) => {
            let texts =
                many.into_iter().map(|item| if let Value::String(text) = item { Some(text) } else { None });
            texts.collect::<Option<_>>().ok_or(wrong)
        }
        Some(_) => Err(wrong),
    }
}

fn date(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<UnixTime>, ParseClaimsError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::Number(number)) => numeric_date(&number).map(Some).ok_or(ParseClaimsError::Claim(name)),
        Some(_) => Err(ParseClaimsError::Claim(name)),
    }
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
