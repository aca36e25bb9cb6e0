//! Shares: the one truth about who may use an owner's resource.
//!
//! A row is (resource, scope or none, requester). Withdrawn means that the row is gone; expired, that its
//! end has passed, without a job having to run. Stored tickets (`keycloak-wire` §4) and an owner's `uma` policy
//! for one requester (`keycloak-wire` §4.5) are [views](view) of these rows.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{PartyId, ResourceId, ShareId},
    requester::{Requester, RoleName},
    scope::Scope,
    time::UnixTime,
};

pub mod index;
pub mod lifecycle;
pub mod view;

pub use lifecycle::{MoveRefused, RequestRefused, Standing};

/// Where a share stands
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareState {
    /// Asked for; the owner has not answered
    Pending,
    /// The owner agreed
    Granted,
    /// The owner refused; a new request makes it pending again
    Denied,
    /// The owner refused for good; a new request changes nothing
    Blocked,
}

impl ShareState {
    /// All states
    pub const ALL: [Self; 4] = [Self::Pending, Self::Granted, Self::Denied, Self::Blocked];

    /// The state's name in the store and in documents
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Blocked => "blocked",
        }
    }

    /// The state of that name
    ///
    /// ```
    /// use countersign_core::share::ShareState;
    ///
    /// assert_eq!(ShareState::from_name("granted"), Some(ShareState::Granted));
    /// assert_eq!(ShareState::from_name("GRANTED"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Whom a share is for: the requester of its row
///
/// ```
/// use countersign_core::share::Grantee;
///
/// let bob: Grantee = serde_json::from_str(r#"{"user":"bob"}"#)?;
/// assert_eq!(bob, Grantee::User("bob".parse().unwrap()));
/// let staff: Grantee = serde_json::from_str(r#"{"group":"/staff"}"#)?;
/// assert_eq!(serde_json::to_string(&staff)?, r#"{"group":"/staff"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// One user, or a client that asks for itself
    User(PartyId),
    /// Everybody in the group of this path; sub-groups are not included (`keycloak-wire` §5.1)
    Group(String),
    /// Everybody who holds the role
    Role(RoleName),
}

impl Grantee {
    /// Whether the requester is meant
    pub fn includes(&self, requester: &Requester) -> bool {
        match self {
            Self::User(id) => *id == requester.id,
            Self::Group(path) => requester.groups.contains(path),
            Self::Role(role) => requester.roles.holds(role.client.as_deref(), &role.name),
        }
    }
}

/// One row: a resource, a scope or none, a requester
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its id
    pub id: ShareId,
    /// What is shared
    pub resource: ResourceId,
    /// Which scope; absent for a resource without scopes
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Whom it is for
    pub requester: Grantee,
    /// Where it stands
    pub state: ShareState,
    /// When it ends: from this second on it is as if withdrawn
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
    /// The share that it rests on, of the same resource and scope: it gives access only while that one does
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ShareId>,
}

impl Share {
    /// Whether the row by itself gives access at that moment; what it rests on is another matter
    pub fn grants_at(&self, now: UnixTime) -> bool {
        self.state == ShareState::Granted && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the share gives access at that moment, the shares that it rests on included.
    ///
    /// A parent that `find` does not know, one of another resource or scope, and a chain longer than
    /// [`SHARE_DEPTH`](crate::limits::SHARE_DEPTH) give none.
    pub fn stands_at<'a>(&self, now: UnixTime, find: impl Fn(&ShareId) -> Option<&'a Self>) -> bool {
        if !self.grants_at(now) {
            return false;
        }
        let mut parent = self.parent.as_ref();
        for _ in 0..crate::limits::SHARE_DEPTH {
            let Some(id) = parent else { return true };
            let Some(share) = find(id) else { return false };
            if !share.grants_at(now) || share.resource != self.resource || share.scope != self.scope {
                return false;
            }
            parent = share.parent.as_ref();
        }
        parent.is_none()
    }

    /// The first end among the share's own and those of the shares that it rests on: until then it stands, if it does
    pub fn ends_at<'a>(&self, find: impl Fn(&ShareId) -> Option<&'a Self>) -> Option<UnixTime> {
        let mut parent = self.parent.as_ref();
        let below = core::iter::from_fn(|| {
            let share = find(parent?)?;
            parent = share.parent.as_ref();
            Some(share.expires_at)
        });
        below.take(crate::limits::SHARE_DEPTH).chain([self.expires_at]).flatten().min()
    }
}

#[cfg(test)]
mod tests;
