//! The keys of one realm, ready for use.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::hmac;
use countersign_core::{
    jwk::{Jwk, Jwks},
    jws::{self, Alg, Header, UnverifiedJws},
};
use serde::Serialize;

use super::{
    KeyError, MasterKey,
    signing::{NewKey, Private, generate, hs512},
};
use crate::{
    realm::Realm,
    store::{self, Store, StoreError, key::StoredKey},
};

/// The keys of one realm
pub struct Keyring {
    version: u64,
    names: Vec<String>,
    signers: Vec<Signer>,
    internal: Vec<Internal>,
    jwks: Jwks,
    document: Vec<u8>,
}

struct Signer {
    kid: String,
    alg: Alg,
    key: Private,
}

struct Internal {
    kid: String,
    key: hmac::Key,
    active: bool,
}

impl core::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.names).finish_non_exhaustive()
    }
}

impl Keyring {
    fn read(master: &MasterKey, version: u64, keys: &[StoredKey]) -> Result<Self, KeyError> {
        let mut ring = Self {
            version,
            names: keys.iter().map(|key| key.kid.clone()).collect(),
            signers: Vec::new(),
            internal: Vec::new(),
            jwks: Jwks::default(),
            document: Vec::new(),
        };
        let mut public = Vec::new();
        for key in keys {
            let alg = Alg::from_name(&key.alg).ok_or(KeyError::Algorithm)?;
            let open = || master.open(&place(&key.kid), &key.private);
            match &key.public_jwk {
                None => {
                    ring.internal.push(Internal {
                        kid: key.kid.clone(),
                        key: hs512(&open()?),
                        active: key.active,
                    });
                }
                Some(jwk) => {
                    public.push(Jwk::parse(jwk.as_bytes()).map_err(|_| KeyError::Private)?);
                    if key.active {
                        let signer = Signer { kid: key.kid.clone(), alg, key: Private::read(alg, &open()?)? };
                        ring.signers.push(signer);
                    }
                }
            }
        }
        let members: Vec<_> = public.iter().map(Jwk::to_json).collect();
        ring.document = serde_json::json!({ "keys": members }).to_string().into_bytes();
        ring.jwks = public.into_iter().collect();
        Ok(ring)
    }

    fn has(&self, alg: Alg) -> bool {
        if alg == Alg::Hs512 {
            self.internal.iter().any(|key| key.active)
        } else {
            self.signers.iter().any(|signer| signer.alg == alg)
        }
    }

    /// The public keys, those too that only check what was signed before
    pub const fn jwks(&self) -> &Jwks {
        &self.jwks
    }

    /// The key set as it is published (RFC 7517 §5)
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// The active RSA key as old clients read it: base64 of its DER (wire §1.3)
    pub fn public_der(&self) -> Option<String> {
        self.signers.iter().find_map(|signer| signer.key.public_der())
    }

    /// Signs a token that others check (RFC 7519)
    pub fn sign(&self, alg: Alg, claims: &impl Serialize) -> Result<String, KeyError> {
        self.sign_as(alg, "JWT", claims)
    }

    /// The same for a token of another type (RFC 8725 §3.11)
    pub fn sign_as(&self, alg: Alg, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let signer = self.signers.iter().find(|signer| signer.alg == alg).ok_or(KeyError::Algorithm)?;
        let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Claims)?;
        let header = Header { alg, typ: Some(typ), kid: Some(&signer.kid) };
        let input = jws::signing_input(&header, claims);
        let signature = signer.key.sign(input.as_bytes())?;
        Ok(jws::compact(input, &signature))
    }

    /// Signs what only this server reads: permission tickets, refresh tokens
    pub fn sign_internal(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let signer = self.internal.iter().find(|key| key.active).ok_or(KeyError::Algorithm)?;
        let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Claims)?;
        let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: Some(&signer.kid) };
        let input = jws::signing_input(&header, claims);
        let tag = hmac::sign(&signer.key, input.as_bytes());
        Ok(jws::compact(input, tag.as_ref()))
    }

    /// Whether [`Keyring::sign_internal`] made this; it says nothing about its claims
    pub fn verify_internal(&self, token: &UnverifiedJws) -> bool {
        token.alg() == Alg::Hs512
            && self.internal.iter().filter(|key| Some(key.kid.as_str()) == token.kid()).any(|key| {
                hmac::verify(&key.key, token.signing_input().as_bytes(), token.signature()).is_ok()
            })
    }
}

/// For whom a private key is sealed
fn place(kid: &str) -> String {
    format!("key:{kid}")
}

/// Seals a new key for the store
pub fn seal(master: &MasterKey, key: &NewKey) -> Result<StoredKey, KeyError> {
    Ok(StoredKey {
        private: master.seal(&place(&key.kid), &key.private)?,
        kid: key.kid.clone(),
        alg: key.alg.name().to_owned(),
        active: true,
        public_jwk: key.public.as_ref().map(|jwk| jwk.to_json().to_string()),
    })
}

/// The private part of a stored key
pub fn open(master: &MasterKey, key: &StoredKey) -> Result<Vec<u8>, KeyError> {
    master.open(&place(&key.kid), &key.private)
}

/// The public part of a stored key as `SubjectPublicKeyInfo`; absent for a key that is never published
pub fn public_info(master: &MasterKey, key: &StoredKey) -> Result<Option<Vec<u8>>, KeyError> {
    if key.public_jwk.is_none() {
        return Ok(None);
    }
    let alg = Alg::from_name(&key.alg).ok_or(KeyError::Algorithm)?;
    Private::read(alg, &open(master, key)?)?.public_info().map(Some)
}

/// Why a realm's keys are not to be had
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The keys
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyringError> for crate::error::ApiError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Store(error) => error.into(),
            KeyringError::Key(error) => error.into(),
        }
    }
}

impl From<KeyError> for crate::error::ApiError {
    fn from(error: KeyError) -> Self {
        crate::error::log_seldom("key", &error);
        Self::server_error()
    }
}

/// The keys of all realms, as last read
#[derive(Debug)]
pub struct Keyrings {
    master: Arc<MasterKey>,
    rings: RwLock<HashMap<String, Arc<Keyring>>>,
}

impl Keyrings {
    /// None read yet
    pub fn new(master: Arc<MasterKey>) -> Self {
        Self { master, rings: RwLock::default() }
    }

    /// The keys that a realm has now
    pub fn current(&self, store: &Store, realm: &Realm) -> Result<Arc<Keyring>, KeyringError> {
        let known = self.rings.read().unwrap_or_else(PoisonError::into_inner).get(&realm.id).cloned();
        match known {
            Some(ring) if ring.version >= realm.version => Ok(ring),
            _ => self.load(store, &realm.id),
        }
    }

    /// The keys of a realm that was deleted
    pub fn forget(&self, realm_id: &str) {
        self.rings.write().unwrap_or_else(PoisonError::into_inner).remove(realm_id);
    }

    fn load(&self, store: &Store, realm_id: &str) -> Result<Arc<Keyring>, KeyringError> {
        let (version, keys) = store.read(|tx| store::key::all(tx, realm_id))?;
        let ring = Arc::new(Keyring::read(&self.master, version, &keys)?);
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.insert(realm_id.to_owned(), Arc::clone(&ring));
        Ok(ring)
    }

    /// The keys of a realm, with one for this algorithm and one for tickets and refresh tokens among them: made now
    /// where there was none
    pub async fn with(&self, store: &Store, realm: &Realm, alg: Alg) -> Result<Arc<Keyring>, KeyringError> {
        let mut ring = self.current(store, realm)?;
        for alg in [alg, Alg::Hs512] {
            if !ring.has(alg) {
                ring = self.make(store, realm, alg).await?;
            }
        }
        Ok(ring)
    }

    async fn make(&self, store: &Store, realm: &Realm, alg: Alg) -> Result<Arc<Keyring>, KeyringError> {
        let sealed = self.another(alg).await?;
        let realm_id = realm.id.clone();
        store.write(move |tx| store::key::insert_first(tx, &realm_id, &sealed)).await?;
        self.load(store, &realm.id)
    }

    /// A new key for an algorithm, sealed for the store
    pub async fn another(&self, alg: Alg) -> Result<StoredKey, KeyError> {
        let key = if alg == Alg::Hs512 {
            super::new_ticket_key()?
        } else {
            // RSA takes long enough to hold up others.
            tokio::task::spawn_blocking(move || generate(alg)).await.map_err(|_| KeyError::Random)??
        };
        seal(&self.master, &key)
    }

    /// The master key
    pub const fn master(&self) -> &Arc<MasterKey> {
        &self.master
    }
}
