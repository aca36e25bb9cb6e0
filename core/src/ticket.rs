//! Permission tickets: signed, short-lived handles of what a resource server wants to be granted
//! (FedAuthz §4.2, `keycloak-wire` §3).
//!
//! Nothing is stored when one is issued; that it is used once is the store's word.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

mod line;

pub use line::{Line, RedeemedTicket, Spent};

use crate::{
    ids::{ClientId, ResourceId, TokenId},
    jws::{Alg, UnverifiedJws},
    permission::Claims as PushedClaims,
    scope::ScopeSet,
    time::UnixTime,
    token::{Expect, Payload, SignatureOk, TokenError},
};

/// Why a ticket is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Nothing that this realm has issued
    #[error("ticket was not issued here")]
    Foreign,
    /// Expired, or not valid yet
    #[error("ticket is not active")]
    Inactive,
    /// Another client has presented it, or one that it descends from
    #[error("ticket belongs to another client")]
    OtherClient,
    /// Presented before the time that its answer gave
    #[error("ticket was presented {0} seconds too early")]
    TooEarly(u64),
    /// So much time has passed since the first ticket of its line that no successor is given
    #[error("ticket has no successor any more")]
    LineEnded,
}

/// One permission of a ticket: a resource, scopes, or both
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketPermission {
    /// The scopes; none means all that the resource has
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// The resource
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsid: Option<ResourceId>,
}

/// What a ticket says; its members are Keycloak's
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketClaims {
    /// Its last good second
    pub exp: UnixTime,
    /// When it was issued
    pub iat: UnixTime,
    /// Its id: what is used up
    pub jti: TokenId,
    /// The realm's issuer
    pub aud: String,
    /// Subject of the PAT
    pub sub: String,
    /// The resource server
    pub azp: ClientId,
    /// What is asked for
    pub permissions: Vec<TicketPermission>,
    /// Claims that the resource server pushes
    #[serde(default, skip_serializing_if = "PushedClaims::is_empty")]
    pub claims: PushedClaims,
    /// Whose successor it is; absent in a ticket that a resource server asked for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

/// A ticket whose signature nobody has checked
///
/// ```
/// use countersign_core::ticket::{TicketError, UnverifiedTicket};
///
/// assert_eq!(UnverifiedTicket::parse("no.ticket").map(|_| ()), Err(TicketError::Foreign));
/// ```
pub struct UnverifiedTicket {
    jws: UnverifiedJws,
}

impl UnverifiedTicket {
    /// Takes a compact JWS apart that may be a ticket
    pub fn parse(text: &str) -> Result<Self, TicketError> {
        let jws = UnverifiedJws::parse(text).map_err(|_| TicketError::Foreign)?;
        if jws.alg() != Alg::Hs512 {
            return Err(TicketError::Foreign);
        }
        Ok(Self { jws })
    }

    /// The signed form, to check with the realm's ticket key
    pub const fn jws(&self) -> &UnverifiedJws {
        &self.jws
    }

    /// The ticket, if it was issued under this issuer and is active
    pub fn accept(self, _: SignatureOk, issuer: &str, now: UnixTime) -> Result<Ticket, TicketError> {
        let audience: ClientId = issuer.parse().map_err(|_| TicketError::Foreign)?;
        let payload = Payload::parse(self.jws.payload()).map_err(|_| TicketError::Foreign)?;
        let claims = payload.claims().map_err(|_| TicketError::Foreign)?;
        claims.check(&self.jws, &Expect::unnamed(audience), now).map_err(|error| match error {
            TokenError::Expired | TokenError::NotYetValid => TicketError::Inactive,
            TokenError::Jws(_)
            | TokenError::Claims(_)
            | TokenError::Kind
            | TokenError::LifeTime
            | TokenError::Issuer
            | TokenError::Audience
            | TokenError::Bound
            | TokenError::UnknownKey
            | TokenError::Signature => TicketError::Foreign,
        })?;
        let body: Body = serde_json::from_slice(self.jws.payload()).map_err(|_| TicketError::Foreign)?;
        let id = claims.jti.and_then(|id| id.parse().ok()).ok_or(TicketError::Foreign)?;
        let server = claims.azp.and_then(|id| id.parse().ok()).ok_or(TicketError::Foreign)?;
        let expires_at = claims.exp.ok_or(TicketError::Foreign)?;
        let issued_at = claims.iat.ok_or(TicketError::Foreign)?;
        let Body { permissions, claims, line } = body;
        Ok(Ticket { id, server, issued_at, expires_at, permissions, claims, line })
    }
}

/// Without payload and signature: together they are a credential
impl fmt::Debug for UnverifiedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedTicket").field("jws", &self.jws).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Body {
    permissions: Vec<TicketPermission>,
    #[serde(default)]
    claims: PushedClaims,
    #[serde(default)]
    line: Option<Line>,
}

/// A ticket that the realm stands for and that is active; whether it is spent, the store says
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    id: TokenId,
    server: ClientId,
    issued_at: UnixTime,
    expires_at: UnixTime,
    permissions: Vec<TicketPermission>,
    claims: PushedClaims,
    line: Option<Line>,
}

impl Ticket {
    /// What is used up by a grant
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    /// The resource server that asked for it
    pub const fn server(&self) -> &ClientId {
        &self.server
    }

    /// When it was issued
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// Its last good second
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// What is asked for
    pub fn permissions(&self) -> &[TicketPermission] {
        &self.permissions
    }

    /// Claims that the resource server pushed
    pub const fn claims(&self) -> &PushedClaims {
        &self.claims
    }
}

#[cfg(test)]
mod tests;
