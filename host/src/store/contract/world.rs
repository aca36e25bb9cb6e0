//! What the suite happens in.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_core::{
    assessment::Ask,
    permission::{Claims, Permission},
    requester::{Requester, Roles},
};
use serde_json::{Map, json};

use super::{
    super::{
        Part, Store, StoreError, Turn,
        audit::Event,
        facts::FactsRequest,
        grant::{NewRpt, Redemption, SpentTicket},
        new_id, realm,
        resource::ResourceDescription,
        server::Version,
        share::{NewShare, ShareFilter, ShareRecord},
        user,
    },
    NOW,
};
use crate::{
    import::{self, document::RealmFile},
    keys::MasterKey,
    realm::Client,
    script::Scripts,
};

/// A realm with a resource server, and the people in it
pub(super) struct World {
    pub(super) hosts: Vec<Store>,
    pub(super) realm: String,
    pub(super) server: Client,
    pub(super) alice: String,
    pub(super) bob: String,
}

/// What one question was based on, and what it gave
pub(super) struct Assessed {
    pub(super) version: Version,
    pub(super) permissions: Vec<Permission>,
}

impl World {
    pub(super) async fn new(hosts: Vec<Store>) -> Self {
        let file: RealmFile = serde_json::from_value(json!({
            "realm": "test", "enabled": true,
            "users": [{ "username": "alice", "enabled": true }, { "username": "bob", "enabled": true }],
            "clients": [{
                "clientId": "documents", "enabled": true, "secret": "a-secret", "serviceAccountsEnabled": true,
                "authorizationServicesEnabled": true,
                "authorizationSettings": {
                    "allowRemoteResourceManagement": true, "policyEnforcementMode": "ENFORCING",
                    "decisionStrategy": "UNANIMOUS", "resources": [], "policies": [],
                    "scopes": [{ "name": "read" }, { "name": "write" }],
                },
            }],
        }))
        .unwrap();
        let master = Arc::new(MasterKey::from_text(&STANDARD.encode([7; 32]), "a test").unwrap());
        import::document(&hosts[0], &master, file, None, &Scripts::default(), NOW).await.unwrap();
        let (realm, server, [alice, bob]) = hosts[0]
            .read(|tx| {
                let realm = realm::by_name(tx, "test")?.unwrap();
                let server = realm::client_by_client_id(tx, &realm.id, "documents")?.unwrap();
                let id = |name: &str| user::by_username(tx, &realm.id, name).map(|user| user.unwrap().id);
                let people = [id("alice")?, id("bob")?];
                Ok((realm.id, server, people))
            })
            .unwrap();
        Self { hosts, realm, server, alice, bob }
    }

    pub(super) fn host(&self, number: usize) -> &Store {
        &self.hosts[number % self.hosts.len()]
    }

    pub(super) fn event(&self, name: &'static str) -> Event {
        Event::new(name, &self.realm, &self.alice, NOW)
    }

    pub(super) async fn register(&self, host: usize, name: &str) -> Result<String, StoreError> {
        let description = ResourceDescription {
            name: name.to_owned(),
            owner_managed: true,
            scopes: BTreeSet::from(["read".to_owned(), "write".to_owned()]),
            ..ResourceDescription::default()
        };
        let (id, event) = (new_id(), self.event("resource.created"));
        let made =
            self.host(host).create_resource(&self.server.id, id, self.alice.clone(), description, NOW, event);
        made.await.map(|record| record.id)
    }

    pub(super) fn scope(&self, name: &str) -> String {
        let sql = "SELECT id FROM scope WHERE server_id = ?1 AND name = ?2";
        let id = |tx: &rusqlite::Transaction<'_>| {
            Ok(tx.query_row(sql, [&self.server.id, name], |row| row.get(0))?)
        };
        self.host(0).read(id).unwrap()
    }

    pub(super) async fn share(
        &self,
        host: usize,
        resource: &str,
        granted: bool,
    ) -> Result<ShareRecord, StoreError> {
        let new = NewShare {
            resource_id: resource.to_owned(),
            owner: self.alice.clone(),
            scope_id: self.scope("read"),
            requester: self.bob.clone(),
            granted,
            expires_at: None,
        };
        self.host(host).create_share(&self.server.id, new, NOW, self.event("share.granted")).await
    }

    pub(super) fn shares(&self, resource: &str) -> Vec<ShareRecord> {
        let filter = ShareFilter { resource: Some(resource.to_owned()), ..ShareFilter::default() };
        self.host(0).shares(&self.server.id, &filter, Part::ALL, NOW).unwrap()
    }

    pub(super) fn assess(&self, host: usize, resource: &str) -> Assessed {
        let requester = Requester {
            id: self.bob.parse().unwrap(),
            client: self.server.id.parse().unwrap(),
            roles: Roles::default(),
            recorded_roles: None,
            groups: Vec::new(),
            claims: Map::new(),
        };
        let scopes = ["read".parse().unwrap()].into_iter().collect();
        let ask = Ask::Id { resource: resource.parse().unwrap(), scopes };
        let loaded = self.host(host).facts(&FactsRequest {
            server_id: &self.server.id,
            requester: &requester,
            asks: &[ask],
            everything: false,
            after: None,
            scopes: &[].into_iter().collect(),
            rpt: &[],
            now: NOW,
        });
        Assessed { version: loaded.unwrap().unwrap().version, permissions: vec![permission(resource)] }
    }

    pub(super) async fn redeem(
        &self,
        host: usize,
        assessed: &Assessed,
        ticket: Option<&str>,
    ) -> Result<(Redemption, String), StoreError> {
        self.redeem_at(None, host, assessed, ticket).await
    }

    pub(super) async fn redeem_at(
        &self,
        turn: Option<Turn>,
        host: usize,
        assessed: &Assessed,
        ticket: Option<&str>,
    ) -> Result<(Redemption, String), StoreError> {
        let (jti, grant) = (new_id(), new_id());
        let rpt = NewRpt {
            jti,
            realm_id: self.realm.clone(),
            server_id: self.server.id.clone(),
            client_id: self.server.id.clone(),
            requester: self.bob.clone(),
            session_id: None,
            issued_at: NOW,
            expires_at: NOW.plus(300),
            permissions: assessed.permissions.clone(),
            status_index: u64::from(uuid::Uuid::new_v4().as_fields().0) % 1_000_000,
            grant: Some((grant.clone(), NOW.plus(3_600))),
        };
        let ticket = ticket.map(|jti| SpentTicket { jti: jti.to_owned(), expires_at: NOW.plus(300) });
        let event = self.event("rpt.issued");
        let redeemed = self.host(host).redeem(turn, rpt, ticket, Vec::new(), assessed.version, event).await?;
        Ok((redeemed, grant))
    }

    /// What a grant still holds; every host says the same
    pub(super) fn held(&self, grant: &str) -> Vec<Permission> {
        let all: Vec<_> = self.hosts.iter().map(|host| host.held(grant, NOW).unwrap()).collect();
        assert!(all.iter().all(|held| *held == all[0]));
        all[0].clone()
    }
}

pub(super) fn permission(resource: &str) -> Permission {
    Permission {
        rsid: Some(resource.parse().unwrap()),
        rsname: None,
        rsowned: false,
        scopes: ["read".parse().unwrap()].into_iter().collect(),
        claims: Claims::new(),
        exp: None,
        nbf: None,
    }
}

/// All of them at the same time
pub(super) async fn together<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    core::future::poll_fn(|context| {
        for (one, done) in &mut waiting {
            if done.is_none()
                && let core::task::Poll::Ready(answer) = one.as_mut().poll(context)
            {
                *done = Some(answer);
            }
        }
        if waiting.iter().all(|(_, done)| done.is_some()) {
            core::task::Poll::Ready(())
        } else {
            core::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().map(|(_, done)| done.unwrap()).collect()
}
