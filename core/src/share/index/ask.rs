//! What is asked of shares.

use alloc::vec::Vec;
use core::{cmp::Ordering, iter};

use super::{
    Shares,
    name::{Name, print},
    rows::{List, Row, Side},
    runs::{Asked, Prints},
    slab::Place,
};
use crate::{
    ids::{ResourceId, ShareId},
    limits::SHARE_DEPTH,
    requester::Requester,
    scope::Scope,
    share::{Grantee, Share},
    time::UnixTime,
};

/// Fewer shares than these with groups and roles are looked at one by one
const FEW: usize = 8;

/// Shares of one requester by their ids: so many, after one that is already known
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Where the page before ended; it does not matter whether that share still exists
    pub after: Option<&'a ShareId>,
    /// How many at most
    pub most: usize,
}

/// A name and its hash
#[derive(Clone, Copy)]
struct Hashed<'a> {
    name: Name<'a>,
    hash: u64,
}

impl Shares {
    /// Whether the requester may use that scope of the resource at that moment, or, without a scope, a resource that
    /// has none.
    ///
    /// No memory is allocated. The time depends on the requester's groups and roles, and only where the resource is
    /// shared with groups or roles at all.
    pub fn permits(
        &self,
        resource: &ResourceId,
        requester: &Requester,
        scope: Option<&Scope>,
        now: UnixTime,
    ) -> bool {
        let scope = match scope.map(|scope| self.scopes.find(scope, &self.seed)) {
            Some(None) => return false,
            Some(found) => found,
            None => None,
        };
        let resource = self.hashed(Name::resource(resource));
        self.granting(resource, requester, Asked::Only(scope)).any(|row| self.stands_at(row, now))
    }

    /// The scopes that the requester may use of the resource at that moment, and nothing in a scope's place for access
    /// to a resource without scopes. What is granted more than once comes more than once.
    ///
    /// ```
    /// use countersign_core::{requester::Requester, scope::ScopeSet, share::{Share, index::{Seed, Shares}}, time::UnixTime};
    ///
    /// let rows: Vec<Share> = serde_json::from_str(r#"[
    ///     {"id":"1","resource":"doc-42","scope":"read","requester":{"user":"bob"},"state":"granted"},
    ///     {"id":"2","resource":"doc-42","scope":"read","requester":{"role":{"name":"auditor"}},"state":"granted"}]"#)?;
    /// let shares = Shares::from_rows(rows, Seed::new(*b"16 random bytes."))?;
    /// let bob: Requester = serde_json::from_str(r#"{"id":"bob","client":"app","roles":{"realm":["auditor"]}}"#)?;
    /// let scopes: ScopeSet = shares.granted(&"doc-42".parse()?, &bob, UnixTime(0)).flatten().cloned().collect();
    /// assert_eq!(scopes, ScopeSet::from(["read".parse()?]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn granted<'a>(
        &'a self,
        resource: &'a ResourceId,
        requester: &'a Requester,
        now: UnixTime,
    ) -> impl Iterator<Item = Option<&'a Scope>> {
        let rows = self.granting(self.hashed(Name::resource(resource)), requester, Asked::Any);
        let standing = rows.filter(move |row| self.stands_at(row, now));
        standing.map(|row| row.scope.and_then(|scope| self.scopes.get(scope)))
    }

    /// The share of that id
    pub fn get(&self, id: &ShareId) -> Option<Share> {
        self.place(&Name::share(id)).and_then(|place| self.share(self.rows.get(place)?))
    }

    /// All shares, in no particular order
    pub fn iter(&self) -> impl Iterator<Item = Share> {
        self.rows.0.iter().filter_map(|(_, row)| self.share(row))
    }

    /// All shares of a resource, in no particular order
    pub fn of_resource(&self, resource: &ResourceId) -> impl Iterator<Item = Share> {
        let lists = self.resource(resource).into_iter().flat_map(move |resource| {
            List::ALL.into_iter().flat_map(move |list| self.listed(resource, list))
        });
        lists.filter_map(|row| self.share(row))
    }

    /// The requests that wait for an answer, of the resources of an owner, in no particular order
    pub fn pending_of<'a>(
        &'a self,
        resources: impl IntoIterator<Item = &'a ResourceId>,
    ) -> impl Iterator<Item = Share> {
        let known = resources.into_iter().filter_map(|resource| self.resource(resource));
        known.flat_map(|resource| self.listed(resource, List::Pending)).filter_map(|row| self.share(row))
    }

    /// A page of the shares that are for this user, group or role, by their ids. All of them are looked at.
    pub fn of_grantee(&self, grantee: &Grantee, page: Page<'_>) -> Vec<Share> {
        self.page(self.grantee(&Name::grantee(grantee)), page)
    }

    /// A page of the shares that are for this requester, his groups and his roles, by their ids. All of them are
    /// looked at.
    pub fn of_requester(&self, requester: &Requester, page: Page<'_>) -> Vec<Share> {
        let mut grantees: Vec<Place> =
            names(requester).filter_map(|name| self.grantee(&name)).chain(self.user(requester)).collect();
        grantees.sort_unstable_by_key(|place| place.index());
        grantees.dedup();
        self.page(grantees, page)
    }

    fn page(&self, grantees: impl IntoIterator<Item = Place>, page: Page<'_>) -> Vec<Share> {
        let after = page.after.map(Name::share);
        let id = |row: &Row| self.texts.get(row.id);
        let follows = |row: &&Row| match after {
            Some(after) => id(row).is_some_and(|id| id.cmp_ids(&after).is_gt()),
            None => true,
        };
        let order = |a: &&Row, b: &&Row| match (id(a), id(b)) {
            (Some(a), Some(b)) => a.cmp_ids(&b),
            _ => Ordering::Equal,
        };
        let first = |grantee| self.grantees.first(grantee, 0).and_then(|first| self.rows.get(first));
        let rows = grantees.into_iter().flat_map(|grantee| self.rows.list(Side::Grantee, first(grantee)));
        let mut rows: Vec<&Row> = rows.filter(follows).collect();
        if page.most < rows.len() {
            rows.select_nth_unstable_by(page.most, order);
            rows.truncate(page.most);
        }
        rows.sort_unstable_by(order);
        rows.into_iter().filter_map(|row| self.share(row)).collect()
    }

    /// Granted rows of a resource that mean the requester, of all scopes or of one
    fn granting<'a>(
        &'a self,
        resource: Hashed<'a>,
        requester: &'a Requester,
        asked: Asked,
    ) -> impl Iterator<Item = &'a Row> {
        let of_user = self.run(resource, self.hashed(Name::user(&requester.id)), asked);
        // Most resources are shared with users only, and most questions have their answer by then.
        of_user.chain(iter::once_with(move || self.granting_wide(resource, requester, asked)).flatten())
    }

    /// Those of groups and roles: either these are few, or all of the requester's are looked up
    fn granting_wide<'a>(
        &'a self,
        resource: Hashed<'a>,
        requester: &'a Requester,
        asked: Asked,
    ) -> impl Iterator<Item = &'a Row> {
        let place = self.resources.find(&resource.name, resource.hash, &self.texts);
        let wide = place.into_iter().flat_map(|place| self.listed(place, List::Wide));
        let is_long = wide.clone().nth(FEW).is_some();
        let is_meant = move |row: &&Row| asked.is(row.scope) && self.means(row, requester);
        let few = (!is_long).then(|| wide.filter(is_meant));
        let many = is_long
            .then(|| names(requester).flat_map(move |name| self.run(resource, self.hashed(name), asked)));
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }

    /// Rows of one resource, requester, and scope if one is given
    fn run<'a>(&'a self, of: Hashed<'a>, whom: Hashed<'a>, asked: Asked) -> impl Iterator<Item = &'a Row> {
        let runs = if asked == Asked::Any { &self.pairs } else { &self.triples };
        let Self { resources, grantees, scopes, seed, .. } = self;
        let hash = Prints { resources, grantees, scopes, seed }.hash(print(of.hash), print(whom.hash), asked);
        let first = runs.first(hash, &self.rows, |row| {
            asked.is(row.scope)
                && self.grantees.name(row.grantee, &self.texts) == Some(whom.name)
                && self.resources.name(row.resource, &self.texts) == Some(of.name)
        });
        let rows = self.rows.list(Side::Resource, first);
        rows.take_while(move |row| first.is_some_and(|first| first.is_like(row, asked)))
    }

    fn hashed<'a>(&self, name: Name<'a>) -> Hashed<'a> {
        Hashed { name, hash: name.hash(&self.seed) }
    }

    /// As [`Grantee::includes`], for groups and roles
    fn means(&self, row: &Row, requester: &Requester) -> bool {
        self.grantees.name(row.grantee, &self.texts).is_some_and(|name| name.means(requester))
    }

    /// As [`Share::stands_at`]
    fn stands_at(&self, row: &Row, now: UnixTime) -> bool {
        if !row.grants_at(now) {
            return false;
        }
        let mut parent = row.parent;
        for _ in 0..SHARE_DEPTH {
            let Some(id) = parent else { return true };
            let place = self.texts.get(id).and_then(|id| self.place(&id));
            let Some(share) = place.and_then(|place| self.rows.get(place)) else { return false };
            if !share.grants_at(now) || share.resource != row.resource || share.scope != row.scope {
                return false;
            }
            parent = share.parent;
        }
        parent.is_none()
    }

    fn listed(&self, resource: Place, list: List) -> impl Iterator<Item = &Row> + Clone {
        let first = self.resources.first(resource, list.number());
        self.rows.list(Side::Resource, first.and_then(|first| self.rows.get(first)))
    }

    pub(super) fn place(&self, id: &Name<'_>) -> Option<Place> {
        let is_it = |place| self.rows.get(place).and_then(|row| self.texts.get(row.id)) == Some(*id);
        self.ids.find(id.hash(&self.seed), is_it).map(|(_, place)| place)
    }

    fn resource(&self, id: &ResourceId) -> Option<Place> {
        let Hashed { name, hash } = self.hashed(Name::resource(id));
        self.resources.find(&name, hash, &self.texts)
    }

    fn grantee(&self, name: &Name<'_>) -> Option<Place> {
        self.grantees.find(name, name.hash(&self.seed), &self.texts)
    }

    fn user(&self, requester: &Requester) -> Option<Place> {
        self.grantee(&Name::user(&requester.id))
    }

    fn share(&self, row: &Row) -> Option<Share> {
        let scope = match row.scope {
            Some(scope) => Some(self.scopes.get(scope)?.clone()),
            None => None,
        };
        let parent = match row.parent {
            Some(parent) => Some(self.texts.get(parent)?.to_share()?),
            None => None,
        };
        Some(Share {
            id: self.texts.get(row.id)?.to_share()?,
            resource: self.resources.name(row.resource, &self.texts)?.to_resource()?,
            scope,
            requester: self.grantees.name(row.grantee, &self.texts)?.to_grantee()?,
            state: row.state,
            expires_at: row.end(),
            parent,
        })
    }
}

/// The requester's groups and roles
fn names(requester: &Requester) -> impl Iterator<Item = Name<'_>> {
    let Requester { groups, roles, .. } = requester;
    let groups = groups.iter().map(|path| Name::group(path));
    let realm = roles.realm.iter().map(|role| Name::role(None, role));
    let clients = roles
        .client
        .iter()
        .flat_map(|(client, roles)| roles.iter().map(|role| Name::role(Some(client.as_str()), role)));
    groups.chain(realm).chain(clients)
}
