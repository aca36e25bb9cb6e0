//! Rows of resources, many at a time, and of shares of them.

use std::collections::HashMap;

use countersign_core::{
    assessment::{Ask, SharedWithOthers},
    resource::Resource,
    scope::{Scope, ScopeSet},
    share::{Grantee, Share, ShareState},
};
use rusqlite::{Transaction, params};

use super::{
    super::{StoreError, parse, seconds, time},
    FactsRequest,
};

/// A resource, and which of its scopes are granted to others than the requester
pub(super) struct Row {
    pub(super) resource: Resource,
    shared: ScopeSet,
}

/// Reads what one request needs. The names of scopes are read once each: many resources have the same.
pub(super) struct Rows<'a> {
    tx: &'a Transaction<'a>,
    request: &'a FactsRequest<'a>,
    scopes: HashMap<String, Scope>,
}

fn text<'a>(row: &'a rusqlite::Row<'_>, place: usize) -> Result<&'a str, StoreError> {
    row.get_ref(place)?.as_str().map_err(|_| StoreError::Corrupt("a stored name is no text".to_owned()))
}

/// Ids as a parameter of a statement
fn list<T: AsRef<str>>(ids: &[T]) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&ids.iter().map(AsRef::as_ref).collect::<Vec<&str>>())?)
}

impl<'a> Rows<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, request: &'a FactsRequest<'a>) -> Self {
        Self { tx, request, scopes: HashMap::new() }
    }

    fn scope(&mut self, id: String) -> Result<Scope, StoreError> {
        if let Some(scope) = self.scopes.get(&id) {
            return Ok(scope.clone());
        }
        let name: String = self
            .tx
            .prepare_cached("SELECT name FROM scope WHERE id = ?1")?
            .query_row([&id], |row| row.get(0))?;
        let scope: Scope = parse(&name)?;
        self.scopes.insert(id, scope.clone());
        Ok(scope)
    }

    /// Those of these resources that the resource server has
    pub(super) fn resources(&mut self, ids: &[String]) -> Result<Vec<Row>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (tx, ids) = (self.tx, list(ids)?);
        let mut found = Vec::new();
        let mut statement = tx.prepare_cached(
            "SELECT r.id, r.name, r.type, r.owner, r.owner_managed
             FROM json_each(?1) j CROSS JOIN resource r ON r.id = j.value WHERE r.server_id = ?2",
        )?;
        let mut rows = statement.query([&ids, self.request.server_id])?;
        while let Some(row) = rows.next()? {
            let resource = Resource {
                id: parse(text(row, 0)?)?,
                name: row.get(1)?,
                kind: row.get(2)?,
                owner: parse(text(row, 3)?)?,
                owner_managed: row.get(4)?,
                scopes: ScopeSet::new(),
                uris: Vec::new(),
            };
            found.push(Row { resource, shared: ScopeSet::new() });
        }
        self.add_scopes(&ids, &mut found)?;
        if self.request.asks.iter().any(|ask| matches!(ask, Ask::Uri { .. })) {
            self.add_uris(&ids, &mut found)?;
        }
        Ok(found)
    }

    fn add_scopes(&mut self, ids: &str, found: &mut [Row]) -> Result<(), StoreError> {
        let (tx, mut by_id) = (self.tx, by_id(found));
        // One look into the index for each scope: it does not matter how many others there are.
        let mut statement = tx.prepare_cached(
            "SELECT r.resource_id, r.scope_id, EXISTS (
               SELECT 1 FROM share h WHERE h.resource_id = r.resource_id AND h.scope_id = r.scope_id
                 AND h.state = 'granted' AND h.requester <> ?2
                 AND (h.expires_at IS NULL OR h.expires_at > ?3))
             FROM json_each(?1) j CROSS JOIN resource_scope r ON r.resource_id = j.value",
        )?;
        let mut rows = statement.query(params![ids, self.requester(), seconds(self.request.now)])?;
        while let Some(row) = rows.next()? {
            let Some(known) = by_id.get_mut(text(row, 0)?) else { continue };
            let scope = self.scope(row.get(1)?)?;
            if row.get(2)? {
                known.shared.insert(scope.clone());
            }
            known.resource.scopes.insert(scope);
        }
        Ok(())
    }

    fn add_uris(&self, ids: &str, found: &mut [Row]) -> Result<(), StoreError> {
        let mut by_id = by_id(found);
        let mut statement = self.tx.prepare_cached(
            "SELECT u.resource_id, u.uri FROM json_each(?1) j CROSS JOIN resource_uri u ON u.resource_id = j.value",
        )?;
        let mut rows = statement.query([ids])?;
        while let Some(row) = rows.next()? {
            if let Some(known) = by_id.get_mut(text(row, 0)?) {
                known.resource.uris.push(row.get(1)?);
            }
        }
        Ok(())
    }

    /// The requester's shares of resources
    pub(super) fn shares(&mut self, of: &[Row]) -> Result<Vec<Share>, StoreError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let tx = self.tx;
        let ids = list(&of.iter().map(|row| row.resource.id.as_str()).collect::<Vec<_>>())?;
        let mut statement = tx.prepare_cached(
            "SELECT h.resource_id, h.id, h.scope_id, h.state, h.expires_at
             FROM json_each(?1) j CROSS JOIN share h ON h.resource_id = j.value
             WHERE h.requester_kind = 'user' AND h.requester = ?2",
        )?;
        let mut rows = statement.query([&ids, self.requester()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Share {
                id: parse(text(row, 1)?)?,
                resource: parse(text(row, 0)?)?,
                scope: row.get::<_, Option<String>>(2)?.map(|id| self.scope(id)).transpose()?,
                requester: Grantee::User(self.request.requester.id.clone()),
                state: ShareState::from_name(text(row, 3)?).unwrap_or(ShareState::Blocked),
                expires_at: row.get::<_, Option<i64>>(4)?.map(time),
                parent: None,
            });
        }
        Ok(found)
    }

    /// What is granted to others than the requester on resources
    pub(super) fn shared_with_others(&self, of: &[Row]) -> Result<Vec<SharedWithOthers>, StoreError> {
        let bare: Vec<_> = of.iter().map(|row| &row.resource).filter(|it| it.scopes.is_empty()).collect();
        let mut whole = Vec::new();
        if !bare.is_empty() {
            let ids = list(&bare.iter().map(|resource| resource.id.as_str()).collect::<Vec<_>>())?;
            let mut statement = self.tx.prepare_cached(
                "SELECT j.value FROM json_each(?1) j WHERE EXISTS (
                   SELECT 1 FROM share WHERE resource_id = j.value AND scope_id IS NULL AND state = 'granted'
                     AND requester <> ?2 AND (expires_at IS NULL OR expires_at > ?3))",
            )?;
            let mut rows = statement.query(params![ids, self.requester(), seconds(self.request.now)])?;
            while let Some(row) = rows.next()? {
                whole.push(SharedWithOthers { resource: parse(text(row, 0)?)?, scopes: ScopeSet::new() });
            }
        }
        let parts = of
            .iter()
            .filter(|row| !row.shared.is_empty())
            .map(|row| SharedWithOthers { resource: row.resource.id.clone(), scopes: row.shared.clone() });
        whole.extend(parts);
        Ok(whole)
    }

    /// Policies that name resources, each with one that it names
    pub(super) fn attached(&self, resources: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.tx.prepare_cached(
            "SELECT p.resource_id, p.policy_id
             FROM json_each(?1) j CROSS JOIN policy_resource p ON p.resource_id = j.value",
        )?;
        let rows = statement.query_map([list(resources)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn requester(&self) -> &'a str {
        self.request.requester.id.as_str()
    }
}

fn by_id(found: &mut [Row]) -> HashMap<String, &mut Row> {
    found.iter_mut().map(|row| (row.resource.id.as_str().to_owned(), row)).collect()
}
