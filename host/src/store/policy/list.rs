//! Searching for policies.

use rusqlite::{Transaction, params, params_from_iter, types::Value};

use super::{PolicyRecord, load};
use crate::store::{Part, Store, StoreError, resource::containing};

/// Which policies a list shows
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFilter {
    /// Exactly this id
    pub id: Option<String>,
    /// Part of the name
    pub name: Option<String>,
    /// Of this type
    pub kind: Option<String>,
    /// That name this resource (id)
    pub resource: Option<String>,
    /// That name this scope (id)
    pub scope: Option<String>,
    /// Of this owner; absent: nobody's
    pub owner: Option<String>,
    /// Only permissions, or only policies
    pub permission: Option<bool>,
}

impl Store {
    /// Policies by filter, ordered by name
    pub fn policies(
        &self,
        server_id: &str,
        filter: &PolicyFilter,
        part: Part<'_>,
    ) -> Result<Vec<PolicyRecord>, StoreError> {
        self.read(|tx| {
            let ids = find(tx, server_id, filter, part)?;
            ids.iter().filter_map(|id| load(tx, server_id, id).transpose()).collect()
        })
    }

    /// Policies and permissions that apply this one
    pub fn dependent_policies(&self, server_id: &str, id: &str) -> Result<Vec<PolicyRecord>, StoreError> {
        self.by_ids(
            server_id,
            "SELECT p.id FROM policy_apply a JOIN policy p ON p.id = a.policy_id
             WHERE p.server_id = ?1 AND a.applied_id = ?2 ORDER BY p.name",
            id,
        )
    }

    /// Policies that this one applies
    pub fn associated_policies(&self, server_id: &str, id: &str) -> Result<Vec<PolicyRecord>, StoreError> {
        self.by_ids(
            server_id,
            "SELECT p.id FROM policy_apply a JOIN policy p ON p.id = a.applied_id
             WHERE p.server_id = ?1 AND a.policy_id = ?2 ORDER BY p.name",
            id,
        )
    }

    /// Permissions that name a scope
    pub fn permissions_of_scope(&self, server_id: &str, id: &str) -> Result<Vec<PolicyRecord>, StoreError> {
        self.by_ids(
            server_id,
            "SELECT p.id FROM policy_scope s JOIN policy p ON p.id = s.policy_id
             WHERE p.server_id = ?1 AND s.scope_id = ?2 ORDER BY p.name",
            id,
        )
    }

    /// Permissions that apply to a resource: they name it, its type, a parent of it, or a scope of it and nothing
    /// else (`keycloak-wire` §8.2)
    pub fn permissions_of_resource(
        &self,
        server_id: &str,
        id: &str,
    ) -> Result<Vec<PolicyRecord>, StoreError> {
        self.by_ids(
            server_id,
            "SELECT p.id FROM policy p WHERE p.server_id = ?1 AND p.id IN (
                 SELECT policy_id FROM policy_resource WHERE resource_id = ?2
                 UNION SELECT t.id FROM resource r JOIN policy t
                         ON t.server_id = r.server_id AND t.resource_type = r.type
                       WHERE r.id = ?2
                 UNION SELECT pr.policy_id FROM resource r JOIN resource parent
                         ON parent.server_id = r.server_id AND parent.type = r.type AND parent.owner = r.server_id
                       JOIN policy_resource pr ON pr.resource_id = parent.id
                       WHERE r.id = ?2 AND r.owner <> r.server_id
                 UNION SELECT ps.policy_id FROM resource_scope rs JOIN policy_scope ps ON ps.scope_id = rs.scope_id
                       WHERE rs.resource_id = ?2 AND ps.floating = 1)
             ORDER BY p.name",
            id,
        )
    }

    fn by_ids(&self, server_id: &str, sql: &str, id: &str) -> Result<Vec<PolicyRecord>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(sql)?;
            let ids: Vec<String> =
                statement.query_map(params![server_id, id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            ids.iter().filter_map(|id| load(tx, server_id, id).transpose()).collect()
        })
    }
}

fn find(
    tx: &Transaction<'_>,
    server_id: &str,
    filter: &PolicyFilter,
    part: Part<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut sql = String::from("SELECT p.id FROM policy p WHERE p.server_id = ?");
    let mut values: Vec<Value> = vec![server_id.to_owned().into()];
    let conditions = [
        (" AND p.id = ?", filter.id.clone()),
        (" AND p.name LIKE ? ESCAPE '\\'", filter.name.as_deref().map(containing)),
        (" AND p.type = ? COLLATE NOCASE", filter.kind.clone()),
        (
            " AND EXISTS (SELECT 1 FROM policy_resource WHERE policy_id = p.id AND resource_id = ?)",
            filter.resource.clone(),
        ),
        (
            " AND EXISTS (SELECT 1 FROM policy_scope WHERE policy_id = p.id AND scope_id = ?)",
            filter.scope.clone(),
        ),
        (" AND p.owner = ?", filter.owner.clone()),
    ];
    for (condition, value) in conditions {
        let Some(value) = value else { continue };
        sql.push_str(condition);
        values.push(value.into());
    }
    if filter.owner.is_none() && filter.id.is_none() {
        sql.push_str(" AND p.owner IS NULL");
    }
    match filter.permission {
        Some(true) => sql.push_str(" AND p.type IN ('resource', 'scope', 'uma')"),
        Some(false) => sql.push_str(" AND p.type NOT IN ('resource', 'scope', 'uma')"),
        None => {}
    }
    let (name, first) =
        part.begin::<String>(tx, "SELECT name FROM policy WHERE id = ?1 AND server_id = ?2", server_id)?;
    if let Some(name) = name {
        sql.push_str(" AND p.name > ?");
        values.push(name.into());
    }
    sql.push_str(" ORDER BY p.name LIMIT ? OFFSET ?");
    values.extend([part.max.into(), first.into()]);
    let mut statement = tx.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
