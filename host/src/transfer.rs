//! `countersign import`, `check-import` and `export`: realms between this server and files.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    cli::{ServeArgs, StoreArgs, Users},
    clock::Clock,
    config::{Config, ConfigError, FileConfig},
    export::{self, ExportError, Parts},
    import::{self, ImportFailure, Report},
    keys::{KeyError, MasterKey, MasterKeyError, random_id},
    start::{self, StartError},
    store::{OpenStoreError, Store},
};

/// Why a command failed
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The configuration
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database or its master key
    #[error(transparent)]
    Start(#[from] StartError),
    /// The import
    #[error("nothing was imported: {0}")]
    Import(ImportFailure),
    /// What an import would say
    #[error("nothing would be imported: {0}")]
    Check(ImportFailure),
    /// The export
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file
    #[error("{}: {error}", file.display())]
    File {
        /// The file
        file: PathBuf,
        /// What the system says
        error: io::Error,
    },
    /// People go to a file of their own, and there is no first one
    #[error("--users separate needs --output")]
    NoOutput,
    /// The database that only checks
    #[error(transparent)]
    Scratch(#[from] OpenStoreError),
    /// Its master key
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// No randomness
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody reads what is written
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// The program cannot wait
    #[error("{0}")]
    Runtime(io::Error),
}

fn config(args: StoreArgs) -> Result<Config, TransferError> {
    let StoreArgs { config, database, master_key_file } = args;
    let args = ServeArgs { config, database, master_key_file, ..ServeArgs::default() };
    let args = args.with_environment(|name| std::env::var(name).ok());
    let file = FileConfig::read(args.config.as_deref())?;
    Ok(Config::new(args, file)?)
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T, TransferError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(TransferError::Runtime)?;
    Ok(runtime.block_on(work))
}

fn say(text: &str) -> Result<(), TransferError> {
    writeln!(io::stdout().lock(), "{text}").map_err(TransferError::Output)
}

fn tell(report: &Report, verb: &str) -> Result<(), TransferError> {
    for realm in &report.left_alone {
        say(&format!("realm `{realm}` is in the database already and was left alone"))?;
    }
    for line in &report.warnings {
        say(line)?;
    }
    for realm in &report.imported {
        say(&format!("realm `{realm}` {verb}"))?;
    }
    Ok(())
}

/// Imports files into the database
pub fn import(args: StoreArgs, files: &[PathBuf]) -> Result<(), TransferError> {
    let (store, master) = start::open(&config(args)?)?;
    let now = Clock::system().now();
    let report = wait(import::run(&store, &master, files, None, now))?.map_err(TransferError::Import)?;
    tell(&report, "was imported")
}

/// A folder that is gone when it is not needed any more
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: what cannot be removed is left in the system's folder for such files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Imports files into a database of its own, which is thrown away, and says what came of it
pub fn check(files: &[PathBuf]) -> Result<(), TransferError> {
    let folder = Scratch(std::env::temp_dir().join(format!("countersign-check-{}", random_id()?)));
    fs::create_dir(&folder.0).map_err(|error| TransferError::File { file: folder.0.clone(), error })?;
    let store = Store::open(&folder.0.join("check.db"))?;
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| KeyError::Random)?;
    let master = MasterKey::from_text(&STANDARD.encode(key), "a random key")?;
    let now = Clock::system().now();
    let report = wait(import::run(&store, &master, files, None, now))?.map_err(TransferError::Check)?;
    tell(&report, "can be imported")
}

/// Writes a realm to a file or to standard output
pub fn export(
    args: StoreArgs,
    realm: &str,
    users: Users,
    keys: bool,
    output: Option<&Path>,
) -> Result<(), TransferError> {
    let (store, master) = start::open(&config(args)?)?;
    let parts = Parts { users: users != Users::Skip, keys, ..Parts::ALL };
    let mut document = export::realm(&store, &master, realm, parts)?;
    if users == Users::Separate {
        let output = output.ok_or(TransferError::NoOutput)?;
        let people = export::split_users(&mut document);
        write(&beside(output), &people)?;
    }
    match output {
        Some(file) => write(file, &document),
        None => say(&format!("{document:#}")),
    }
}

/// `realm.json` → `realm-users.json`
fn beside(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!("{stem}-users.json"))
}

/// Secrets of clients and hashes of passwords are in it: only its owner may read it
fn write(file: &Path, document: &Value) -> Result<(), TransferError> {
    let failed = |error| TransferError::File { file: file.to_owned(), error };
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file).map_err(failed)?;
    writeln!(file, "{document:#}").map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_stand_beside_their_realm() {
        assert_eq!(beside(Path::new("/x/realm.json")), Path::new("/x/realm-users.json"));
    }
}
