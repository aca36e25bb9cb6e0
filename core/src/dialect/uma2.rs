//! The specification's own rendering (UMA Grant §3.3.5, §3.3.6; FedAuthz §5.1.1): codes of their own for what is
//! missing, and a new ticket to go on with.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    assessment::{Assessment, Refusal},
    permission::Permission,
    time::UnixTime,
};

/// A claim that a requesting party may be asked for (Grant §3.3.6, `required_claims`); every member may be absent
///
/// What stands here is shown to whoever asks, so that only what may be disclosed belongs here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredClaim {
    /// Formats of claim tokens, any of which suffices
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claim_token_format: Vec<String>,
    /// What the claim's value is
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_type: Option<String>,
    /// What people call it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Issuers, any of which suffices
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuer: Vec<String>,
    /// Its name: the attribute that policies look at
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a realm has to say to a requesting party that is not granted everything
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// Claims that it may be asked for
    pub required_claims: &'a [RequiredClaim],
    /// Where it is sent to give them interactively
    pub redirect_user: Option<&'a str>,
    /// Seconds to wait before asking again for what an owner has to decide
    pub interval: Option<u64>,
}

/// An answer that is not a success (Grant §3.3.6)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The ticket is unknown, expired, used, or another client's
    InvalidGrant,
    /// A requested scope is available on none of the resources
    InvalidScope,
    /// The request itself is wrong
    InvalidRequest,
    /// More claims could change the answer
    NeedInfo {
        /// Which
        required_claims: Vec<RequiredClaim>,
        /// Where to give them interactively
        redirect_user: Option<String>,
    },
    /// An owner has been asked
    RequestSubmitted {
        /// Seconds to wait before asking again
        interval: Option<u64>,
    },
    /// No, and waiting does not help
    RequestDenied,
    /// Asked again before the interval was over; the ticket is not spent
    TooEarly {
        /// Seconds to wait
        retry_after: u64,
    },
}

impl Failure {
    /// The failure that an assessment amounts to; none if it grants.
    ///
    /// ```
    /// use countersign_core::{assessment::Assessment, dialect::uma2::{Failure, Settings}};
    ///
    /// let asked: Assessment = serde_json::from_str(
    ///     r#"{"outcome":"denied","submitted":true,"pending":[{"resource":"doc-42","scopes":["read"]}]}"#)?;
    /// let settings = Settings { interval: Some(15), ..Settings::default() };
    /// let failure = Failure::of(&asked, &settings).unwrap();
    /// assert!(failure.rotates());
    /// assert_eq!(failure.body(Some("t2")).to_string(), r#"{"error":"request_submitted","interval":15,"ticket":"t2"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn of(assessment: &Assessment, settings: &Settings<'_>) -> Option<Self> {
        Some(match assessment {
            Assessment::Granted { .. } => return None,
            Assessment::Refused(Refusal::InvalidScope { .. }) => Self::InvalidScope,
            Assessment::Refused(Refusal::MissingUri) => Self::InvalidRequest,
            // What was deleted since drops out (Grant §3.3.4), and a foreign resource looks the same.
            Assessment::Refused(Refusal::InvalidResource { .. } | Refusal::InvalidUri { .. }) => {
                Self::RequestDenied
            }
            Assessment::Denied { needs, .. } if !needs.is_empty() => {
                let is_needed = |claim: &&RequiredClaim| {
                    claim.name.as_ref().is_some_and(|name| needs.iter().any(|need| need == name))
                };
                let required_claims: Vec<_> =
                    settings.required_claims.iter().filter(is_needed).cloned().collect();
                let redirect_user = settings.redirect_user.map(Into::into);
                if required_claims.is_empty() && redirect_user.is_none() {
                    return Some(Self::RequestDenied);
                }
                Self::NeedInfo { required_claims, redirect_user }
            }
            Assessment::Denied { submitted: true, pending, .. } if !pending.is_empty() => {
                Self::RequestSubmitted { interval: settings.interval }
            }
            Assessment::Denied { .. } => Self::RequestDenied,
        })
    }

    /// HTTP status
    pub const fn status(&self) -> u16 {
        match self {
            Self::InvalidGrant | Self::InvalidScope | Self::InvalidRequest => 400,
            Self::NeedInfo { .. } | Self::RequestSubmitted { .. } | Self::RequestDenied => 403,
            Self::TooEarly { .. } => 429,
        }
    }

    /// Member `error`
    pub const fn error(&self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidRequest => "invalid_request",
            Self::NeedInfo { .. } => "need_info",
            Self::RequestSubmitted { .. } => "request_submitted",
            Self::RequestDenied => "request_denied",
            Self::TooEarly { .. } => "slow_down",
        }
    }

    /// Whether the ticket is spent and the answer carries its successor
    pub const fn rotates(&self) -> bool {
        matches!(self, Self::NeedInfo { .. } | Self::RequestSubmitted { .. })
    }

    /// Seconds of the header `Retry-After`
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooEarly { retry_after } => Some(*retry_after),
            Self::RequestSubmitted { interval } => *interval,
            Self::InvalidGrant
            | Self::InvalidScope
            | Self::InvalidRequest
            | Self::NeedInfo { .. }
            | Self::RequestDenied => None,
        }
    }

    /// The JSON body, with the successor of the ticket where there is one
    pub fn body(&self, ticket: Option<&str>) -> Value {
        let mut body = Map::new();
        body.insert("error".into(), self.error().into());
        if let (Some(ticket), true) = (ticket, self.rotates()) {
            body.insert("ticket".into(), ticket.into());
        }
        match self {
            Self::NeedInfo { required_claims, redirect_user } => {
                if !required_claims.is_empty() {
                    body.insert("required_claims".into(), json!(required_claims));
                }
                if let Some(address) = redirect_user {
                    body.insert("redirect_user".into(), address.as_str().into());
                }
            }
            Self::RequestSubmitted { interval: Some(interval) } => {
                body.insert("interval".into(), (*interval).into());
            }
            Self::RequestSubmitted { interval: None }
            | Self::InvalidGrant
            | Self::InvalidScope
            | Self::InvalidRequest
            | Self::RequestDenied
            | Self::TooEarly { .. } => {}
        }
        Value::Object(body)
    }
}

/// Permissions as introspection shows them, each with the narrower of its own and its token's times (FedAuthz §5.1.1);
/// what has no resource has no place there
pub fn permissions(granted: &[Permission], iat: Option<UnixTime>, exp: Option<UnixTime>) -> Value {
    let entry = |permission: &Permission| {
        let mut entry = Map::new();
        entry.insert("resource_id".into(), permission.rsid.as_ref()?.as_str().into());
        entry.insert("resource_scopes".into(), json!(permission.scopes));
        let exp = [permission.exp, exp].into_iter().flatten().min();
        for (name, time) in [("exp", exp), ("iat", iat), ("nbf", permission.nbf)] {
            if let Some(time) = time {
                entry.insert(name.into(), time.0.into());
            }
        }
        Some(Value::Object(entry))
    };
    granted.iter().filter_map(entry).collect()
}
