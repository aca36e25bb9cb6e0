//! What is kept, and the only module that knows SQL.
//!
//! SQLite in WAL mode, one file. Readers are called in place: a point read costs some microseconds, less than handing
//! it to another thread. One thread writes ([`writer`]); an answer to it comes when the change is durable.

pub mod account;
pub mod audit;
pub mod authzen;
pub mod client;
pub mod event;
pub mod facts;
mod forget;
pub mod gathering;
pub mod grant;
pub mod group;
pub mod import;
pub mod key;
mod migrate;
mod part;
pub mod party;
pub mod passkey;
pub mod policy;
pub mod realm;
pub mod resource;
pub mod role;
pub mod scope_role;
pub mod server;
pub mod session;
pub mod share;
pub mod sign_in;
pub mod status;
pub mod user;
mod writer;

use core::time::Duration;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use countersign_core::time::UnixTime;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};

use self::writer::Writer;
pub use self::{part::Part, writer::Turn};
use crate::metrics::{StoreMeasures, observe};

/// How long a connection waits for a lock of another process
const BUSY: Duration = Duration::from_secs(5);
/// Idle connections that are kept for the next reader
const IDLE_READERS: usize = 32;
/// Prepared statements that a connection keeps
const STATEMENTS: usize = 256;

/// Why the store did not do what it was asked to
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// What the change was based on has moved: load it again, decide again
    #[error("the data has changed meanwhile")]
    Stale,
    /// A unique name or a reference stands in the way
    #[error("the change conflicts with what is there: {0}")]
    Conflict(String),
    /// There is no such row
    #[error("there is no such entry")]
    Missing,
    /// The file or its folder may not be written
    #[error("the database is read-only")]
    ReadOnly,
    /// Another process holds the file
    #[error("the database is locked by another process")]
    Locked,
    /// The file is no database, or is damaged
    #[error("the database is damaged or is no SQLite database: {0}")]
    Corrupt(String),
    /// No room on the disk
    #[error("the disk is full or failed while writing")]
    Full,
    /// The file or its folder cannot be opened
    #[error("the database file cannot be opened")]
    Unopened,
    /// A SQLite database of another program
    #[error("the file is a database of another program")]
    Foreign,
    /// A database of a newer version
    #[error("the database has schema {found}, this program knows {known}")]
    Newer {
        /// Number of the last migration of the file
        found: i64,
        /// Number of the last one here
        known: i64,
    },
    /// What is to be written contradicts itself or names what is not there
    #[error("{0}")]
    Refused(String),
    /// The change would give somebody more than the caller may give
    #[error("the caller may not do this")]
    Denied,
    /// The writing thread has ended
    #[error("the store has stopped")]
    Stopped,
    /// Anything else; the text has no values of rows
    #[error("the store failed: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            return Self::Missing;
        }
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full,
            Some(ErrorCode::CannotOpen) => Self::Unopened,
            Some(ErrorCode::ConstraintViolation) => Self::Conflict(text),
            _ => Self::Other(text),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        // The position only: serde's own text may quote a value.
        Self::Corrupt(format!("a stored document is unreadable at column {}", error.column()))
    }
}

/// A database that could not be opened, with its file and what to do about it
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {source}; {cure}", file.display())]
pub struct OpenStoreError {
    /// The database file
    pub file: PathBuf,
    /// What is wrong with it
    pub source: StoreError,
    cure: &'static str,
}

impl OpenStoreError {
    fn new(file: &Path, source: StoreError) -> Self {
        let cure = match &source {
            StoreError::Locked => "stop the other process, or choose another file with --database",
            StoreError::ReadOnly => {
                "allow this user to write the file and its folder, or choose another file with --database"
            }
            StoreError::Corrupt(_) => "restore it from a backup, or choose another file with --database",
            StoreError::Unopened => "see that its folder exists and may be written",
            StoreError::Foreign => "choose another file with --database",
            StoreError::Newer { .. } => "use the newer version of this program",
            StoreError::Full => "make room on the disk",
            StoreError::Stale
            | StoreError::Conflict(_)
            | StoreError::Missing
            | StoreError::Refused(_)
            | StoreError::Denied
            | StoreError::Stopped
            | StoreError::Other(_) => "see that the file is a database of this program",
        };
        Self { file: file.to_owned(), source, cure }
    }
}

/// The store; clones share it
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    measures: StoreMeasures,
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Store").field("file", &self.inner.file).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database file, makes it if it is not there, and brings its schema up to date
    pub fn open(file: &Path) -> Result<Self, OpenStoreError> {
        let opened = || -> Result<Self, StoreError> {
            own(file)?;
            let mut connection = Connection::open_with_flags(
                file,
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?;
            prepare(&connection)?;
            if connection.is_readonly("main")? {
                return Err(StoreError::ReadOnly);
            }
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            migrate::migrate(&mut connection)?;
            let measures = StoreMeasures::default();
            let writer = Writer::start(connection, measures.clone())
                .map_err(|error| StoreError::Other(error.to_string()))?;
            let inner = Inner { file: file.to_owned(), readers: Mutex::new(Vec::new()), writer, measures };
            let store = Self { inner: Arc::new(inner) };
            store
                .read(|tx| Ok(tx.query_row("SELECT count(*) FROM realm", [], |row| row.get::<_, i64>(0))?))?;
            Ok(store)
        };
        opened().map_err(|error| OpenStoreError::new(file, error))
    }

    /// The database file
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// What it measures of itself
    pub fn measures(&self) -> &StoreMeasures {
        &self.inner.measures
    }

    /// Reads in place, in one snapshot
    pub fn read<T>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.reader()?,
        };
        let tx = connection.unchecked_transaction()?;
        let answer = question(&tx);
        let ended = tx.finish();
        if ended.is_ok() {
            let mut readers = self.readers();
            if readers.len() < IDLE_READERS {
                readers.push(connection);
            }
        }
        observe(&self.inner.measures.reads, begin);
        answer
    }

    /// Changes the store in a transaction shared with whatever else waits; answers when it is durable.
    ///
    /// A change that fails leaves nothing behind. It may run again nowhere else: it is called once.
    pub async fn write<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let begin = Instant::now();
        let answer = self.inner.writer.write(change).await;
        observe(&self.inner.measures.writes, begin);
        answer
    }

    /// Waits until nobody writes, in this process or another, and keeps it so until the turn is used or dropped: what is
    /// decided meanwhile is decided on what the change will find
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        self.inner.writer.turn().await
    }

    /// Changes the store at the caller's turn, or with whatever else waits where he has none
    pub(crate) async fn write_at<T, F>(&self, turn: Option<Turn>, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        match turn {
            None => self.write(change).await,
            Some(turn) => {
                let begin = Instant::now();
                let answer = turn.write(change).await;
                observe(&self.inner.measures.writes, begin);
                answer
            }
        }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(
            &self.inner.file,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        prepare(&connection)?;
        Ok(connection)
    }
}

/// Makes the file, if it is not there, for its owner's eyes only; SQLite gives the files beside it the same mode
fn own(file: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => Err(StoreError::ReadOnly),
        Err(_) => Err(StoreError::Unopened),
    }
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans do not depend on bound values: otherwise statements are prepared again for each new value.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Memory-mapped pages save a copy per read.
    connection.pragma_update(None, "mmap_size", 256 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// A new internal id
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A document in a column
fn document<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(place)?.as_str()?;
    serde_json::from_str(text).map_err(|_| {
        // serde's own text may quote a value.
        let unreadable = "a stored document is unreadable".into();
        rusqlite::Error::FromSqlConversionFailure(place, rusqlite::types::Type::Text, unreadable)
    })
}

/// A time as SQLite keeps it
pub fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A time as SQLite kept it
pub fn time(seconds: i64) -> UnixTime {
    UnixTime(u64::try_from(seconds).unwrap_or(0))
}

/// A stored id or name in the core's type
pub(crate) fn parse<T: core::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("a stored name is out of its grammar".to_owned()))
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod plans;
#[cfg(test)]
pub(crate) mod tests;
