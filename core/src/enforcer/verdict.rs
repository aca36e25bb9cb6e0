//! Whether a token meets a demand (wire §11.3 steps 3 to 8).

use alloc::{string::String, vec::Vec};

use super::{
    config::ScopesEnforcementMode,
    demand::{Demand, Protected, Target},
};
use crate::{
    denial::Denial,
    permission::{Claims, Permission},
    rpt::{Granted, GrantedBy, NotPermitted, Rpt, set_of},
    scope::Scope,
    time::UnixTime,
};

/// Whether a request passes
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passes
    Permitted {
        /// By this permission, where one was needed
        granted: Option<Granted>,
    },
    /// It does not
    Refused(Refusal),
}

/// Why a request does not pass
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no token
    #[error("request has no token")]
    NoToken,
    /// No path is configured for it
    #[error("request is for no configured path")]
    Unmapped,
    /// See [`Demand::Unreadable`]
    #[error("request can be read in more than one way")]
    Unreadable,
    /// Its resource has to be looked up first, see [`Demand::lookup`]
    #[error("resource of the request has not been looked up")]
    Unresolved,
    /// The path has no resource, or more than one
    #[error("path has no resource, or more than one")]
    NoResource,
    /// The token does not permit it
    #[error(transparent)]
    NotPermitted(#[from] NotPermitted),
    /// The token permits it with other claims than those of this request
    #[error("token permits this with other claims")]
    Claims,
}

impl Refusal {
    /// The code that every binding shows
    pub const fn denial(&self) -> Denial {
        match self {
            Self::NotPermitted(why) => why.denial(),
            Self::NoToken
            | Self::Unmapped
            | Self::Unreadable
            | Self::Unresolved
            | Self::NoResource
            | Self::Claims => Denial::NotPermitted,
        }
    }

    /// Which of them it is, for logs and bindings; more than [`denial`](Self::denial) tells a client
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Unmapped => "unmapped",
            Self::Unreadable => "unreadable",
            Self::Unresolved => "unresolved",
            Self::NoResource => "no_resource",
            Self::NotPermitted(why) => why.denial().code(),
            Self::Claims => "claims",
        }
    }

    /// Whether the authorization server may give this requester a token that passes (wire §11.3 steps 7 and 8)
    pub const fn may_be_granted(&self) -> bool {
        matches!(self, Self::NoToken | Self::NotPermitted(_) | Self::Claims)
    }
}

impl Demand<'_> {
    /// Whether the request passes with this token, whose issuer stands for it, and with these claims of
    /// [`Enforcer::claims`](super::Enforcer::claims)
    pub fn decide(&self, rpt: Option<&Rpt>, claims: &Claims, now: UnixTime) -> Verdict {
        let outcome = match self {
            Self::Open => Ok(None),
            Self::Unreadable => Err(Refusal::Unreadable),
            Self::Authenticated => live(rpt, now).map(|_| None),
            Self::Unmapped(unmapped) if unmapped.lookup.is_some() => Err(Refusal::Unresolved),
            Self::Unmapped(unmapped) if unmapped.permissive => live(rpt, now).map(|_| None),
            Self::Unmapped(_) => Err(Refusal::Unmapped),
            Self::Protected(protected) => live(rpt, now).and_then(|rpt| protected.decide(rpt, claims, now)),
        };
        match outcome {
            Ok(granted) => Verdict::Permitted { granted },
            Err(refusal) => Verdict::Refused(refusal),
        }
    }
}

fn live(rpt: Option<&Rpt>, now: UnixTime) -> Result<&Rpt, Refusal> {
    let rpt = rpt.ok_or(Refusal::NoToken)?;
    if rpt.expires_at() < now { Err(NotPermitted::Expired.into()) } else { Ok(rpt) }
}

impl Protected<'_> {
    fn decide(&self, rpt: &Rpt, claims: &Claims, now: UnixTime) -> Result<Option<Granted>, Refusal> {
        if self.mode == ScopesEnforcementMode::Disabled {
            return Ok(None);
        }
        let id = match &self.resource {
            Target::Known(id) => id,
            Target::Lookup(_) => return Err(Refusal::Unresolved),
            Target::Missing => return Err(Refusal::NoResource),
        };
        let is_it = |permission: &Permission| permission.rsid.as_ref() == Some(id);
        // Entries for other claims do not count, so that they lend their scopes to nothing.
        let granted = rpt
            .granted(|permission| is_it(permission) && fits(&permission.claims, claims), now)
            .and_then(|granted| self.covered(granted));
        let why = match granted {
            Ok(granted) => return Ok(Some(granted.into_owned())),
            Err(why) => why,
        };
        if rpt.granted(is_it, now).and_then(|granted| self.covered(granted)).is_ok() {
            return Err(Refusal::Claims);
        }
        let says_nothing = !rpt.permissions().is_empty() && !rpt.permissions().iter().any(is_it);
        if self.permissive && says_nothing { Ok(None) } else { Err(why.into()) }
    }

    /// A permission without scopes covers only a demand that names none (wire N39)
    fn covered<'a>(&self, granted: GrantedBy<'a>) -> Result<GrantedBy<'a>, NotPermitted> {
        let has = |scope: &Scope| granted.permission.scopes.contains(scope);
        let is_enough = match self.mode {
            ScopesEnforcementMode::Any => self.scopes.is_empty() || self.scopes.iter().any(has),
            ScopesEnforcementMode::All | ScopesEnforcementMode::Disabled => self.scopes.iter().all(has),
        };
        if is_enough {
            return Ok(granted);
        }
        Err(NotPermitted::Scopes(set_of(self.scopes.iter().filter(|scope| !has(scope)).cloned())))
    }
}

/// Whether a permission that was granted with some claims, if any, holds with the present ones: each of them must be
/// among the granted, and none of the granted may have gone (wire §11.3 step 6). The authorization server takes
/// claims whose names begin with `kc.` out of permissions (wire N24).
fn fits(granted: &Claims, present: &Claims) -> bool {
    if granted.is_empty() {
        return true;
    }
    let is_among = |(name, values): (&String, &Vec<String>)| {
        granted.get(name).is_some_and(|known| values.iter().all(|value| known.contains(value)))
    };
    granted.keys().all(|name| present.get(name).is_some_and(|values| !values.is_empty()))
        && present.iter().filter(|(name, _)| !name.starts_with("kc.")).all(is_among)
}
