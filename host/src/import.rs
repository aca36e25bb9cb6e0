//! Import of realms: files are read and merged first, then written in one transaction.
//!
//! Whatever is wrong with one of them is said with file, line and member, and nothing is changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use countersign_core::{policy::EVALUATED, time::UnixTime};
use serde_json::Value;

use self::document::{CredentialFile, RealmFile, Secret};
use crate::{
    auth,
    keys::{self, KeyError, MasterKey},
    password::PasswordHash,
    realm::{SettingError, UmaSettings},
    store::{Store, StoreError, import::PreparedRealm},
};

pub mod document;

/// Largest file that is read, in bytes
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Why files cannot be imported
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file
        file: PathBuf,
        /// What the system says
        error: std::io::Error,
    },
    /// The file is larger than [`FILE_BYTES`]
    #[error("{}: larger than {FILE_BYTES} bytes", file.display())]
    TooLarge {
        /// The file
        file: PathBuf,
    },
    /// A member is not what it should be, or the file is no JSON
    #[error("{}: line {line}, column {column}: member `{member}`: {message}", file.display())]
    Member {
        /// The file
        file: PathBuf,
        /// Line, from 1
        line: usize,
        /// Column, from 1
        column: usize,
        /// Path of the member
        member: String,
        /// What is wrong
        message: String,
    },
    /// Two files define one realm
    #[error("{} and {} both define the clients of realm `{realm}`", first.display(), second.display())]
    Twice {
        /// The realm
        realm: String,
        /// One file
        first: PathBuf,
        /// The other
        second: PathBuf,
    },
    /// A reference or a value that only the whole realm can show to be wrong
    #[error("{}: realm `{realm}`: {message}", file.display())]
    Realm {
        /// A file that defines the realm
        file: PathBuf,
        /// The realm
        realm: String,
        /// What is wrong
        message: String,
    },
    /// A password could not be hashed
    #[error("a password could not be hashed")]
    Password,
}

/// A realm that is ready to be written
#[derive(Debug)]
pub struct RealmImport {
    /// What the files say
    pub file: RealmFile,
    /// Where it comes from, for messages
    pub source: PathBuf,
    /// Members that nothing here reads, as `path` of the realm to value
    pub kept: BTreeMap<String, Value>,
    /// Passwords of users by their place, as they will be stored
    pub passwords: Vec<Vec<StoredPassword>>,
}

/// A password in the form in which it is kept (`keycloak-wire` §9.3)
#[derive(Debug, Clone)]
pub struct StoredPassword {
    /// `{"value","salt",…}`
    pub secret_data: String,
    /// `{"hashIterations","algorithm",…}`
    pub credential_data: String,
}

/// Reads all files of one start and merges them by realm, in any order
pub fn read(files: &[PathBuf]) -> Result<Vec<RealmImport>, ImportError> {
    let mut realms: BTreeMap<String, RealmImport> = BTreeMap::new();
    for file in files {
        for (realm, kept) in parse(file)? {
            let import = RealmImport { file: realm, source: file.clone(), kept, passwords: Vec::new() };
            match realms.remove(&import.file.realm) {
                None => {
                    realms.insert(import.file.realm.clone(), import);
                }
                Some(known) => {
                    let merged = merge(known, import)?;
                    realms.insert(merged.file.realm.clone(), merged);
                }
            }
        }
    }
    let mut ready: Vec<_> = realms.into_values().collect();
    for import in &mut ready {
        check(import)?;
    }
    Ok(ready)
}

impl RealmImport {
    /// Hashes plain passwords: slow, and done only for realms that will be written
    pub fn hash_passwords(&mut self) -> Result<(), ImportError> {
        self.passwords = self
            .file
            .users
            .iter()
            .map(|user| user.credentials.iter().filter_map(|given| stored(given).transpose()).collect())
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// What is kept without effect, one line for each kind of member
    pub fn unsupported(&self) -> Vec<String> {
        let mut members: BTreeMap<String, usize> = BTreeMap::new();
        for path in self.kept.keys() {
            let general: Vec<_> =
                path.split('.').map(|part| if part.parse::<usize>().is_ok() { "[]" } else { part }).collect();
            let count = members.entry(general.join(".").replace(".[]", "[]")).or_default();
            *count = count.saturating_add(1);
        }
        let mut lines: Vec<String> = members
            .into_iter()
            .map(|(member, count)| {
                let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
                format!("member `{member}`{times} is kept, but has no effect yet")
            })
            .collect();
        for client in self.file.clients.iter().flatten() {
            for policy in client.authorization_settings.iter().flat_map(|settings| &settings.policies) {
                if !EVALUATED.contains(&policy.kind.as_str()) {
                    lines.push(format!(
                        "policy `{}` of client `{}` has type `{}`, which nothing evaluates yet: it denies",
                        policy.name, client.client_id, policy.kind
                    ));
                }
            }
        }
        lines
    }
}

fn stored(given: &CredentialFile) -> Result<Option<StoredPassword>, ImportError> {
    if !given.kind.is_empty() && given.kind != "password" {
        return Ok(None);
    }
    if let Some(plain) = &given.value {
        let hashed = PasswordHash::new(&plain.0).and_then(|hash| hash.write());
        let (secret_data, credential_data) = hashed.map_err(|_| ImportError::Password)?;
        return Ok(Some(StoredPassword { secret_data, credential_data }));
    }
    Ok(given.secret_data.as_ref().zip(given.credential_data.as_ref()).map(|(secret, data)| StoredPassword {
        secret_data: secret.0.clone(),
        credential_data: data.clone(),
    }))
}

type Parsed = (RealmFile, BTreeMap<String, Value>);

fn parse(file: &Path) -> Result<Vec<Parsed>, ImportError> {
    let unreadable = |error| ImportError::Unreadable { file: file.to_owned(), error };
    if fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES {
        return Err(ImportError::TooLarge { file: file.to_owned() });
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    if text.trim_start().starts_with('[') {
        typed::<Vec<RealmFile>>(file, &text).map(|(realms, kept)| {
            let of = |place: usize| {
                let prefix = format!("{place}.");
                kept.iter()
                    .filter_map(|(path, value)| {
                        path.strip_prefix(&prefix).map(|path| (path.to_owned(), value.clone()))
                    })
                    .collect()
            };
            realms.into_iter().enumerate().map(|(place, realm)| (realm, of(place))).collect()
        })
    } else {
        typed::<RealmFile>(file, &text).map(|parsed| vec![parsed])
    }
}

/// Reads a document with the place of every error and the members that nothing reads
fn typed<T: for<'de> serde::Deserialize<'de>>(
    file: &Path,
    text: &str,
) -> Result<(T, BTreeMap<String, Value>), ImportError> {
    let mut ignored = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document = {
        // An optional member is a step of serde's path, but none of the document's.
        let mut note = |path: serde_ignored::Path<'_>| ignored.push(path.to_string().replace(".?", ""));
        let watched = serde_ignored::Deserializer::new(&mut deserializer, &mut note);
        serde_path_to_error::deserialize::<_, T>(watched)
    };
    let wrong = |member: String, error: &serde_json::Error| {
        // Syntax errors may quote what they found; only the position is passed on for them.
        let message = match error.classify() {
            serde_json::error::Category::Eof => "the file ends here: it is incomplete".to_owned(),
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON".to_owned(),
            serde_json::error::Category::Data => without_value(&error.to_string()),
        };
        ImportError::Member {
            file: file.to_owned(),
            line: error.line(),
            column: error.column(),
            member,
            message,
        }
    };
    let document = document.map_err(|error| wrong(error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| wrong(".".to_owned(), &error))?;
    let whole: Value = serde_json::from_str(text).map_err(|error| wrong(".".to_owned(), &error))?;
    let kept = ignored
        .into_iter()
        .filter_map(|path| at(&whole, &path).map(|value| (path.clone(), value.clone())))
        .collect();
    Ok((document, kept))
}

/// serde's sentence without the value that it quotes: it may be a secret
fn without_value(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    match (message.split_once(": "), message.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}, expected {expected}"),
        _ => message.to_owned(),
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(members) => members.get(part),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// One realm of two files; only one of them may define it
fn merge(first: RealmImport, second: RealmImport) -> Result<RealmImport, ImportError> {
    if first.file.defines_realm() && second.file.defines_realm() {
        return Err(ImportError::Twice {
            realm: first.file.realm,
            first: first.source,
            second: second.source,
        });
    }
    let (mut main, other) = if second.file.defines_realm() { (second, first) } else { (first, second) };
    main.file.users.extend(other.file.users);
    main.file.groups.extend(other.file.groups);
    main.file.roles.realm.extend(other.file.roles.realm);
    for (client, roles) in other.file.roles.client {
        main.file.roles.client.entry(client).or_default().extend(roles);
    }
    main.kept.extend(other.kept);
    Ok(main)
}

/// What can be seen before anything is written
fn check(import: &RealmImport) -> Result<(), ImportError> {
    let wrong = |message: String| ImportError::Realm {
        file: import.source.clone(),
        realm: import.file.realm.clone(),
        message,
    };
    let name = &import.file.realm;
    if name.is_empty() || name.len() > 255 || name.chars().any(|c| c.is_control() || c == '/') {
        return Err(wrong("the name of a realm has 1 to 255 characters and no slash".to_owned()));
    }
    UmaSettings::read(&import.file.settings().attributes)
        .map_err(|error: SettingError| wrong(format!("member `attributes`: {error}")))?;
    Ok(())
}

/// What an import did, in lines for the operator
#[derive(Debug, Default)]
pub struct Report {
    /// Realms that were written
    pub imported: Vec<String>,
    /// Realms that were there before and were left alone
    pub left_alone: Vec<String>,
    /// What is kept without effect, each line with its realm
    pub warnings: Vec<String>,
}

/// Why an import changed nothing
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The files
    #[error(transparent)]
    Files(#[from] ImportError),
    /// What they say together
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or a secret
    #[error("a key or a secret of the import cannot be used: {0}")]
    Key(#[from] KeyError),
}

/// Imports files into a store; a realm that is there already is left alone
pub async fn run(
    store: &Store,
    master: &MasterKey,
    files: &[PathBuf],
    now: UnixTime,
) -> Result<Report, ImportFailure> {
    let read = read(files)?;
    let names: Vec<_> = read.iter().map(|import| import.file.realm.clone()).collect();
    let mut report = Report { left_alone: store.known_realms(&names)?, ..Report::default() };
    let mut ready = Vec::new();
    for import in read {
        if report.left_alone.contains(&import.file.realm) {
            continue;
        }
        if !import.file.defines_realm() {
            return Err(ImportError::Realm {
                message: "no file defines it: this one only adds users".to_owned(),
                file: import.source,
                realm: import.file.realm,
            }
            .into());
        }
        let realm = import.file.realm.clone();
        report
            .warnings
            .extend(import.unsupported().into_iter().map(|line| format!("realm `{realm}`: {line}")));
        report.imported.push(realm);
        ready.push(prepare(import, master)?);
    }
    store.import(ready, now).await?;
    Ok(report)
}

/// Writes one realm that this program made up itself
pub async fn document(
    store: &Store,
    master: &MasterKey,
    file: RealmFile,
    now: UnixTime,
) -> Result<(), ImportFailure> {
    let import = RealmImport { file, source: PathBuf::new(), kept: BTreeMap::new(), passwords: Vec::new() };
    let ready = prepare(import, master)?;
    Ok(store.import(vec![ready], now).await?)
}

/// Hashes passwords and seals what is secret: slow, and outside of the transaction
fn prepare(mut import: RealmImport, master: &MasterKey) -> Result<PreparedRealm, ImportFailure> {
    import.hash_passwords()?;
    import.file.complete();
    let id = match &import.file.id {
        Some(id) => id.clone(),
        None => keys::random_id()?,
    };
    let mut secrets = Vec::new();
    for client in import.file.clients.iter_mut().flatten() {
        let uid = match &client.id {
            Some(uid) => uid.clone(),
            None => keys::random_id()?,
        };
        let seal = |secret: &Secret| master.seal(&auth::secret_place(&uid), secret.0.as_bytes());
        secrets.push(client.secret.as_ref().map(seal).transpose()?);
        client.id = Some(uid);
    }
    let mut stored = Vec::new();
    if let Some(key) = &import.file.private_key {
        stored.push(keys::seal(master, &keys::import_rsa(&key.0)?)?);
    }
    Ok(PreparedRealm { id, import, keys: stored, secrets })
}
