//! What is slow or secret in an import, done before its transaction: hashes, seals, keys.

use core::num::NonZeroUsize;
use std::thread;

use countersign_core::{jws::Alg, time::UnixTime};
use serde_json::Value;

use super::{
    ImportError, ImportFailure, RealmImport,
    document::{CredentialFile, Secret, UserFile},
};
use crate::{
    auth,
    keys::{self, KeyError, MasterKey},
    password::PasswordHash,
    realm::{Client, Realm, Sealed, UmaSettings, built_in},
    representation::{Members, realm::KEY_PROVIDER},
    store::{
        client::ClientRecord,
        import::{PreparedRealm, StoredPassword},
        key::StoredKey,
    },
};

/// What Keycloak writes in the place of a secret that it does not tell
const MASKED: &str = "**********";

/// Does what is slow and what needs the master key
pub fn prepare(import: RealmImport, master: &MasterKey) -> Result<PreparedRealm, ImportFailure> {
    let RealmImport { file, source, mut settings, kept, clients, ignored: _ } = import;
    let id = file.id.clone().filter(|id| !id.is_empty()).map_or_else(keys::random_id, Ok)?;
    if !file.members.contains_key("clientScopes") {
        settings.client_scopes = built_in::client_scopes();
    }
    for scope in &mut settings.client_scopes {
        name_it(&mut scope.id)?;
        for mapper in &mut scope.protocol_mappers {
            name_it(mapper.id.get_or_insert_default())?;
        }
    }
    settings.default_role.get_or_insert_with(|| format!("default-roles-{}", file.name().to_lowercase()));
    let mut records = Vec::with_capacity(clients.len());
    for (given, (mut settings, kept)) in file.clients.iter().flatten().zip(clients) {
        let id = given.id.clone().filter(|id| !id.is_empty()).map_or_else(keys::random_id, Ok)?;
        for mapper in &mut settings.protocol_mappers {
            name_it(mapper.id.get_or_insert_default())?;
        }
        let mut client = Client {
            id,
            client_id: given.client_id().to_owned(),
            enabled: given.enabled.unwrap_or(true),
            secret: None,
            not_before: UnixTime(given.not_before.unwrap_or(0)),
            settings,
        };
        client.secret = sealed_secret(master, &client, given.secret.as_ref())?;
        records.push(ClientRecord { client, kept });
    }
    let passwords = hashed(&file.users)?;
    let mut stored = Vec::new();
    if let Some(key) = &file.private_key {
        stored.push(keys::seal(master, &keys::import_rsa(&key.0)?)?);
    }
    stored.extend(component_keys(&kept, master)?);
    let uma = UmaSettings::read(&settings.attributes).unwrap_or_default();
    let realm = Realm {
        id,
        name: file.name().to_owned(),
        enabled: file.enabled.unwrap_or(true),
        version: 0,
        not_before: UnixTime(file.not_before.unwrap_or(0)),
        settings,
        uma,
    };
    let kept = without_keys(kept);
    Ok(PreparedRealm { realm, kept, file, source, keys: stored, clients: records, passwords })
}

fn name_it(id: &mut String) -> Result<(), KeyError> {
    if id.is_empty() {
        *id = keys::random_id()?;
    }
    Ok(())
}

/// The secret of a client, sealed; one that can keep a secret and has none gets one
pub fn sealed_secret(
    master: &MasterKey,
    client: &Client,
    given: Option<&Secret>,
) -> Result<Option<Sealed>, KeyError> {
    let place = auth::secret_place(&client.id);
    match given.filter(|secret| !secret.0.is_empty() && secret.0 != MASKED) {
        Some(secret) => master.seal(&place, secret.0.as_bytes()).map(Some),
        None if client.is_confidential() => {
            master.seal(&place, keys::random_session_id()?.as_bytes()).map(Some)
        }
        None => Ok(None),
    }
}

/// Credentials of each user by his place, as they are kept; plain passwords are hashed on every processor there is
fn hashed(users: &[UserFile]) -> Result<Vec<Vec<StoredPassword>>, ImportError> {
    let plain = users.iter().flat_map(|user| user.credentials.iter().flatten());
    let plain = plain.filter(|given| given.value.is_some()).count();
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(plain.max(1));
    let part = users.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> =
            users.chunks(part).map(|users| scope.spawn(|| users.iter().map(of_user).collect())).collect();
        let mut all = Vec::with_capacity(users.len());
        for part in parts {
            let part: Result<Vec<_>, ImportError> = part.join().map_err(|_| ImportError::Password)?;
            all.extend(part?);
        }
        Ok(all)
    })
}

fn of_user(user: &UserFile) -> Result<Vec<StoredPassword>, ImportError> {
    user.credentials.iter().flatten().filter_map(|given| stored(given).transpose()).collect()
}

/// A credential in the form in which it is kept (`keycloak-wire` §9.3)
pub fn stored(given: &CredentialFile) -> Result<Option<StoredPassword>, ImportError> {
    let id = given.other.get("id").and_then(Value::as_str).map(str::to_owned);
    let created = given.created_date.map(|millis| millis / 1000);
    let kind = given.kind.clone().filter(|kind| !kind.is_empty()).unwrap_or_else(|| "password".to_owned());
    let temporary = given.temporary.unwrap_or(false);
    let made = |secret_data, credential_data| StoredPassword {
        id: id.clone(),
        kind: kind.clone(),
        secret_data,
        credential_data,
        created,
        temporary,
        label: given.user_label.clone(),
    };
    if let (Some(plain), true) = (&given.value, given.is_password()) {
        let hashed = PasswordHash::new(&plain.0).and_then(|hash| hash.write());
        let (secret_data, credential_data) = hashed.map_err(|_| ImportError::Password)?;
        return Ok(Some(made(secret_data, credential_data)));
    }
    Ok(given.hashed().map(|(secret_data, credential_data)| made(secret_data, credential_data)))
}

/// Keys among the components of an export: tokens that they signed stay good, and the first of each kind signs on
fn component_keys(kept: &Members, master: &MasterKey) -> Result<Vec<StoredKey>, KeyError> {
    let mut found: Vec<(bool, i64, Alg, &str, Option<&str>)> = Vec::new();
    for component in providers(kept) {
        let provider = component.get("providerId").and_then(Value::as_str).unwrap_or_default();
        let config = |name: &str| component.get("config")?.get(name)?.get(0)?.as_str();
        let is = |name| config(name) != Some("false");
        let (alg, member) = match provider {
            "rsa" | "rsa-generated" => (Alg::Rs256, "privateKey"),
            "ecdsa-generated" if config("ecdsaEllipticCurveKey").is_none_or(|curve| curve == "P-256") => {
                (Alg::Es256, "ecdsaPrivateKey")
            }
            "eddsa-generated" if config("eddsaEllipticCurveKey").is_none_or(|curve| curve == "Ed25519") => {
                (Alg::EdDsa, "eddsaPrivateKey")
            }
            _ => continue,
        };
        let key = config(member).filter(|key| !key.is_empty() && *key != MASKED);
        if let (Some(key), true) = (key, is("enabled")) {
            let priority = config("priority").and_then(|text| text.parse().ok()).unwrap_or(0);
            found.push((is("active"), priority, alg, key, config("kid")));
        }
    }
    found.sort_by_key(|(active, priority, ..)| core::cmp::Reverse((*active, *priority)));
    let mut keys: Vec<StoredKey> = Vec::with_capacity(found.len());
    for (active, _, alg, key, kid) in found {
        let sealed = keys::seal(master, &keys::import(alg, key, kid)?)?;
        let first = keys.iter().all(|known| known.alg != sealed.alg);
        keys.push(StoredKey { active: active && first, ..sealed });
    }
    Ok(keys)
}

fn providers(kept: &Members) -> impl Iterator<Item = &Value> {
    kept.get("components")
        .and_then(|components| components.get(KEY_PROVIDER))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Private keys are kept sealed, and nowhere else
fn without_keys(mut kept: Members) -> Members {
    if let Some(Value::Object(components)) = kept.get_mut("components")
        && let Some(list) = components.get_mut(KEY_PROVIDER).and_then(Value::as_array_mut)
    {
        for config in list.iter_mut().filter_map(|one| one.get_mut("config")?.as_object_mut()) {
            config.retain(|name, _| {
                !matches!(name.as_str(), "privateKey" | "secret" | "ecdsaPrivateKey" | "eddsaPrivateKey")
            });
        }
    }
    kept
}
