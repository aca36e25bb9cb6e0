//! Shares: the one truth about who may use an owner's resource.
//!
//! A row is (resource, scope or none, requester). Withdrawn means that the row is gone; expired, that its
//! end has passed, without a job having to run.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ResourceId, ShareId},
    scope::Scope,
    time::UnixTime,
};

/// Where a share stands
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        [Self::Pending, Self::Granted, Self::Denied, Self::Blocked]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// What a new request of the requester makes of it
    #[must_use]
    pub const fn asked_again(self) -> Self {
        match self {
            Self::Pending | Self::Denied => Self::Pending,
            Self::Granted => Self::Granted,
            Self::Blocked => Self::Blocked,
        }
    }
}

/// One share of the requester, as an assessment sees it
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
    /// Where it stands
    pub state: ShareState,
    /// When it ends
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
}

impl Share {
    /// Whether it gives access at that moment
    pub fn grants_at(&self, now: UnixTime) -> bool {
        self.state == ShareState::Granted && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What somebody who is neither the requester nor mentioned may do with a stored share
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
    /// May create, approve and refuse (`keycloak-wire` §4.1, §4.2)
    pub const fn may_decide(self) -> bool {
        matches!(self, Self::Owner | Self::ResourceServer)
    }

    /// May take it away (`keycloak-wire` §4.3)
    pub const fn may_withdraw(self) -> bool {
        matches!(self, Self::Owner | Self::ResourceServer | Self::Requester)
    }
}
