//! Passwords: hashed in Keycloak's form, so that imports work and exports work elsewhere (wire §9.3).

pub mod policy;

use core::num::NonZeroU32;
use std::{collections::BTreeMap, sync::Arc, thread};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{constant_time, pbkdf2};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// OWASP's parameters for argon2id that Keycloak uses too: 7 MiB, 5 passes, 1 lane
const MEMORY_KIB: u32 = 7_168;
const PASSES: u32 = 5;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// What an imported hash may cost at most
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 100;
const MOST_ITERATIONS: u32 = 10_000_000;
const MOST_HASH_BYTES: usize = 128;
/// Longest password, in bytes
const MOST_PASSWORD_BYTES: usize = 4_096;

/// Why a stored password cannot be used
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Not the JSON of a password
    #[error("the stored password is malformed")]
    Malformed,
    /// Hashed in a way that is not known here
    #[error("the password's algorithm is not known")]
    Algorithm,
    /// It would cost too much to check
    #[error("the password's parameters are out of bounds")]
    Cost,
    /// No randomness, or no thread to hash in
    #[error("the password could not be hashed")]
    Unavailable,
    /// Too many are waiting
    #[error("too many passwords wait to be checked")]
    Busy,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretData {
    value: String,
    #[serde(default)]
    salt: String,
    #[serde(default)]
    additional_parameters: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default, alias = "algorithmData")]
    additional_parameters: BTreeMap<String, Vec<String>>,
}

/// A hashed password
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    algorithm: Hash,
    salt: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Argon2 { algorithm: Algorithm, version: Version, memory: u32, passes: u32, lanes: u32 },
    Pbkdf2 { digest: Digest, iterations: NonZeroU32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl core::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PasswordHash").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

const CURRENT: Hash = Hash::Argon2 {
    algorithm: Algorithm::Argon2id,
    version: Version::V0x13,
    memory: MEMORY_KIB,
    passes: PASSES,
    lanes: LANES,
};

impl PasswordHash {
    /// Hashes a password as new ones are
    pub fn new(password: &str) -> Result<Self, PasswordError> {
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| PasswordError::Unavailable)?;
        let value = CURRENT.derive(password.as_bytes(), &salt, HASH_BYTES)?;
        Ok(Self { algorithm: CURRENT, salt, value })
    }

    /// Reads Keycloak's `secretData` and `credentialData`
    pub fn read(secret_data: &str, credential_data: &str) -> Result<Self, PasswordError> {
        let secret: SecretData = serde_json::from_str(secret_data).map_err(|_| PasswordError::Malformed)?;
        let data: CredentialData =
            serde_json::from_str(credential_data).map_err(|_| PasswordError::Malformed)?;
        let value = STANDARD.decode(&secret.value).map_err(|_| PasswordError::Malformed)?;
        let salt = STANDARD.decode(&secret.salt).map_err(|_| PasswordError::Malformed)?;
        if !(8..=MOST_HASH_BYTES).contains(&value.len()) || salt.len() > MOST_HASH_BYTES {
            return Err(PasswordError::Cost);
        }
        Ok(Self { algorithm: Hash::read(&data)?, salt, value })
    }

    /// `secretData` and `credentialData` as Keycloak writes them
    pub fn write(&self) -> Result<(String, String), PasswordError> {
        let secret = SecretData {
            value: STANDARD.encode(&self.value),
            salt: STANDARD.encode(&self.salt),
            additional_parameters: BTreeMap::new(),
        };
        let data = self.algorithm.write(self.value.len());
        let text = |json: Result<String, serde_json::Error>| json.map_err(|_| PasswordError::Malformed);
        Ok((text(serde_json::to_string(&secret))?, text(serde_json::to_string(&data))?))
    }

    /// Whether this is the password
    pub fn verify(&self, password: &str) -> Result<bool, PasswordError> {
        if password.len() > MOST_PASSWORD_BYTES {
            return Ok(false);
        }
        let value = self.algorithm.derive(password.as_bytes(), &self.salt, self.value.len())?;
        Ok(constant_time::verify_slices_are_equal(&value, &self.value).is_ok())
    }

    /// Whether a new hash of the same password would be made otherwise
    pub fn is_outdated(&self) -> bool {
        self.algorithm != CURRENT || self.value.len() != HASH_BYTES
    }
}

impl Hash {
    fn read(data: &CredentialData) -> Result<Self, PasswordError> {
        let iterations = NonZeroU32::new(data.hash_iterations).ok_or(PasswordError::Cost)?;
        let digest = match data.algorithm.as_str() {
            "pbkdf2" => Digest::Sha1,
            "pbkdf2-sha256" => Digest::Sha256,
            "pbkdf2-sha512" => Digest::Sha512,
            "argon2" => return Self::read_argon2(data),
            _ => return Err(PasswordError::Algorithm),
        };
        if iterations.get() > MOST_ITERATIONS {
            return Err(PasswordError::Cost);
        }
        Ok(Self::Pbkdf2 { digest, iterations })
    }

    fn read_argon2(data: &CredentialData) -> Result<Self, PasswordError> {
        let text = |name: &str| data.additional_parameters.get(name).and_then(|list| list.first());
        let number = |name: &str, default: u32| match text(name) {
            None => Ok(default),
            Some(text) => text.parse::<u32>().map_err(|_| PasswordError::Malformed),
        };
        let algorithm = match text("type").map_or("id", String::as_str) {
            "id" => Algorithm::Argon2id,
            "i" => Algorithm::Argon2i,
            "d" => Algorithm::Argon2d,
            _ => return Err(PasswordError::Algorithm),
        };
        let version = match text("version").map_or("1.3", String::as_str) {
            "1.3" => Version::V0x13,
            "1.0" => Version::V0x10,
            _ => return Err(PasswordError::Algorithm),
        };
        let (memory, lanes) = (number("memory", MEMORY_KIB)?, number("parallelism", LANES)?);
        if memory > MOST_MEMORY_KIB || data.hash_iterations > MOST_PASSES || lanes > 16 {
            return Err(PasswordError::Cost);
        }
        Ok(Self::Argon2 { algorithm, version, memory, passes: data.hash_iterations, lanes })
    }

    fn write(self, length: usize) -> CredentialData {
        match self {
            Self::Pbkdf2 { digest, iterations } => CredentialData {
                hash_iterations: iterations.get(),
                algorithm: match digest {
                    Digest::Sha1 => "pbkdf2",
                    Digest::Sha256 => "pbkdf2-sha256",
                    Digest::Sha512 => "pbkdf2-sha512",
                }
                .to_owned(),
                additional_parameters: BTreeMap::new(),
            },
            Self::Argon2 { algorithm, version, memory, passes, lanes } => {
                let kind = match algorithm {
                    Algorithm::Argon2d => "d",
                    Algorithm::Argon2i => "i",
                    Algorithm::Argon2id => "id",
                };
                let version = match version {
                    Version::V0x10 => "1.0",
                    Version::V0x13 => "1.3",
                };
                let parameters = [
                    ("hashLength", length.to_string()),
                    ("memory", memory.to_string()),
                    ("type", kind.to_owned()),
                    ("version", version.to_owned()),
                    ("parallelism", lanes.to_string()),
                ];
                CredentialData {
                    hash_iterations: passes,
                    algorithm: "argon2".to_owned(),
                    additional_parameters: parameters
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), vec![value]))
                        .collect(),
                }
            }
        }
    }

    fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Result<Vec<u8>, PasswordError> {
        let mut out = vec![0; length];
        match self {
            Self::Pbkdf2 { digest, iterations } => {
                let algorithm = match digest {
                    Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                pbkdf2::derive(algorithm, iterations, salt, password, &mut out);
            }
            Self::Argon2 { algorithm, version, memory, passes, lanes } => {
                let params =
                    Params::new(memory, passes, lanes, Some(length)).map_err(|_| PasswordError::Cost)?;
                Argon2::new(algorithm, version, params)
                    .hash_password_into(password, salt, &mut out)
                    .map_err(|_| PasswordError::Cost)?;
            }
        }
        Ok(out)
    }
}

/// `secretData` and `credentialData` of a new password; slow on purpose
pub fn hash(password: &str) -> Result<(String, String), PasswordError> {
    PasswordHash::new(password)?.write()
}

/// Passwords that may wait to be hashed; more are refused, so that nobody's wait grows without bound
const QUEUE: usize = 256;

/// Checks passwords off the threads that answer requests, as many at once as there are processors
#[derive(Debug, Clone)]
pub struct Passwords {
    queue: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    nobodys: Arc<PasswordHash>,
}

/// What came of checking a password
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is wrong
    Wrong,
    /// It is right
    Right,
    /// It is right, and this is a better hash of it
    Renew(Box<PasswordHash>),
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// With a hash to check against where there is no user
    pub fn new() -> Self {
        let turns = thread::available_parallelism().map_or(1, usize::from);
        let nobodys =
            PasswordHash { algorithm: CURRENT, salt: vec![0; SALT_BYTES], value: vec![0; HASH_BYTES] };
        let queue = Arc::new(Semaphore::new(turns.saturating_add(QUEUE)));
        Self { queue, turns: Arc::new(Semaphore::new(turns)), nobodys: Arc::new(nobodys) }
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| PasswordError::Unavailable)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Unavailable)?
    }

    /// Hashes a new password: `secretData` and `credentialData`
    pub async fn hash(&self, password: String) -> Result<(String, String), PasswordError> {
        if password.len() > MOST_PASSWORD_BYTES {
            return Err(PasswordError::Cost);
        }
        self.turn(move || hash(&password)).await
    }

    /// Checks a password; without a user it takes as long, and is wrong
    pub async fn check(
        &self,
        hash: Option<PasswordHash>,
        password: String,
    ) -> Result<Checked, PasswordError> {
        let nobodys = Arc::clone(&self.nobodys);
        self.turn(move || {
            let Some(hash) = hash else {
                nobodys.verify(&password)?;
                return Ok(Checked::Wrong);
            };
            Ok(match (hash.verify(&password)?, hash.is_outdated()) {
                (false, _) => Checked::Wrong,
                (true, false) => Checked::Right,
                (true, true) => Checked::Renew(Box::new(PasswordHash::new(&password)?)),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hash_verifies_and_survives_being_written() {
        let hash = PasswordHash::new("alice").unwrap();
        assert!(hash.verify("alice").unwrap());
        assert!(!hash.verify("bob").unwrap());
        let (secret, data) = hash.write().unwrap();
        assert_eq!(PasswordHash::read(&secret, &data).unwrap(), hash);
        assert!(!hash.is_outdated());
        assert!(data.contains(r#""algorithm":"argon2""#) && data.contains(r#""memory":["7168"]"#), "{data}");
    }

    /// RFC 6070, test vector 2, and the same inputs under SHA-256 and SHA-512
    #[test]
    fn hashes_of_older_realms_verify() {
        for (algorithm, value) in [
            ("pbkdf2", "6mwBTcctb4zNHtkqzh1B8NjeiVc="),
            ("pbkdf2-sha256", "rk0Mla9rRtMtCt/5KPBt0CowP47zwlHf1uLYWpVHTEM="),
            (
                "pbkdf2-sha512",
                "4dnBaqaBcIpF9cfE4hXOtm4BGi6fAEBxPxiu/bhm1Tz3bKsoaKObn3hA7c5P71qCvmczXHemBo4EESdU8nzPTg==",
            ),
        ] {
            let secret = format!(r#"{{"value":"{value}","salt":"c2FsdA=="}}"#);
            let data = format!(r#"{{"hashIterations":2,"algorithm":"{algorithm}","algorithmData":{{}}}}"#);
            let hash = PasswordHash::read(&secret, &data).unwrap();
            assert!(hash.verify("password").unwrap(), "{algorithm}");
            assert!(!hash.verify("passwort").unwrap(), "{algorithm}");
            assert!(hash.is_outdated());
        }
    }

    /// The reference implementation's own example: `argon2 somesalt -t 2 -m 16 -p 4 -l 24`
    #[test]
    fn an_argon2_hash_with_other_parameters_verifies() {
        let secret =
            r#"{"value":"RdescudvJCsgt3ub+b+dWRWJTmaaJObG","salt":"c29tZXNhbHQ=","additionalParameters":{}}"#;
        let data = r#"{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"hashLength":["24"],
            "memory":["65536"],"type":["i"],"version":["1.3"],"parallelism":["4"]}}"#;
        let hash = PasswordHash::read(secret, data).unwrap();
        assert!(hash.verify("password").unwrap());
        assert!(!hash.verify("Password").unwrap());
        assert!(hash.is_outdated());
    }

    #[test]
    fn hashes_that_would_cost_too_much_are_refused() {
        let secret = r#"{"value":"6mwBTcctb4zNHtkqzh1B8NjeiVc=","salt":"c2FsdA=="}"#;
        for data in [
            r#"{"hashIterations":4000000000,"algorithm":"pbkdf2"}"#,
            r#"{"hashIterations":0,"algorithm":"pbkdf2"}"#,
            r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"memory":["9999999"]}}"#,
        ] {
            assert_eq!(PasswordHash::read(secret, data).unwrap_err(), PasswordError::Cost, "{data}");
        }
        let error = PasswordHash::read(secret, r#"{"hashIterations":1,"algorithm":"md5"}"#).unwrap_err();
        assert_eq!(error, PasswordError::Algorithm);
    }
}
