//! The audit trail: who changed what, in the change's own transaction.

use countersign_core::time::UnixTime;
use rusqlite::{Transaction, params};

use super::{StoreError, seconds};

/// One entry; nothing in it is a secret
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    name: &'static str,
    realm_id: String,
    at: UnixTime,
    actor: Option<String>,
    server_id: Option<String>,
    resource_id: Option<String>,
    requester: Option<String>,
}

impl Event {
    /// An event of this name, done by `actor`
    pub fn new(name: &'static str, realm_id: &str, actor: &str, at: UnixTime) -> Self {
        Self {
            name,
            realm_id: realm_id.to_owned(),
            at,
            actor: Some(actor.to_owned()),
            server_id: None,
            resource_id: None,
            requester: None,
        }
    }

    /// At this resource server
    #[must_use]
    pub fn server(mut self, server_id: &str) -> Self {
        self.server_id = Some(server_id.to_owned());
        self
    }

    /// On this resource
    #[must_use]
    pub fn resource(mut self, server_id: &str, resource_id: &str) -> Self {
        self.server_id = Some(server_id.to_owned());
        self.resource_id = Some(resource_id.to_owned());
        self
    }

    /// Concerning this requester
    #[must_use]
    pub fn requester(mut self, requester: &str) -> Self {
        self.requester = Some(requester.to_owned());
        self
    }
}

/// Writes one entry
pub fn record(tx: &Transaction<'_>, event: &Event) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO audit (realm_id, at, event, actor, server_id, resource_id, requester)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        event.realm_id,
        seconds(event.at),
        event.name,
        event.actor,
        event.server_id,
        event.resource_id,
        event.requester,
    ])?;
    Ok(())
}
