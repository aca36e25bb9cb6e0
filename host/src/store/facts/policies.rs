//! Policies as the engine takes them, with everything below them.

use std::collections::BTreeMap;

use countersign_core::{limits::POLICIES, policy::PolicyRow};
use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Value, json};

use super::{
    super::{StoreError, parse, time},
    Wanted,
};

/// Permissions that can apply, and everything below them
#[derive(Default)]
pub(super) struct Policies {
    pub(super) rows: BTreeMap<String, PolicyRow>,
    pub(super) truncated: bool,
    pub(super) wanted: Wanted,
}

impl Policies {
    /// Adds a policy and what it applies; `found_by` is a resource that it names
    pub(super) fn add(
        &mut self,
        tx: &Transaction<'_>,
        id: &str,
        found_by: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut waiting = vec![(id.to_owned(), found_by)];
        while let Some((id, found_by)) = waiting.pop() {
            if let Some(known) = self.rows.get_mut(&id) {
                known.resources.extend(found_by.map(parse).transpose()?);
                continue;
            }
            if self.rows.len() >= POLICIES {
                self.truncated = true;
                return Ok(());
            }
            let Some(mut row) = policy(tx, &id)? else { continue };
            if let Some(resource) = found_by {
                row.resources = vec![parse(resource)?];
            }
            self.wanted.recorded_roles |=
                row.kind == "role" && row.config.get("fetchRoles") == Some(&json!(true));
            self.wanted.groups |= row.kind == "group" || row.config.get("groups").is_some();
            self.wanted.claims |= matches!(row.kind.as_str(), "group" | "regex" | "client-scope");
            waiting.extend(row.apply.iter().map(|id| (id.as_str().to_owned(), None)));
            self.rows.insert(id, row);
        }
        Ok(())
    }
}

/// One policy; `resources` holds at most one of those that it names, to tell that it names some
fn policy(tx: &Transaction<'_>, id: &str) -> Result<Option<PolicyRow>, StoreError> {
    type Row = (
        String,
        String,
        String,
        String,
        String,
        Option<String>,
        Option<String>,
        String,
        String,
        Option<String>,
        Option<i64>,
    );
    let row: Option<Row> = tx
        .prepare_cached(
            "SELECT name, type, logic, strategy, config, resource_type, owner,
                    (SELECT json_group_array(s.name) FROM policy_scope ps JOIN scope s ON s.id = ps.scope_id
                     WHERE ps.policy_id = p.id),
                    (SELECT json_group_array(applied_id) FROM policy_apply WHERE policy_id = p.id),
                    (SELECT resource_id FROM policy_resource WHERE policy_id = p.id LIMIT 1), expires_at
             FROM policy p WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
                row.get(9)?,
                row.get(10)?,
            ))
        })
        .optional()?;
    let Some((name, kind, logic, strategy, config, resource_type, owner, scopes, apply, resource, end)) = row
    else {
        return Ok(None);
    };
    let config = named(tx, serde_json::from_str(&config)?)?;
    Ok(Some(PolicyRow {
        id: parse(id)?,
        name,
        kind,
        logic,
        strategy,
        config,
        resources: resource.map(|id| parse(&id)).transpose()?.into_iter().collect(),
        scopes: serde_json::from_str(&scopes)?,
        resource_type,
        apply: serde_json::from_str(&apply)?,
        owner: owner.map(|owner| parse(&owner)).transpose()?,
        expires_at: end.map(time),
    }))
}

/// References to roles and groups as requesters carry them: by name and path.
///
/// One that is gone is left out; a list that loses its last member this way stays, empty (design §4, `Broken`).
pub(in crate::store) fn named(tx: &Transaction<'_>, mut config: Value) -> Result<Value, StoreError> {
    for (member, sql) in [
        (
            "roles",
            "SELECT json_object('name', r.name, 'client', c.client_id) FROM role r
             LEFT JOIN client c ON c.id = r.client_id WHERE r.id = ?1",
        ),
        ("groups", "SELECT json_object('path', path) FROM user_group WHERE id = ?1"),
    ] {
        let Some(references) = config.get_mut(member).and_then(Value::as_array_mut) else { continue };
        let mut found = Vec::with_capacity(references.len());
        for mut reference in references.drain(..) {
            let id = reference.as_str().or_else(|| reference.get("id").and_then(Value::as_str));
            let name: Option<String> =
                tx.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
            let Some(name) = name else { continue };
            let mut name: Value = serde_json::from_str(&name)?;
            if let (Some(name), Some(rest)) = (name.as_object_mut(), reference.as_object_mut()) {
                name.append(rest);
                name.remove("id");
            }
            found.push(name);
        }
        *references = found;
    }
    Ok(config)
}
