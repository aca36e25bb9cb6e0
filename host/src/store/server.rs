//! Resource servers: clients with authorization enabled, and the version that decisions are tied to.

pub mod settings;

use countersign_core::{
    assessment::{Mode, ResourceServer},
    policy::Strategy,
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Transaction};
use serde::{Deserialize, de::value::StrDeserializer};

use super::{Store, StoreError};
use crate::realm::OwnerAccess;

/// What a decision was based on: a change that can narrow it has raised one of these (design: `Version`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    server: i64,
    realm: i64,
    /// What was issued before this moment, in seconds since 1970, was dead by then
    pub not_before: u64,
}

/// Settings of a resource server (`keycloak-wire` §9.5)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// `policyEnforcementMode`
    pub mode: Mode,
    /// `decisionStrategy`
    pub strategy: Strategy,
    /// `allowRemoteResourceManagement`
    pub remote_management: bool,
    /// Tokens from before this moment are dead, in seconds since 1970
    pub not_before: u64,
}

impl Store {
    /// Settings of the resource server of this client, if authorization is on
    pub fn resource_server(&self, id: &str) -> Result<Option<ServerSettings>, StoreError> {
        self.read(|tx| Ok(load(tx, id)?.map(|(settings, _)| settings)))
    }
}

impl ServerSettings {
    /// The resource server's part of a question
    pub fn in_question(
        self,
        id: countersign_core::ids::PartyId,
        owner_access: OwnerAccess,
    ) -> ResourceServer {
        ResourceServer { id, mode: self.mode, strategy: self.strategy, owner_access: owner_access.into() }
    }
}

/// Settings and version of a resource server
pub fn load(tx: &Transaction<'_>, id: &str) -> Result<Option<(ServerSettings, Version)>, StoreError> {
    let row = tx
        .prepare_cached(
            "SELECT s.mode, s.strategy, s.remote, s.not_before, s.version, r.version
             FROM resource_server s JOIN client c ON c.id = s.id JOIN realm r ON r.id = c.realm_id
             WHERE s.id = ?1",
        )?
        .query_row([id], |row| {
            let not_before = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
            let version = Version { server: row.get(4)?, realm: row.get(5)?, not_before };
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, version))
        })
        .optional()?;
    let Some((mode, strategy, remote_management, version)) = row else { return Ok(None) };
    let named = |text: &str| StoreError::Corrupt(format!("a resource server has {text} of an unknown name"));
    let mode = Mode::deserialize(StrDeserializer::<serde::de::value::Error>::new(&mode))
        .map_err(|_| named("an enforcement mode"))?;
    let strategy = Strategy::from_name(&strategy).ok_or_else(|| named("a decision strategy"))?;
    let Version { not_before, .. } = version;
    Ok(Some((ServerSettings { mode, strategy, remote_management, not_before }, version)))
}

/// Whether what was issued at that moment still counts there
pub fn counts(tx: &Transaction<'_>, id: &str, issued: UnixTime) -> Result<bool, StoreError> {
    Ok(load(tx, id)?.is_some_and(|(settings, _)| settings.not_before <= issued.0))
}

/// Raises the version: every change that can narrow an answer does so in its own transaction
pub fn bump(tx: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE resource_server SET version = version + 1 WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Fails with [`StoreError::Stale`] if anything that the decision was based on may have changed
pub fn check(tx: &Transaction<'_>, id: &str, version: Version) -> Result<(), StoreError> {
    match load(tx, id)? {
        Some((_, current)) if current == version => Ok(()),
        _ => Err(StoreError::Stale),
    }
}
