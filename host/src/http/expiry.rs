//! `expires_at`: when something that an owner gives ends by itself. Ours; Keycloak has no such member.

use countersign_core::{share::MoveRefused, time::UnixTime};
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// The end of the year 9999: nobody means a moment after it
const LAST: u64 = 253_402_300_799;

/// What a body says of the end
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing: it stays as it is
    Unsaid,
    /// `null`: there is none
    Never,
    /// This moment
    At(UnixTime),
}

/// Why a body's `expires_at` is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryRefused {
    /// Neither form
    #[error("`expires_at` must be seconds since 1970 or a time as RFC 3339 writes it")]
    Form,
    /// It has passed
    #[error("{}", MoveRefused::EndInThePast)]
    Past,
}

impl Expiry {
    /// Reads the member as [`given`] took it
    pub fn read(member: Option<&Value>, now: UnixTime) -> Result<Self, ExpiryRefused> {
        let moment = match member {
            None => return Ok(Self::Unsaid),
            Some(Value::Null) => return Ok(Self::Never),
            Some(Value::Number(seconds)) => seconds.as_u64().map(UnixTime),
            Some(Value::String(text)) => UnixTime::from_rfc3339(text),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        let moment = moment.filter(|moment| moment.0 <= LAST).ok_or(ExpiryRefused::Form)?;
        if moment <= now { Err(ExpiryRefused::Past) } else { Ok(Self::At(moment)) }
    }

    /// The end of something new
    pub const fn end(self) -> Option<UnixTime> {
        match self {
            Self::Unsaid | Self::Never => None,
            Self::At(end) => Some(end),
        }
    }

    /// The new end of something that is there, if the body says one
    pub const fn change(self) -> Option<Option<UnixTime>> {
        match self {
            Self::Unsaid => None,
            Self::Never => Some(None),
            Self::At(end) => Some(Some(end)),
        }
    }
}

/// For serde: a member that is there, be it `null`
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
