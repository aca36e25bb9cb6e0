//! The life of a share as types: what may become of it, and by whose hand.
//!
//! ```text
//!            request                approve
//!   (none) ──────────▶ Pending ───────────────▶ Granted ──time──▶ Expired
//!      │                 │  ▲ deny, block          │ ▲               │  │
//!      │ give            ▼  │ ask again            │ └────renew──────┘  │ ask again
//!      └─▶ Granted     Denied, Blocked             ▼                    ▼
//!                        └────────────────────▶ Withdrawn            Pending
//! ```
//!
//! The owner and the resource server decide; the requester asks, and lets go of what he has. A move that is not
//! a method of a stage does not compile; one by the wrong hand is [refused](MoveRefused).

use alloc::boxed::Box;

use super::{Grantee, Share, ShareState};
use crate::{
    ids::{PartyId, ShareId},
    resource::Resource,
    time::UnixTime,
};

/// What somebody is to a share
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The owner of the resource
    Owner,
    /// The resource server that protects it
    ResourceServer,
    /// The one who asked for, or was given, the share
    Requester,
    /// Anybody else
    Stranger,
}

impl Standing {
    /// What `actor` is to a share of a resource of `owner` at `server`; who is several things is the first of
    /// resource server, owner, requester
    ///
    /// ```
    /// use countersign_core::share::{Grantee, Standing};
    ///
    /// let (alice, bob, server) = ("alice".parse()?, "bob".parse()?, "rs".parse()?);
    /// let of_bob = Grantee::User("bob".parse()?);
    /// assert_eq!(Standing::of(&alice, &alice, &server, Some(&of_bob)), Standing::Owner);
    /// assert_eq!(Standing::of(&bob, &alice, &server, Some(&of_bob)), Standing::Requester);
    /// assert_eq!(Standing::of(&bob, &alice, &server, None), Standing::Stranger);
    /// # Ok::<(), countersign_core::ids::ParseIdError>(())
    /// ```
    pub fn of(actor: &PartyId, owner: &PartyId, server: &PartyId, requester: Option<&Grantee>) -> Self {
        if actor == server {
            Self::ResourceServer
        } else if actor == owner {
            Self::Owner
        } else if requester.is_some_and(|requester| *requester == Grantee::User(actor.clone())) {
            Self::Requester
        } else {
            Self::Stranger
        }
    }

    /// May create, approve, refuse, limit and renew (`keycloak-wire` §4.1, §4.2)
    pub const fn may_decide(self) -> bool {
        matches!(self, Self::Owner | Self::ResourceServer)
    }

    /// May take it away (`keycloak-wire` §4.3)
    pub const fn may_withdraw(self) -> bool {
        matches!(self, Self::Owner | Self::ResourceServer | Self::Requester)
    }

    const fn decides(self) -> Result<(), MoveRefused> {
        if self.may_decide() { Ok(()) } else { Err(MoveRefused::NotTheOwner) }
    }

    const fn asks(self) -> Result<(), MoveRefused> {
        if matches!(self, Self::Requester) { Ok(()) } else { Err(MoveRefused::NotTheRequester) }
    }

    const fn lets_go(self) -> Result<(), MoveRefused> {
        if self.may_withdraw() { Ok(()) } else { Err(MoveRefused::Stranger) }
    }
}

/// Why a share stays where it is
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoveRefused {
    /// Only the owner and the resource server decide about a share
    #[error("only the owner of the resource or its resource server may do this")]
    NotTheOwner,
    /// Only the requester asks for himself
    #[error("only the requester of the share may ask for it")]
    NotTheRequester,
    /// Only the owner, the resource server and the requester take a share away
    #[error("only the owner, the resource server or the requester may withdraw a share")]
    Stranger,
    /// The end lies in the past
    #[error("`expires_at` must lie in the future; to end a share now, withdraw it")]
    EndInThePast,
}

/// Why nobody can ask the owner for a resource (`keycloak-wire` §6.7)
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    /// `ownerManagedAccess` is off
    #[error("the owner does not manage access to this resource")]
    NotShareable,
    /// Nobody asks himself
    #[error("the requester owns this resource")]
    OwnResource,
    /// The resource server owns it, so there is no owner to ask
    #[error("the resource belongs to the resource server")]
    ServersResource,
}

/// Whether a request of `requester` for the resource can be put before its owner
pub fn may_request(resource: &Resource, requester: &PartyId, server: &PartyId) -> Result<(), RequestRefused> {
    if !resource.owner_managed {
        Err(RequestRefused::NotShareable)
    } else if resource.owner == *requester {
        Err(RequestRefused::OwnResource)
    } else if resource.owner == *server {
        Err(RequestRefused::ServersResource)
    } else {
        Ok(())
    }
}

/// Asked for; the owner has not answered
#[derive(Debug)]
pub enum Pending {}
/// The owner agreed, and the end has not come
#[derive(Debug)]
pub enum Granted {}
/// The owner refused; a new request asks again
#[derive(Debug)]
pub enum Denied {}
/// The owner refused for good
#[derive(Debug)]
pub enum Blocked {}
/// It was granted, and its end has come
#[derive(Debug)]
pub enum Expired {}

/// A share at one stage of its life
///
/// ```
/// use countersign_core::{share::{Grantee, Standing, lifecycle::{MoveRefused, Staged}}, time::UnixTime};
///
/// let now = UnixTime(1_700_000_000);
/// let asked = Staged::request("s1".parse()?, "doc-42".parse()?, Some("read".parse()?), Grantee::User("bob".parse()?));
/// let asked = asked.approve(Standing::Requester).err().map(|refused| refused.share).ok_or("bob is not alice")?;
/// let granted = asked.approve(Standing::Owner).map_err(|refused| refused.why)?;
/// assert!(granted.share().grants_at(now));
/// let withdrawn = granted.withdraw(Standing::Requester).map_err(|refused| refused.why)?;
/// assert_eq!(withdrawn.id.as_str(), "s1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Staged<S> {
    share: Box<Share>,
    stage: core::marker::PhantomData<S>,
}

/// A move that was refused, with the share as it was
#[derive(Debug)]
pub struct Refused<S> {
    /// The share, unmoved
    pub share: Staged<S>,
    /// The reason
    pub why: MoveRefused,
}

/// A share that is gone: its row is to be removed
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The row
    pub id: ShareId,
}

/// A stored row, at the stage that it has reached by now
#[derive(Debug)]
pub enum Stage {
    /// The owner has yet to answer
    Pending(Staged<Pending>),
    /// It gives access
    Granted(Staged<Granted>),
    /// Refused
    Denied(Staged<Denied>),
    /// Refused for good
    Blocked(Staged<Blocked>),
    /// It gave access
    Expired(Staged<Expired>),
}

impl Stage {
    /// The stage of a row at that moment
    pub fn at(share: Share, now: UnixTime) -> Self {
        match share.state {
            ShareState::Pending => Self::Pending(Staged::new(share)),
            ShareState::Granted if share.grants_at(now) => Self::Granted(Staged::new(share)),
            ShareState::Granted => Self::Expired(Staged::new(share)),
            ShareState::Denied => Self::Denied(Staged::new(share)),
            ShareState::Blocked => Self::Blocked(Staged::new(share)),
        }
    }

    /// What a request of the requester makes of the row, and nothing where it changes nothing (design §2): it
    /// makes a denied or expired one pending again, and leaves a blocked one
    pub fn asked_again(self) -> Option<Staged<Pending>> {
        match self {
            Self::Denied(share) => share.ask_again(Standing::Requester).ok(),
            Self::Expired(share) => share.ask_again(Standing::Requester).ok(),
            Self::Pending(_) | Self::Granted(_) | Self::Blocked(_) => None,
        }
    }
}

impl<S> Staged<S> {
    fn new(share: Share) -> Self {
        Self { share: Box::new(share), stage: core::marker::PhantomData }
    }

    /// The row as it is to be stored
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// The row, to keep
    pub fn into_share(self) -> Share {
        *self.share
    }

    fn moved<T>(
        self,
        allowed: Result<(), MoveRefused>,
        change: impl FnOnce(&mut Share),
    ) -> Result<Staged<T>, Refused<S>> {
        if let Err(why) = allowed {
            return Err(Refused { share: self, why });
        }
        let mut share = self.share;
        change(&mut share);
        Ok(Staged { share, stage: core::marker::PhantomData })
    }

    fn gone(self, allowed: Result<(), MoveRefused>) -> Result<Withdrawn, Refused<S>> {
        self.moved::<S>(allowed, |_| ()).map(|last| Withdrawn { id: last.share.id })
    }
}

const fn to(state: ShareState) -> impl FnOnce(&mut Share) {
    move |share| share.state = state
}

impl Staged<Pending> {
    /// A new request; whether there may be one, [`may_request`] says
    pub fn request(
        id: ShareId,
        resource: crate::ids::ResourceId,
        scope: Option<crate::scope::Scope>,
        requester: Grantee,
    ) -> Self {
        let state = ShareState::Pending;
        Self::new(Share { id, resource, scope, requester, state, expires_at: None, parent: None })
    }

    /// The owner agrees
    pub fn approve(self, by: Standing) -> Result<Staged<Granted>, Refused<Pending>> {
        self.moved(by.decides(), to(ShareState::Granted))
    }

    /// The owner refuses; the requester may ask again
    pub fn deny(self, by: Standing) -> Result<Staged<Denied>, Refused<Pending>> {
        self.moved(by.decides(), to(ShareState::Denied))
    }

    /// The owner refuses for good
    pub fn block(self, by: Standing) -> Result<Staged<Blocked>, Refused<Pending>> {
        self.moved(by.decides(), to(ShareState::Blocked))
    }

    /// The request is taken back, or removed
    pub fn withdraw(self, by: Standing) -> Result<Withdrawn, Refused<Pending>> {
        self.gone(by.lets_go())
    }
}

impl Staged<Granted> {
    /// Gives it an end, or takes the end away; what rests on it ends with it
    pub fn limit(
        self,
        by: Standing,
        end: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Staged<Granted>, Refused<Granted>> {
        self.moved(by.decides().and_then(|()| in_future(end, now)), |share| share.expires_at = end)
    }

    /// Takes it away: no state is left of it
    pub fn withdraw(self, by: Standing) -> Result<Withdrawn, Refused<Granted>> {
        self.gone(by.lets_go())
    }
}

impl Staged<Denied> {
    /// The requester asks once more
    pub fn ask_again(self, by: Standing) -> Result<Staged<Pending>, Refused<Denied>> {
        self.moved(by.asks(), to(ShareState::Pending))
    }

    /// The owner thinks again
    pub fn approve(self, by: Standing) -> Result<Staged<Granted>, Refused<Denied>> {
        self.moved(by.decides(), to(ShareState::Granted))
    }

    /// The owner forgets it; the requester may not, for the row is the owner's word
    pub fn withdraw(self, by: Standing) -> Result<Withdrawn, Refused<Denied>> {
        self.gone(by.decides())
    }
}

impl Staged<Blocked> {
    /// The owner thinks again
    pub fn approve(self, by: Standing) -> Result<Staged<Granted>, Refused<Blocked>> {
        self.moved(by.decides(), to(ShareState::Granted))
    }

    /// The owner forgets it, and the requester may ask anew
    pub fn withdraw(self, by: Standing) -> Result<Withdrawn, Refused<Blocked>> {
        self.gone(by.decides())
    }
}

impl Staged<Expired> {
    /// The owner grants it anew, with another end or none
    pub fn renew(
        self,
        by: Standing,
        end: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Staged<Granted>, Refused<Expired>> {
        self.moved(by.decides().and_then(|()| in_future(end, now)), |share| share.expires_at = end)
    }

    /// The requester asks once more
    pub fn ask_again(self, by: Standing) -> Result<Staged<Pending>, Refused<Expired>> {
        self.moved(by.asks(), |share| {
            share.state = ShareState::Pending;
            share.expires_at = None;
        })
    }

    /// Takes the row away
    pub fn withdraw(self, by: Standing) -> Result<Withdrawn, Refused<Expired>> {
        self.gone(by.lets_go())
    }
}

fn in_future(end: Option<UnixTime>, now: UnixTime) -> Result<(), MoveRefused> {
    if end.is_none_or(|end| now < end) { Ok(()) } else { Err(MoveRefused::EndInThePast) }
}
