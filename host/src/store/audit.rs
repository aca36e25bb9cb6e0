//! The audit trail: who changed what, in the change's own transaction.

use std::sync::Arc;

use countersign_core::time::UnixTime;
use rusqlite::{Transaction, params};

use super::{StoreError, event::NewAdminEvent, seconds};
use crate::{event::Kept, realm::Realm};

/// One entry; nothing in it is a secret
#[derive(Debug, Clone)]
pub struct Event {
    name: &'static str,
    realm_id: String,
    at: UnixTime,
    actor: Option<String>,
    server_id: Option<String>,
    resource_id: Option<String>,
    requester: Option<String>,
    kept: Option<Kept>,
    administered: Option<Box<(Arc<Realm>, NewAdminEvent)>>,
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
            kept: None,
            administered: None,
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

    /// With what the realm keeps of it among the events of people and clients
    #[must_use]
    pub fn kept(mut self, kept: Option<Kept>) -> Self {
        self.kept = kept;
        self
    }

    /// With what the realm keeps of it among those of administrators
    #[must_use]
    pub fn administered(mut self, realm: Arc<Realm>, event: NewAdminEvent) -> Self {
        self.administered = Some(Box::new((realm, event)));
        self
    }

    /// Concerning this requester
    #[must_use]
    pub fn requester(mut self, requester: &str) -> Self {
        self.requester = Some(requester.to_owned());
        self
    }
}

/// Writes one entry, and what the realm keeps of it among its events
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
    crate::event::record(tx, event.kept.as_ref())?;
    if let Some((realm, event)) = event.administered.as_deref() {
        super::event::record_admin(tx, realm, event)?;
    }
    Ok(())
}
