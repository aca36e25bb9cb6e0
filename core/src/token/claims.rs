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
        let mut claims = Self::default();
        let (mut aud, mut wrong) = (None, None);
        let walked = json::each_member(payload, &mut |name, value| {
            claims.take(&mut aud, name, value).unwrap_or_else(|error| {
                wrong = Some(error);
                false
            })
        });
        match (walked, wrong) {
            (Ok(()), _) => Ok(Self { aud: aud.unwrap_or_default(), ..claims }),
            (Err(_), Some(error)) => Err(error),
            (Err(_), None) => Err(ParseClaimsError::Malformed),
        }
    }

    /// Puts a claim in its place; false where one was there before
    fn take(
        &mut self,
        aud: &mut Option<Vec<String>>,
        name: String,
        value: Value,
    ) -> Result<bool, ParseClaimsError> {
        Ok(match name.as_str() {
            "iss" => self.iss.replace(text(value, "iss")?).is_none(),
            "sub" => self.sub.replace(id(value, "sub")?).is_none(),
            "azp" => self.azp.replace(id(value, "azp")?).is_none(),
            "aud" => aud.replace(audience(value)?).is_none(),
            "jti" => self.jti.replace(id(value, "jti")?).is_none(),
            "exp" => self.exp.replace(date(&value, "exp")?).is_none(),
            "nbf" => self.nbf.replace(date(&value, "nbf")?).is_none(),
            "iat" => self.iat.replace(date(&value, "iat")?).is_none(),
            "sid" => self.sid.replace(text(value, "sid")?).is_none(),
            "scope" => self.scope.replace(text(value, "scope")?).is_none(),
            "typ" => self.typ.replace(text(value, "typ")?).is_none(),
            _ => self.other.insert(name, value).is_none(),
        })
    }
}

fn text(value: Value, name: &'static str) -> Result<String, ParseClaimsError> {
    if let Value::String(text) = value { Ok(text) } else { Err(ParseClaimsError::Claim(name)) }
}

fn id<T: TryFrom<String>>(value: Value, name: &'static str) -> Result<T, ParseClaimsError> {
    T::try_from(text(value, name)?).map_err(|_| ParseClaimsError::Claim(name))
}

fn audience(value: Value) -> Result<Vec<String>, ParseClaimsError> {
    if let Value::Array(many) = value {
        many.into_iter().map(|one| text(one, "aud")).collect()
    } else {
        Ok(vec![text(value, "aud")?])
    }
}

fn date(value: &Value, name: &'static str) -> Result<UnixTime, ParseClaimsError> {
    value.as_number().and_then(numeric_date).ok_or(ParseClaimsError::Claim(name))
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
