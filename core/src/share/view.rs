//! What other interfaces show of shares: nothing that is not in the rows.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Grantee, Share, ShareState};
use crate::{ids::ResourceId, scope::ScopeSet, time::UnixTime};

/// Whether a row is shown as a stored ticket: pending and granted ones are, as long as they have not ended
/// (`keycloak-wire` §4.2; design §2)
pub fn is_ticket(share: &Share, now: UnixTime) -> bool {
    match share.state {
        ShareState::Pending => true,
        ShareState::Granted => share.grants_at(now),
        ShareState::Denied | ShareState::Blocked => false,
    }
}

/// What one requester holds of one resource: the `uma` policy that Keycloak shows for it (`keycloak-wire` §4.5)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GranteePolicy<'a> {
    /// The resource
    pub resource: &'a ResourceId,
    /// For whom
    pub requester: &'a Grantee,
    /// The granted scopes; none for a resource without scopes
    pub scopes: ScopeSet,
    /// When the first of them ends
    pub expires_at: Option<UnixTime>,
}

/// The `uma` policies that rows amount to, one for each resource and requester, ordered by them
///
/// ```
/// use countersign_core::{share::{Share, view::policies}, time::UnixTime};
///
/// let rows: Vec<Share> = serde_json::from_str(r#"[
///     {"id":"1","resource":"doc-42","scope":"read","requester":{"user":"bob"},"state":"granted"},
///     {"id":"2","resource":"doc-42","scope":"write","requester":{"user":"bob"},"state":"pending"},
///     {"id":"3","resource":"doc-42","scope":"print","requester":{"user":"bob"},"state":"granted"}]"#)?;
/// let policies = policies(&rows, UnixTime(0));
/// assert_eq!(policies.len(), 1);
/// assert_eq!(policies[0].scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["print", "read"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn policies<'a>(shares: impl IntoIterator<Item = &'a Share>, now: UnixTime) -> Vec<GranteePolicy<'a>> {
    let mut views: BTreeMap<(&ResourceId, &Grantee), GranteePolicy<'a>> = BTreeMap::new();
    for share in shares.into_iter().filter(|share| share.grants_at(now)) {
        let (resource, requester) = (&share.resource, &share.requester);
        let view = views.entry((resource, requester)).or_insert_with(|| GranteePolicy {
            resource,
            requester,
            scopes: ScopeSet::new(),
            expires_at: None,
        });
        view.scopes.extend(share.scope.clone());
        view.expires_at = [view.expires_at, share.expires_at].into_iter().flatten().min();
    }
    views.into_values().collect()
}
