//! The keys of a realm: which there are, and new ones in their place. Private parts never leave the server.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_core::{jws::Alg, time::UnixTime};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    REALM,
    answer::{no_content, one, refused},
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{OptionalJson, Represents},
    },
    issue::{realm_alg, signing_alg},
    keys::{KeyError, public_info},
    realm::Realm,
    store::{self, key::StoredKey},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at(&format!("{REALM}/keys"), get(all))
        .at(&format!("{REALM}/keys/rotate"), axum::routing::post(rotate))
}

/// What a key is called, by its algorithm: type, use, and the provider that Keycloak has for it
pub(super) fn kind(alg: &str) -> (&'static str, &'static str, &'static str) {
    match alg {
        "ES256" => ("EC", "SIG", "ecdsa-generated"),
        "EdDSA" => ("OKP", "SIG", "eddsa-generated"),
        "HS512" => ("OCT", "SIG", "hmac-generated"),
        _ => ("RSA", "SIG", "rsa-generated"),
    }
}

/// How Keycloak weighs a key that is used, and one that only checks
pub(super) const fn priority(key: &StoredKey) -> u32 {
    if key.active { 100 } else { 0 }
}

fn shown(app: &App, key: &StoredKey) -> Result<Value, KeyError> {
    let (kind, usage, provider) = kind(&key.alg);
    let mut members = json!({
        "providerId": provider, "providerPriority": priority(key), "kid": key.kid,
        "status": if key.active { "ACTIVE" } else { "PASSIVE" }, "type": kind, "algorithm": key.alg, "use": usage,
    });
    if let (Some(members), Some(public)) = (members.as_object_mut(), public_info(app.keys.master(), key)?) {
        members.insert("publicKey".to_owned(), STANDARD.encode(public).into());
    }
    Ok(members)
}

/// `GET keys`
async fn all(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    // Those that nobody has needed yet are there too.
    app.keys.with(&app.store, &caller.realm, realm_alg(&caller.realm)).await?;
    let (_, keys) = app.store.read(|tx| store::key::all(tx, &caller.realm.id))?;
    let active: Map<String, Value> =
        keys.iter().filter(|key| key.active).map(|key| (key.alg.clone(), key.kid.as_str().into())).collect();
    let keys: Result<Vec<_>, _> = keys.iter().map(|key| shown(&app, key)).collect();
    Ok(one(&json!({ "active": active, "keys": keys? })))
}

/// Which keys are made anew
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "KeyRotation"))]
#[serde(deny_unknown_fields, default)]
pub(in crate::http) struct Rotation {
    /// By this algorithm; all that sign now, if it is absent
    algorithm: Option<String>,
}

impl Represents for Rotation {
    const CLASS: &'static str = "KeyRotationRepresentation";
}

/// `POST keys/rotate`: new keys sign from now on; the old ones are published until nothing is left that they signed.
/// Ours: Keycloak has components for it.
async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    OptionalJson(given): OptionalJson<Rotation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    let given = given.unwrap_or_default();
    let (_, keys) = app.store.read(|tx| store::key::all(tx, &caller.realm.id))?;
    let algs: Vec<Alg> = match given.algorithm.as_deref() {
        Some("HS512") => vec![Alg::Hs512],
        Some(name) => {
            vec![signing_alg(name).ok_or_else(|| refused(format!("Invalid algorithm: {}", cut(name))))?]
        }
        None => keys.iter().filter(|key| key.active).filter_map(|key| Alg::from_name(&key.alg)).collect(),
    };
    let mut made = Vec::with_capacity(algs.len());
    for alg in algs {
        made.push(app.keys.another(alg).await?);
    }
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("keys.rotate", "ACTION", "REALM", "keys/rotate");
    app.store
        .write(move |tx| {
            let until = last_use(tx, &realm, now)?;
            for key in &made {
                store::key::replace(tx, &realm.id, key, until)?;
            }
            note.record(tx)
        })
        .await?;
    Ok(no_content())
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Until when something may be around that a key has signed by now
fn last_use(
    tx: &rusqlite::Transaction<'_>,
    realm: &Realm,
    now: UnixTime,
) -> Result<UnixTime, store::StoreError> {
    let of_clients = store::client::longest_token(tx, &realm.id)?;
    let settings = &realm.settings;
    // ID tokens are shown again at the end of a sign-in.
    let longest = settings.access_token_lifespan.max(settings.sso_session_max_lifespan).max(of_clients);
    Ok(now.plus(longest))
}
