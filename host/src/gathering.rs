//! Claims that people give themselves (UMA Grant §3.3.2): for which the page asks, what counts as an answer, where the
//! browser goes afterwards. Nothing here speaks HTTP: the page stands in [`crate::http::gathering`].

use countersign_core::{dialect::uma2::RequiredClaim, limits, permission::Claims, time::UnixTime};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    keys::{KeyError, MasterKey},
    realm::{Client, Realm, Sealed, UmaSettings},
    sign_in::redirect::{self, RedirectUri},
};

/// Where the URIs stand that a client may have people sent back to, `##` between several: never those of its sign-ins
/// (GRANT-3.3.2-07)
const URIS: &str = "countersign.claims_redirect_uris";
/// Longest answer, in bytes: what is longer fits no pattern of a policy
const LONGEST: usize = limits::REGEX_INPUT_BYTES;
/// Begin of the names of the form's fields
const FIELD: &str = "claim:";

/// URIs that a client has registered for the way back
fn registered(client: &Client) -> impl Iterator<Item = &str> {
    client.attribute(URIS).unwrap_or_default().split("##").filter(|uri| !uri.is_empty())
}

/// Where the browser goes afterwards: the registered URI that was asked for, or, if none was, the only one
/// (GRANT-3.3.2-03, -05)
pub fn redirect_uri(client: &Client, asked: Option<&str>) -> Option<RedirectUri> {
    if let Some(asked) = asked {
        return redirect::exact(registered(client), asked);
    }
    let mut all = registered(client);
    match (all.next(), all.next()) {
        (Some(only), None) => redirect::exact(core::iter::once(only), only),
        _ => None,
    }
}

/// Whether a client can have people asked at all
pub fn can_send(client: &Client) -> bool {
    registered(client).any(|uri| redirect::exact(core::iter::once(uri), uri).is_some())
}

/// Claims that people may state themselves: those for which the realm demands neither a form nor an issuer
pub fn askable(settings: &UmaSettings) -> impl Iterator<Item = &RequiredClaim> {
    let free = |claim: &&RequiredClaim| claim.claim_token_format.is_empty() && claim.issuer.is_empty();
    settings.required_claims.iter().filter(free)
}

/// Of some claims those that people may state themselves
pub fn only_askable(settings: &UmaSettings, mut claims: Claims) -> Claims {
    claims.retain(|name, _| askable(settings).any(|claim| claim.name.as_ref() == Some(name)));
    claims
}

/// How a claim is asked for; what `claim_type` names otherwise is a text
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line
    Text,
    /// A tick: `true`, or nothing is said
    Agreement,
    /// A whole number
    Integer,
    /// `2026-12-31`
    Date,
    /// An address
    Email,
}

impl Kind {
    /// By `claim_type`
    pub fn of(claim: &RequiredClaim) -> Self {
        match claim.claim_type.as_deref() {
            Some("boolean") => Self::Agreement,
            Some("integer") => Self::Integer,
            Some("date") => Self::Date,
            Some("email") => Self::Email,
            Some(_) | None => Self::Text,
        }
    }

    /// What is wrong with an answer
    fn fault(self, value: &str) -> Option<&'static str> {
        if value.len() > LONGEST {
            return Some("is too long");
        }
        if value.chars().any(char::is_control) {
            return Some("has characters that cannot be used");
        }
        match self {
            Self::Text => None,
            Self::Agreement => (value != "true").then_some("is no tick"),
            Self::Integer => value.parse::<i64>().is_err().then_some("is no whole number"),
            Self::Date => (!is_date(value)).then_some("is no date, such as 2026-12-31"),
            Self::Email => (!is_email(value)).then_some("is no email address"),
        }
    }
}

fn is_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let number = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())?
    };
    let [year, month, day] = parts[..] else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_email(value: &str) -> bool {
    let one = |text: &str| !text.is_empty() && !text.contains([' ', '@']);
    value.split_once('@').is_some_and(|(name, host)| one(name) && one(host))
}

/// What people call a claim
pub fn label(claim: &RequiredClaim) -> &str {
    let friendly = claim.friendly_name.as_deref().filter(|name| !name.is_empty());
    friendly.or(claim.name.as_deref()).unwrap_or_default()
}

/// The field of the form that asks for a claim
pub fn field(claim: &RequiredClaim) -> String {
    format!("{FIELD}{}", claim.name.as_deref().unwrap_or_default())
}

/// The answers to these questions, by the fields of a form: nothing that was not asked is read. Each may be left out, but
/// not all of them.
pub fn answers<'a>(
    asked: &[RequiredClaim],
    filled_in: impl Fn(&str) -> Option<&'a str>,
) -> Result<Claims, String> {
    let mut claims = Claims::new();
    for claim in asked {
        let (Some(name), Some(value)) = (&claim.name, filled_in(&field(claim)).map(str::trim)) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if let Some(fault) = Kind::of(claim).fault(value) {
            return Err(format!("“{}” {fault}.", label(claim)));
        }
        claims.insert(name.clone(), vec![value.to_owned()]);
    }
    if claims.is_empty() && !asked.is_empty() {
        return Err("Please fill in at least one field.".to_owned());
    }
    Ok(claims)
}

/// What only the server knows of a page
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The ticket that was used up for it
    pub ticket: String,
    /// When
    pub presented: UnixTime,
    /// Where the browser goes afterwards
    pub redirect_uri: String,
    /// What the client wants to find there
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl core::fmt::Debug for About {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("About").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

/// Seals what is stored of a page, or what somebody has said there, for one realm
pub fn seal<T: Serialize>(master: &MasterKey, realm: &Realm, what: &T) -> Result<Sealed, KeyError> {
    let bytes = serde_json::to_vec(what).map_err(|_| KeyError::Claims)?;
    master.seal(&place(realm), &bytes)
}

/// Opens what was sealed
pub fn open<T: DeserializeOwned>(master: &MasterKey, realm: &Realm, sealed: &Sealed) -> Result<T, KeyError> {
    let bytes = master.open(&place(realm), sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| KeyError::Claims)
}

fn place(realm: &Realm) -> String {
    format!("claims:{}", realm.id)
}

#[cfg(test)]
mod tests;
