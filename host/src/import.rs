//! Import of realms: files are read and merged first, then written in one transaction.
//!
//! Whatever is wrong with one of them is said with file, line and member, and nothing is changed.

pub mod check;
pub mod document;
mod prepare;
mod report;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_core::time::UnixTime;

use self::document::RealmFile;
pub use self::prepare::{prepare, sealed_secret, stored};
use crate::{
    keys::{KeyError, MasterKey},
    realm::{ClientSettings, RealmSettings},
    representation::{Members, WrongMember, locate, without_value},
    script::Scripts,
    store::{Store, StoreError},
};

/// Largest file that is read, in bytes
pub const FILE_BYTES: usize = 64 * 1024 * 1024;

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
    #[error("{}realm `{realm}`: {message}", place(file))]
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

/// The file in front of a refusal, where there is one
fn place(file: &Path) -> String {
    if file.as_os_str().is_empty() { String::new() } else { format!("{}: ", file.display()) }
}

/// A realm that is ready to be written
#[derive(Debug)]
pub struct RealmImport {
    /// What the files say
    pub file: RealmFile,
    /// Where it comes from, for messages; empty for a request
    pub source: PathBuf,
    /// Its settings
    pub settings: RealmSettings,
    /// Members of the realm that nothing here reads
    pub kept: Members,
    /// Settings and kept members of its clients, by their place
    pub clients: Vec<(ClientSettings, Members)>,
    /// Paths of members further inside that nothing here reads
    pub ignored: Vec<String>,
}

impl RealmImport {
    /// What one document says
    pub fn new(file: RealmFile, source: PathBuf) -> Result<Self, WrongMember> {
        check::members(&file)?;
        Ok(Self {
            file,
            source,
            settings: RealmSettings::default(),
            kept: Members::new(),
            clients: Vec::new(),
            ignored: Vec::new(),
        })
    }

    /// Looks at it as a whole
    pub fn checked(mut self) -> Result<Self, ImportError> {
        let wrong = |import: &Self, message: String| ImportError::Realm {
            file: import.source.clone(),
            realm: import.file.name().to_owned(),
            message,
        };
        check::whole(&self.file).map_err(|message| wrong(&self, message))?;
        let read = self.file.settings(&RealmSettings::default());
        (self.settings, self.kept) = read.map_err(|error| wrong(&self, error.to_string()))?;
        let clients = self.file.clients.iter().flatten();
        let clients = clients.map(|client| {
            let (mut settings, kept) = client.settings(&ClientSettings::default())?;
            settings.make_confidential();
            Ok((settings, kept))
        });
        self.clients =
            clients.collect::<Result<_, WrongMember>>().map_err(|error| wrong(&self, error.to_string()))?;
        Ok(self)
    }

    /// What is kept without effect, one line for each kind of member; `scripts` are those of the server that it is for,
    /// if that is known
    pub fn unsupported(&self, scripts: Option<&Scripts>) -> Vec<String> {
        report::lines(self, scripts)
    }
}

/// Reads all files of one start and merges them by realm, in any order
pub fn read(files: &[PathBuf]) -> Result<Vec<RealmImport>, ImportError> {
    let mut realms: BTreeMap<String, RealmImport> = BTreeMap::new();
    for file in files {
        for import in parse(file)? {
            let name = import.file.name().to_owned();
            let merged = match realms.remove(&name) {
                None => import,
                Some(known) => merge(known, import)?,
            };
            realms.insert(name, merged);
        }
    }
    realms.into_values().map(RealmImport::checked).collect()
}

fn parse(file: &Path) -> Result<Vec<RealmImport>, ImportError> {
    let unreadable = |error| ImportError::Unreadable { file: file.to_owned(), error };
    let size = fs::metadata(file).map_err(unreadable)?.len();
    if usize::try_from(size).unwrap_or(usize::MAX) > FILE_BYTES {
        return Err(ImportError::TooLarge { file: file.to_owned() });
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let list = text.trim_start().starts_with('[');
    let (realms, ignored) = if list {
        typed::<Vec<RealmFile>>(file, &text)?
    } else {
        let (realm, ignored) = typed::<RealmFile>(file, &text)?;
        (vec![realm], ignored)
    };
    let mut imports = Vec::with_capacity(realms.len());
    for (place, realm) in realms.into_iter().enumerate() {
        let mut import = RealmImport::new(realm, file.to_owned()).map_err(|error| {
            let path = if list { format!("[{place}].{}", error.member) } else { error.member };
            let (line, column) = locate::locate(text.as_bytes(), &locate::steps(&path)).unwrap_or((1, 1));
            ImportError::Member { file: file.to_owned(), line, column, member: path, message: error.message }
        })?;
        let prefix = format!("{place}.");
        import.ignored = ignored
            .iter()
            .filter_map(|path| if list { path.strip_prefix(&prefix) } else { Some(path) })
            .map(str::to_owned)
            .collect();
        imports.push(import);
    }
    Ok(imports)
}

/// Reads a document with the place of every error, and the paths of members that nothing reads
fn typed<T: for<'de> serde::Deserialize<'de>>(
    file: &Path,
    text: &str,
) -> Result<(T, Vec<String>), ImportError> {
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
            serde_json::error::Category::Syntax if error.to_string().starts_with("recursion limit") => {
                "nested too deeply".to_owned()
            }
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
    Ok((document, ignored))
}

/// One realm of two files; only one of them may define it
fn merge(first: RealmImport, second: RealmImport) -> Result<RealmImport, ImportError> {
    if first.file.defines_realm() && second.file.defines_realm() {
        return Err(ImportError::Twice {
            realm: first.file.name().to_owned(),
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
    for (name, value) in other.file.members {
        main.file.members.entry(name).or_insert(value);
    }
    main.ignored.extend(other.ignored);
    Ok(main)
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
    scripts: Option<&Scripts>,
    now: UnixTime,
) -> Result<Report, ImportFailure> {
    let read = read(files)?;
    let names: Vec<_> = read.iter().map(|import| import.file.name().to_owned()).collect();
    let mut report = Report { left_alone: store.known_realms(&names)?, ..Report::default() };
    let mut ready = Vec::new();
    for import in read {
        let realm = import.file.name().to_owned();
        if report.left_alone.contains(&realm) {
            continue;
        }
        if !import.file.defines_realm() {
            return Err(ImportError::Realm {
                message: "no file defines it: this one only adds users".to_owned(),
                file: import.source,
                realm,
            }
            .into());
        }
        report
            .warnings
            .extend(import.unsupported(scripts).into_iter().map(|line| format!("realm `{realm}`: {line}")));
        report.imported.push(realm);
        ready.push(prepare(import, master)?);
    }
    store.import(ready, None, now).await?;
    Ok(report)
}

/// Writes one realm that came in a request or was made up here; `maker` is to administer it. Gives back what is kept
/// without effect, in lines.
pub async fn document(
    store: &Store,
    master: &Arc<MasterKey>,
    file: RealmFile,
    maker: Option<String>,
    scripts: &Scripts,
    now: UnixTime,
) -> Result<Vec<String>, ImportFailure> {
    let wrong = |realm: &str, error: WrongMember| ImportError::Realm {
        file: PathBuf::new(),
        realm: realm.to_owned(),
        message: error.to_string(),
    };
    let name = file.name().to_owned();
    let import = RealmImport::new(file, PathBuf::new()).map_err(|error| wrong(&name, error))?.checked()?;
    let lines = import.unsupported(Some(scripts));
    let lines = lines.into_iter().map(|line| format!("realm `{name}`: {line}")).collect();
    let master = Arc::clone(master);
    // Hashes take long enough to hold up others.
    let ready = tokio::task::spawn_blocking(move || prepare(import, &master))
        .await
        .map_err(|_| ImportError::Password)??;
    store.import(vec![ready], maker, now).await?;
    Ok(lines)
}
