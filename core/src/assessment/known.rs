//! Facts, ready to be looked up.

use alloc::{collections::BTreeMap, vec::Vec};

use super::Question;
use crate::{
    ids::{ResourceId, ShareId},
    requester::Requester,
    resource::Resource,
    scope::{Scope, ScopeSet},
    share::{Grantee, Share, ShareState},
    time::UnixTime,
};

/// The facts of one question by what they are about
#[derive(Debug)]
pub(super) struct Known<'a> {
    question: &'a Question,
    /// In the order of their ids, so that the order of facts never matters
    resources: BTreeMap<&'a ResourceId, &'a Resource>,
    by_id: BTreeMap<&'a ShareId, &'a Share>,
    /// The requester's shares that stand
    standing: BTreeMap<&'a ResourceId, Vec<&'a Share>>,
    others: BTreeMap<&'a ResourceId, Vec<&'a ScopeSet>>,
}

impl<'a> Known<'a> {
    /// `requester` is the question's, with all roles that his roles contain
    pub(super) fn new(question: &'a Question, requester: &Requester) -> Self {
        let facts = &question.facts;
        let by_id: BTreeMap<&ShareId, &Share> = facts.shares.iter().map(|share| (&share.id, share)).collect();
        let mut standing: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for share in &facts.shares {
            let stands = share.requester.includes(requester)
                && share.stands_at(question.now, |id| by_id.get(id).copied());
            if stands {
                standing.entry(&share.resource).or_default().push(share);
            }
        }
        let mut others: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for shared in &facts.shared_with_others {
            others.entry(&shared.resource).or_default().push(&shared.scopes);
        }
        let resources = facts.resources.iter().map(|resource| (&resource.id, resource)).collect();
        Self { question, resources, by_id, standing, others }
    }

    /// The resource of that id
    pub(super) fn resource(&self, id: &ResourceId) -> Option<&'a Resource> {
        self.resources.get(id).copied()
    }

    /// All resources, in the order of their ids
    pub(super) fn resources(&self) -> impl Iterator<Item = &'a Resource> + use<'_, 'a> {
        self.resources.values().copied()
    }

    /// The requester's shares of a resource that give access now
    pub(super) fn shares(&self, resource: &ResourceId) -> &[&'a Share] {
        self.standing.get(resource).map(Vec::as_slice).unwrap_or_default()
    }

    /// When a share ends, alone or because one that it rests on does
    pub(super) fn end(&self, share: &Share) -> Option<UnixTime> {
        share.ends_at(|id| self.by_id.get(id).copied())
    }

    /// What of a resource is granted to others
    pub(super) fn others(&self, resource: &ResourceId) -> &[&'a ScopeSet] {
        self.others.get(resource).map(Vec::as_slice).unwrap_or_default()
    }

    /// The resource server's resources from which a user's resource of the same type inherits (`keycloak-wire` §8.6)
    pub(super) fn parents(&self, resource: &'a Resource) -> impl Iterator<Item = &'a Resource> + use<'a> {
        let Question { server, facts, .. } = self.question;
        facts.parents.iter().filter(move |parent| {
            resource.kind.is_some()
                && parent.kind == resource.kind
                && resource.owner != server.id
                && parent.owner == server.id
        })
    }

    /// Its own scopes, and those of its type's parents
    pub(super) fn available(&self, resource: &'a Resource) -> impl Iterator<Item = &'a Scope> + use<'a> {
        resource.scopes.iter().chain(self.parents(resource).flat_map(|parent| parent.scopes.iter()))
    }

    /// What became of the requester's own request for a scope of a resource
    pub(super) fn request(&self, resource: &ResourceId, scope: Option<&Scope>) -> Option<ShareState> {
        let Question { facts, requester, .. } = self.question;
        let mut rows = facts.shares.iter().filter(|share| {
            share.resource == *resource
                && share.scope.as_ref() == scope
                && matches!(&share.requester, Grantee::User(id) if *id == requester.id)
        });
        rows.next().map(|share| share.state)
    }
}
