//! Owners' policies: rows of `policy`, and the view over an owner's granted shares (`keycloak-wire` §4.5, §5).

use std::collections::BTreeSet;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use super::reference;
use crate::{
    policy::Noun,
    store::{
        Part, Store, StoreError, audit,
        audit::Event,
        grant::{self, Holders},
        resource::containing,
        seconds,
        server::bump,
        share, time,
    },
};

/// Whom an owner's policy lets in: each kind that is named is one condition, ids throughout.
///
/// A kind whose last member was deleted stays there, empty: it never passes, so that the policy gets no wider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Users
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<BTreeSet<String>>,
    /// Roles
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeSet<String>>,
    /// Groups
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<BTreeSet<String>>,
    /// Clients
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<BTreeSet<String>>,
    /// Type of a deployed script that has to agree
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// The same by the names that callers use
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdmissionNames {
    /// Usernames, or ids on the way in
    pub users: Vec<String>,
    /// `realm-role` or `client/role`
    pub roles: Vec<String>,
    /// Paths
    pub groups: Vec<String>,
    /// `client_id`s
    pub clients: Vec<String>,
}

/// A name that nothing has: its kind as a word, and the name
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// `User`, `Role`, `Group`, `Client` or `Policy`
    pub kind: &'static str,
    /// As it was given
    pub name: String,
}

/// An owner's policy as stored
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnersPolicy {
    /// Its id
    pub id: String,
    /// Its name, unique per resource server
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// `POSITIVE` or `NEGATIVE`
    pub logic: String,
    /// `UNANIMOUS`, `AFFIRMATIVE` or `CONSENSUS`
    pub strategy: String,
    /// The owner
    pub owner: String,
    /// The resource it is about
    pub resource_id: String,
    /// Names of its scopes
    pub scopes: BTreeSet<String>,
    /// Whom it lets in
    pub admission: Admission,
    /// Other policies that must agree
    pub policies: BTreeSet<String>,
    /// When it ends by itself; of a view, when the first of its shares does
    pub expires_at: Option<UnixTime>,
    /// It is the view over shares, not a row
    pub is_view: bool,
}

/// Which policies a list shows
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnersFilter {
    /// Part of the name
    pub name: Option<String>,
    /// Of this resource
    pub resource: Option<String>,
    /// With this scope (name)
    pub scope: Option<String>,
}

impl Store {
    /// Ids for names; the first unknown one is refused
    pub fn admission(
        &self,
        realm_id: &str,
        names: &AdmissionNames,
    ) -> Result<Result<Admission, UnknownName>, StoreError> {
        self.read(|tx| {
            let lookup = |noun: Noun, names: &[String]| -> Result<_, StoreError> {
                let mut ids = BTreeSet::new();
                for name in names {
                    match reference::find(tx, realm_id, "", noun, name)? {
                        Some(id) => ids.insert(id),
                        None => return Ok(Err(UnknownName { kind: noun.word(), name: name.clone() })),
                    };
                }
                Ok(Ok((!ids.is_empty()).then_some(ids)))
            };
            let users = lookup(Noun::User, &names.users)?;
            let roles = lookup(Noun::Role, &names.roles)?;
            let groups = lookup(Noun::Group, &names.groups)?;
            let clients = lookup(Noun::Client, &names.clients)?;
            let found = || {
                Ok(Admission {
                    users: users?,
                    roles: roles?,
                    groups: groups?,
                    clients: clients?,
                    condition: None,
                })
            };
            Ok(found())
        })
    }

    /// Names for ids, as answers show them; what was deleted is left out
    pub fn admission_names(&self, admission: &Admission) -> Result<AdmissionNames, StoreError> {
        self.read(|tx| {
            let names = |noun, ids: &Option<BTreeSet<String>>| -> Result<Vec<String>, StoreError> {
                let mut names = Vec::new();
                for id in ids.iter().flatten() {
                    names.extend(reference::name(tx, noun, id)?);
                }
                Ok(names)
            };
            Ok(AdmissionNames {
                users: names(Noun::User, &admission.users)?,
                roles: names(Noun::Role, &admission.roles)?,
                groups: names(Noun::Group, &admission.groups)?,
                clients: names(Noun::Client, &admission.clients)?,
            })
        })
    }

    /// An owner's policy, or the view over his shares that has this id, if it has not ended
    pub fn owners_policy(
        &self,
        server_id: &str,
        id: &str,
        now: UnixTime,
    ) -> Result<Option<OwnersPolicy>, StoreError> {
        self.read(|tx| load(tx, server_id, id, now))
    }

    /// The policies and views of an owner, ordered by id
    pub fn owners_policies(
        &self,
        server_id: &str,
        owner: &str,
        filter: &OwnersFilter,
        part: Part<'_>,
        now: UnixTime,
    ) -> Result<Vec<OwnersPolicy>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id FROM (
                   SELECT id FROM (SELECT p.id AS id FROM policy p
                   WHERE p.owner = ?2 AND p.server_id = ?1 AND p.type = 'uma'
                     AND (p.expires_at IS NULL OR p.expires_at > ?8)
                     AND (?3 IS NULL OR p.name LIKE ?3 ESCAPE '\\')
                     AND (?4 IS NULL OR EXISTS (SELECT 1 FROM policy_resource r
                                                WHERE r.policy_id = p.id AND r.resource_id = ?4))
                     AND (?5 IS NULL OR EXISTS (SELECT 1 FROM policy_scope ps JOIN scope s ON s.id = ps.scope_id
                                                WHERE ps.policy_id = p.id AND s.name = ?5))
                     AND p.id > ?9 ORDER BY p.id LIMIT ?10)
                   UNION
                   SELECT id FROM (SELECT DISTINCT h.view_id AS id FROM share h LEFT JOIN scope s ON s.id = h.scope_id
                   WHERE h.owner = ?2 AND h.state = 'granted' AND h.server_id = ?1
                     AND h.requester_kind = 'user' AND (h.expires_at IS NULL OR h.expires_at > ?8)
                     AND (?3 IS NULL OR h.view_id LIKE ?3 ESCAPE '\\')
                     AND (?4 IS NULL OR h.resource_id = ?4) AND (?5 IS NULL OR s.name = ?5)
                     AND h.view_id > ?9 ORDER BY h.view_id LIMIT ?10))
                 ORDER BY id LIMIT ?6 OFFSET ?7",
            )?;
            let name = filter.name.as_deref().map(containing);
            let (after, first) = part.after_id();
            // Of either kind no more than the part may need.
            let most = if part.max < 0 { -1 } else { part.max.saturating_add(first) };
            let values = params![
                server_id,
                owner,
                name,
                filter.resource,
                filter.scope,
                part.max,
                first,
                seconds(now),
                after,
                most
            ];
            let ids: Vec<String> =
                statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?;
            ids.iter().filter_map(|id| load(tx, server_id, id, now).transpose()).collect()
        })
    }

    /// Stores an owner's policy. A name in use is a [`StoreError::Conflict`].
    pub async fn create_owners_policy(
        &self,
        server_id: &str,
        policy: OwnersPolicy,
        now: UnixTime,
        event: Event,
    ) -> Result<OwnersPolicy, StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            // The name of one that has ended is free again.
            tx.prepare_cached(
                "DELETE FROM policy WHERE server_id = ?1 AND name = ?2 AND type = 'uma' AND expires_at <= ?3",
            )?
            .execute(params![server_id, policy.name, seconds(now)])?;
            tx.prepare_cached(
                "INSERT INTO policy (id, server_id, name, description, type, logic, strategy, config, owner,
                                     expires_at)
                 VALUES (?1, ?2, ?3, ?4, 'uma', ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                policy.id,
                server_id,
                policy.name,
                policy.description,
                policy.logic,
                policy.strategy,
                serde_json::to_string(&policy.admission)?,
                policy.owner,
                policy.expires_at.map(seconds),
            ])?;
            tx.prepare_cached("INSERT INTO policy_resource (policy_id, resource_id) VALUES (?1, ?2)")?
                .execute([&policy.id, &policy.resource_id])?;
            put_links(tx, &server_id, &policy)?;
            bump(tx, &server_id)?;
            audit::record(tx, &event.resource(&server_id, &policy.resource_id))?;
            load(tx, &server_id, &policy.id, now)?.ok_or(StoreError::Missing)
        })
        .await
    }

    /// Replaces an owner's policy; what it let through before and no longer does ends
    pub async fn replace_owners_policy(
        &self,
        server_id: &str,
        policy: OwnersPolicy,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            let before = load(tx, &server_id, &policy.id, now)?.ok_or(StoreError::Missing)?;
            if before.is_view {
                replace_view(tx, &server_id, &before, &policy, now)?;
            } else {
                tx.prepare_cached(
                    "UPDATE policy SET name = ?3, description = ?4, logic = ?5, strategy = ?6, config = ?7,
                                       expires_at = ?8
                     WHERE id = ?1 AND server_id = ?2",
                )?
                .execute(params![
                    policy.id,
                    server_id,
                    policy.name,
                    policy.description,
                    policy.logic,
                    policy.strategy,
                    serde_json::to_string(&policy.admission)?,
                    policy.expires_at.map(seconds),
                ])?;
                for table in ["policy_scope", "policy_apply"] {
                    tx.prepare_cached(&format!("DELETE FROM {table} WHERE policy_id = ?1"))?
                        .execute([&policy.id])?;
                }
                put_links(tx, &server_id, &policy)?;
                narrowed(tx, &before, Some(&policy), now)?;
            }
            bump(tx, &server_id)?;
            audit::record(tx, &event.resource(&server_id, &before.resource_id))
        })
        .await
    }

    /// Deletes an owner's policy, or the shares that a view shows
    pub async fn delete_owners_policy(
        &self,
        server_id: &str,
        id: &str,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            let before = load(tx, &server_id, &id, now)?.ok_or(StoreError::Missing)?;
            if before.is_view {
                for share in share::of_view(tx, &server_id, &id, now)? {
                    share::withdraw(tx, &share, now)?;
                }
            } else {
                tx.prepare_cached("DELETE FROM policy WHERE id = ?1")?.execute([&id])?;
                narrowed(tx, &before, None, now)?;
            }
            bump(tx, &server_id)?;
            audit::record(tx, &event.resource(&server_id, &before.resource_id))
        })
        .await
    }
}

/// Takes what an owner's policy gives from whoever has it; of any other policy nothing
pub(super) fn end(tx: &Transaction<'_>, server_id: &str, id: &str, now: UnixTime) -> Result<(), StoreError> {
    match load(tx, server_id, id, now)? {
        Some(before) if !before.is_view => narrowed(tx, &before, None, now),
        _ => Ok(()),
    }
}

fn put_links(tx: &Transaction<'_>, server_id: &str, policy: &OwnersPolicy) -> Result<(), StoreError> {
    for scope in &policy.scopes {
        tx.prepare_cached(
            "INSERT INTO policy_scope (policy_id, scope_id, floating)
             SELECT ?1, id, 0 FROM scope WHERE server_id = ?2 AND name = ?3",
        )?
        .execute([&policy.id, server_id, scope])?;
    }
    for applied in &policy.policies {
        tx.prepare_cached("INSERT INTO policy_apply (policy_id, applied_id) VALUES (?1, ?2)")?
            .execute([&policy.id, applied])?;
    }
    Ok(())
}

/// What a policy gave and no longer gives is taken from live RPTs and grants
fn narrowed(
    tx: &Transaction<'_>,
    before: &OwnersPolicy,
    after: Option<&OwnersPolicy>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let same_people = after.is_some_and(|after| {
        after.admission == before.admission
            && after.strategy == before.strategy
            && after.policies == before.policies
    });
    let nearer = after
        .and_then(|after| after.expires_at)
        .filter(|end| before.expires_at.is_none_or(|before| *end < before));
    for scope in &before.scopes {
        if same_people && after.is_some_and(|after| after.scopes.contains(scope)) {
            if let Some(end) = nearer {
                grant::limit(tx, &before.resource_id, Some(scope), Holders::All, end, now)?;
            }
            continue;
        }
        grant::narrow(tx, &before.resource_id, Some(scope), Holders::All, now)?;
    }
    Ok(())
}

/// Scopes that the new form lacks are withdrawn, others are granted
fn replace_view(
    tx: &Transaction<'_>,
    server_id: &str,
    before: &OwnersPolicy,
    after: &OwnersPolicy,
    now: UnixTime,
) -> Result<(), StoreError> {
    for share in share::of_view(tx, server_id, &before.id, now)? {
        if share.scope_name.as_ref().is_some_and(|scope| !after.scopes.contains(scope)) {
            share::withdraw(tx, &share, now)?;
        } else if after.expires_at != before.expires_at {
            share::limit(tx, &share, after.expires_at, now)?;
        }
    }
    let requester = before.admission.users.iter().flatten().next();
    for scope in after.scopes.difference(&before.scopes) {
        let scope_id: String = tx
            .prepare_cached("SELECT id FROM scope WHERE server_id = ?1 AND name = ?2")?
            .query_row([server_id, scope], |row| row.get(0))?;
        if let Some(requester) = requester {
            share::put_granted(tx, server_id, before, &scope_id, requester, after.expires_at, now)?;
        }
    }
    Ok(())
}

fn load(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<Option<OwnersPolicy>, StoreError> {
    let row = tx
        .prepare_cached(
            "SELECT p.name, p.description, p.logic, p.strategy, p.config, p.owner,
                    (SELECT resource_id FROM policy_resource WHERE policy_id = p.id), p.expires_at
             FROM policy p WHERE p.id = ?1 AND p.server_id = ?2 AND p.type = 'uma' AND p.owner IS NOT NULL
               AND (p.expires_at IS NULL OR p.expires_at > ?3)",
        )?
        .query_row(params![id, server_id, seconds(now)], |row| {
            let config: String = row.get(4)?;
            let policy = OwnersPolicy {
                id: id.to_owned(),
                name: row.get(0)?,
                description: row.get(1)?,
                logic: row.get(2)?,
                strategy: row.get(3)?,
                owner: row.get(5)?,
                resource_id: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                scopes: BTreeSet::new(),
                admission: Admission::default(),
                policies: BTreeSet::new(),
                expires_at: row.get::<_, Option<i64>>(7)?.map(time),
                is_view: false,
            };
            Ok((policy, config))
        })
        .optional()?;
    let Some((mut policy, config)) = row else { return view(tx, server_id, id, now) };
    policy.admission = serde_json::from_str(&config)?;
    let mut scopes = tx.prepare_cached(
        "SELECT s.name FROM policy_scope ps JOIN scope s ON s.id = ps.scope_id WHERE ps.policy_id = ?1",
    )?;
    policy.scopes = scopes.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut applied = tx.prepare_cached("SELECT applied_id FROM policy_apply WHERE policy_id = ?1")?;
    policy.policies = applied.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(policy))
}

fn view(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<Option<OwnersPolicy>, StoreError> {
    let shares = share::of_view(tx, server_id, id, now)?;
    let Some(first) = shares.first() else { return Ok(None) };
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    Ok(Some(OwnersPolicy {
        id: id.to_owned(),
        name: id.to_owned(),
        description: Some(format!(
            "Resource owner ({}) grants access to {}",
            name(&first.owner_name),
            name(&first.requester_name)
        )),
        logic: "POSITIVE".to_owned(),
        strategy: "UNANIMOUS".to_owned(),
        owner: first.owner.clone(),
        resource_id: first.resource_id.clone(),
        scopes: shares.iter().filter_map(|share| share.scope_name.clone()).collect(),
        admission: Admission {
            users: Some(BTreeSet::from([first.requester.clone()])),
            ..Admission::default()
        },
        policies: BTreeSet::new(),
        expires_at: shares.iter().filter_map(|share| share.expires_at).min(),
        is_view: true,
    }))
}
