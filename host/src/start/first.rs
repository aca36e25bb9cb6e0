//! The first start: the realm `master` and its administrator.

use std::sync::Arc;

use countersign_core::time::UnixTime;
use serde_json::json;

use crate::{
    config::Admin,
    import::{self, ImportFailure, document::RealmFile},
    keys::{KeyError, MasterKey, random_id},
    password::{self, PasswordError},
    realm::{MASTER, User},
    script::Scripts,
    store::{self, Store, StoreError, user::Credential},
};

/// Their role
const ROLE: &str = "admin";

/// Why there is no first administrator
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The realm cannot be written
    #[error(transparent)]
    Import(#[from] ImportFailure),
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No randomness
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Our own document of the realm is wrong
    #[error("the realm `master` cannot be made")]
    Document,
}

/// Makes the realm `master` if it is not there, and its administrator if there is none and one was named
pub(super) async fn start(
    store: &Store,
    key: &Arc<MasterKey>,
    admin: Option<Admin>,
    now: UnixTime,
) -> Result<(), FirstStartError> {
    if store.read(|tx| store::realm::version(tx, MASTER))?.is_none() {
        let document = json!({
            "realm": MASTER,
            "enabled": true,
            "accessTokenLifespan": 60,
            "roles": { "realm": [{ "name": ROLE }, { "name": "create-realm" }] },
            "clients": [],
        });
        let file: RealmFile = serde_json::from_value(document).map_err(|_| FirstStartError::Document)?;
        import::document(store, key, file, None, &Scripts::default(), now).await?;
    }
    let realm = store.read(|tx| store::realm::by_name(tx, MASTER))?.ok_or(StoreError::Missing)?;
    if store.read(|tx| store::user::has_people(tx, &realm.id))? {
        return Ok(());
    }
    let Some(Admin { username, password }) = admin else {
        tracing::warn!(
            "there is no administrator; start with COUNTERSIGN_ADMIN_USERNAME and COUNTERSIGN_ADMIN_PASSWORD to \
             make one"
        );
        return Ok(());
    };
    let (secret_data, credential_data) = password::hash(&password)?;
    let user = User {
        id: random_id()?,
        username: username.to_lowercase(),
        email: None,
        first_name: None,
        last_name: None,
        email_verified: false,
        enabled: true,
        service_client: None,
        attributes: std::collections::BTreeMap::new(),
        not_before: UnixTime(0),
    };
    let credential = Credential { id: random_id()?, secret_data, credential_data };
    let roles = [ROLE.to_owned(), realm.default_role()];
    store.write(move |tx| store::user::insert(tx, &realm.id, &user, &credential, &roles, now)).await?;
    tracing::info!(
        user = %username.to_lowercase(),
        "administrator was made in realm `master`; `countersign admin realm list` asks for the password"
    );
    Ok(())
}
