//! The line of tickets of one authorization process: who may present one, when, and what comes after it
//! (Grant §3.3.6, §5.5; design §5). Only the dialect of the specification makes successors.

use serde::{Deserialize, Serialize};

use super::{Ticket, TicketClaims, TicketError};
use crate::{
    ids::{ClientId, TokenId},
    limits::{TICKET_LINE_SECONDS, TICKET_SECONDS},
    time::UnixTime,
};

/// Where a successor comes from
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The first ticket
    pub first: TokenId,
    /// When the first was issued
    pub since: UnixTime,
    /// The client that presented it
    pub client: ClientId,
    /// When this one may be presented
    pub from: UnixTime,
}

/// The word of the store that a ticket was unspent and is spent now
#[derive(Debug)]
pub struct Spent(());

impl Spent {
    /// Say so only after the ticket's id was recorded as spent, by a write that fails where it was recorded before
    #[must_use]
    pub const fn i_have_recorded_it() -> Self {
        Self(())
    }
}

impl Ticket {
    /// Whether this client may present it now: a successor belongs to the client that presented the first, and has
    /// its time.
    ///
    /// A ticket that a resource server asked for belongs to whoever presents it first (Grant §5.5).
    pub fn may_be_presented(&self, client: &ClientId, now: UnixTime) -> Result<(), TicketError> {
        match &self.line {
            Some(line) if line.client != *client => Err(TicketError::OtherClient),
            Some(line) if now < line.from => Err(TicketError::TooEarly(now.seconds_until(line.from))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether it is the successor of another
    pub const fn is_successor(&self) -> bool {
        self.line.is_some()
    }

    /// Whether an owner was asked with the one before it: such a successor has to wait
    pub fn asks_again(&self) -> bool {
        self.line.as_ref().is_some_and(|line| self.issued_at < line.from)
    }

    /// The first of its line, by which a line is known
    pub fn first(&self) -> &TokenId {
        self.line.as_ref().map_or(&self.id, |line| &line.first)
    }

    /// The ticket, used up
    #[must_use]
    pub const fn redeemed(self, _: Spent) -> RedeemedTicket {
        RedeemedTicket(self)
    }
}

/// A ticket that is used up: good for nothing but a successor
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemedTicket(Ticket);

impl RedeemedTicket {
    /// Its id, for the record
    pub const fn id(&self) -> &TokenId {
        &self.0.id
    }

    /// What its successor says: the same permissions for the same resource server, bound to the client.
    ///
    /// It may be presented once `interval` seconds have passed and lives max(300 s, 10 × `interval`), but not beyond
    /// [`TICKET_LINE_SECONDS`] after the first of its line: then there is none.
    ///
    /// ```
    /// # use countersign_core::{jws::{Alg, Header, compact, signing_input}, ticket::*, time::UnixTime, token::SignatureOk};
    /// # let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: None };
    /// # let text = compact(signing_input(&header, r#"{"exp":400,"iat":100,"jti":"t1","aud":"as","azp":"rs",
    /// #     "permissions":[{"rsid":"doc-42"}]}"#), &[0; 64]);
    /// let now = UnixTime(200);
    /// let ticket = UnverifiedTicket::parse(&text)?.accept(SignatureOk::i_have_verified_the_signature(), "as", now)?;
    /// let spent = ticket.redeemed(Spent::i_have_recorded_it());
    /// let next = spent.successor("t2".parse().unwrap(), &"app".parse().unwrap(), "as", "rs-user", 15, now)?;
    /// assert_eq!((next.iat, next.exp), (now, UnixTime(500)));
    /// assert_eq!(next.line.map(|line| line.from), Some(UnixTime(215)));
    /// # Ok::<(), TicketError>(())
    /// ```
    pub fn successor(
        &self,
        id: TokenId,
        client: &ClientId,
        issuer: &str,
        subject: &str,
        interval: u64,
        now: UnixTime,
    ) -> Result<TicketClaims, TicketError> {
        let ticket = &self.0;
        let (first, since) = match &ticket.line {
            Some(line) => (line.first.clone(), line.since),
            None => (ticket.id.clone(), ticket.issued_at),
        };
        let end = since.plus(TICKET_LINE_SECONDS);
        let from = now.plus(interval);
        let exp = now.plus(TICKET_SECONDS.max(interval.saturating_mul(10))).min(end);
        if exp <= from {
            return Err(TicketError::LineEnded);
        }
        Ok(TicketClaims {
            exp,
            iat: now,
            jti: id,
            aud: issuer.into(),
            sub: subject.into(),
            azp: ticket.server.clone(),
            permissions: ticket.permissions.clone(),
            claims: ticket.claims.clone(),
            line: Some(Line { first, since, client: client.clone(), from }),
        })
    }
}
