//! Permission tickets: signed, short-lived handles of what a resource server wants to be granted
//! (FedAuthz §4.2, `keycloak-wire` §3).
//!
//! Nothing is stored when one is issued; that it is used once is the store's word.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ClientId, ResourceId, TokenId},
    jws::{Alg, UnverifiedJws},
    permission::Claims as PushedClaims,
    scope::ScopeSet,
    time::UnixTime,
    token::{Claims, Expect, SignatureOk, TokenError},
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
    claims: Claims,
}

impl UnverifiedTicket {
    /// Takes a compact JWS apart that may be a ticket
    pub fn parse(text: &str) -> Result<Self, TicketError> {
        let jws = UnverifiedJws::parse(text).map_err(|_| TicketError::Foreign)?;
        if jws.alg() != Alg::Hs512 {
            return Err(TicketError::Foreign);
        }
        let claims = Claims::parse(jws.payload()).map_err(|_| TicketError::Foreign)?;
        Ok(Self { jws, claims })
    }

    /// The signed form, to check with the realm's ticket key
    pub const fn jws(&self) -> &UnverifiedJws {
        &self.jws
    }

    /// The ticket, if it was issued under this issuer and is active
    pub fn accept(self, _: SignatureOk, issuer: &str, now: UnixTime) -> Result<Ticket, TicketError> {
        let audience: ClientId = issuer.parse().map_err(|_| TicketError::Foreign)?;
        self.claims.check(&self.jws, &Expect::unnamed(audience), now).map_err(|error| match error {
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
        let id = self.claims.jti.ok_or(TicketError::Foreign)?;
        let server = self.claims.azp.ok_or(TicketError::Foreign)?;
        let expires_at = self.claims.exp.ok_or(TicketError::Foreign)?;
        Ok(Ticket { id, server, expires_at, permissions: body.permissions, claims: body.claims })
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
}

/// A ticket that the realm stands for and that is active; whether it is spent, the store says
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    id: TokenId,
    server: ClientId,
    expires_at: UnixTime,
    permissions: Vec<TicketPermission>,
    claims: PushedClaims,
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
mod tests {
    use super::*;
    use crate::jws::{Header, compact, signing_input};

    const ISSUER: &str = "https://as.example/realms/demo";
    const NOW: UnixTime = UnixTime(1_700_000_000);

    fn ticket(payload: &str) -> String {
        let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: Some("k") };
        compact(signing_input(&header, payload), &[0; 64])
    }

    fn accept(payload: &str) -> Result<Ticket, TicketError> {
        UnverifiedTicket::parse(&ticket(payload))?.accept(
            SignatureOk::i_have_verified_the_signature(),
            ISSUER,
            NOW,
        )
    }

    fn payload(member: &str) -> String {
        alloc::format!(
            r#"{{"exp":1700000300,"iat":1700000000,"jti":"t1","aud":"{ISSUER}","sub":"s","azp":"rs",
                "permissions":[{{"rsid":"doc-42","scopes":["read"]}}]{member}}}"#
        )
    }

    #[test]
    fn a_ticket_says_what_was_asked_for() {
        let ticket = accept(&payload("")).unwrap();
        assert_eq!(ticket.server().as_str(), "rs");
        assert_eq!(ticket.permissions()[0].rsid.as_deref(), Some("doc-42"));
        assert!(ticket.claims().is_empty());
    }

    #[test]
    fn a_refresh_token_under_the_same_key_is_no_ticket() {
        assert_eq!(accept(&payload(r#","typ":"Refresh""#)), Err(TicketError::Foreign));
        assert_eq!(accept(&payload(r#","iss":"https://as.example/realms/demo""#)), Err(TicketError::Foreign));
    }

    #[test]
    fn a_ticket_of_another_realm_is_foreign_and_an_old_one_inactive() {
        let other = payload("").replace("realms/demo", "realms/other");
        assert_eq!(accept(&other), Err(TicketError::Foreign));
        let old = payload("").replace("1700000300", "1699999999").replace("1700000000", "1699999000");
        assert_eq!(accept(&old), Err(TicketError::Inactive));
    }

    #[test]
    fn an_asymmetric_signature_is_no_tickets() {
        let header = Header { alg: Alg::Rs256, typ: Some("JWT"), kid: None };
        let text = compact(signing_input(&header, payload("")), &[0; 256]);
        assert_eq!(UnverifiedTicket::parse(&text).map(|_| ()), Err(TicketError::Foreign));
    }
}
