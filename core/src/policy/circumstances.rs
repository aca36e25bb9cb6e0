use super::{Outcome, PolicyRow, Said};
use crate::{
    ids::ResourceId,
    permission::Claims,
    requester::{Directory, Requester, Roles},
    time::WallClock,
};

/// What policies look at: the requester and everything around the request (`keycloak-wire` §8.8)
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who asks, with all roles that his roles contain
    pub requester: &'a Requester,
    /// Roles as his token lists them
    pub token_roles: &'a Roles,
    /// What the wall clock shows
    pub wall_clock: WallClock,
    /// Attributes that the server vouches for
    pub context: &'a Claims,
    /// Pushed claims, merged and without those that pose as the server's
    pub claims: &'a Claims,
    /// Names of what policies refer to by id
    pub directory: &'a Directory,
    /// What scripts said
    pub outcomes: &'a [Outcome],
}

impl<'a> Circumstances<'a> {
    /// What the script of a policy said of a resource: its word on this one comes before its word on all
    pub fn outcome(&self, policy: &PolicyRow, resource: Option<&ResourceId>) -> Option<&'a Outcome> {
        let mut general = None;
        for outcome in self.outcomes.iter().filter(|outcome| outcome.policy == policy.id) {
            match &outcome.resource {
                None => general = general.or(Some(outcome)),
                of if of.as_ref() == resource => return Some(outcome),
                Some(_) => {}
            }
        }
        general
    }
}

impl Outcome {
    pub(super) const fn effect(&self) -> super::Effect {
        match self.said {
            Said::Permit => super::Effect::Permit,
            Said::Deny => super::Effect::Deny,
            Said::Failed => super::Effect::Broken,
        }
    }
}
