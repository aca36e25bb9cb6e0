//! Configuration: a flag over an environment variable over `countersign.toml`.

mod file;
mod operations;

use std::path::{Path, PathBuf};

pub use self::{
    file::{ConfigError, FileConfig},
    operations::{FileOperations, Operations, TlsFiles},
};
use crate::cli::ServeArgs;

/// Where the server listens unless it is told otherwise: both loopback addresses
pub const LISTEN: &str = "localhost:8080";
/// The database unless it is told otherwise, in the folder that the server was started in
pub const DATABASE: &str = "sqlite:countersign.db";

/// What the server runs with
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address and port, or `localhost:PORT`
    pub listen: String,
    /// The database file
    pub database: PathBuf,
    /// Realm files to import
    pub import: Vec<PathBuf>,
    /// Base of all URLs, without a slash at its end
    pub public_url: Option<String>,
    /// Component in the place of the built-in one
    pub pdp: Option<PathBuf>,
    /// Policies that are programs are run
    pub scripts: bool,
    /// The folder of those that realms can name
    pub scripts_folder: Option<PathBuf>,
    /// Hosts that may be private from which clients' key sets are fetched
    pub private_hosts: Vec<String>,
    /// Where the master key is
    pub master_key: MasterKeySource,
    /// Name and password of the first administrator
    pub admin: Option<Admin>,
    /// TLS, proxies, limits, what is measured and what is written down
    pub operations: Operations,
}

/// Where the master key comes from
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// Made beside the database
    Beside,
    /// A file
    File(PathBuf),
    /// The environment
    Text(String),
}

impl core::fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Beside => f.write_str("Beside"),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Text(_) => f.write_str("Text"),
        }
    }
}

/// The first administrator
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// User name
    pub username: String,
    /// Password
    pub password: String,
}

impl core::fmt::Debug for Admin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Admin").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Config {
    /// Puts flags (with the environment behind them) over a file
    pub fn new(args: ServeArgs, file: FileConfig) -> Result<Self, ConfigError> {
        let database = args.database.or(file.database).unwrap_or_else(|| DATABASE.to_owned());
        let public_url = args
            .public_url
            .or(file.public_url)
            .map(|url| checked_url(&url).map(str::to_owned))
            .transpose()?;
        let master_key = match (args.master_key_file.or(file.master_key_file), args.master_key) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoMasterKeys),
            (Some(path), None) => MasterKeySource::File(path),
            (None, Some(text)) => MasterKeySource::Text(text),
            (None, None) => MasterKeySource::Beside,
        };
        let admin = match (args.admin_username, args.admin_password) {
            (Some(username), Some(password)) => Some(Admin { username, password }),
            (None, None) => None,
            _ => return Err(ConfigError::HalfAdmin),
        };
        let scripts = args.scripts.or(file.scripts).unwrap_or_default();
        let scripts_folder = args.scripts_folder.or(file.scripts_folder);
        if scripts_folder.is_some() && !scripts {
            return Err(ConfigError::ScriptsOff);
        }
        Ok(Self {
            scripts,
            scripts_folder,
            listen: args.listen.or(file.listen).unwrap_or_else(|| LISTEN.to_owned()),
            database: database_file(&database)?,
            import: if args.import.is_empty() { file.import } else { args.import },
            public_url,
            pdp: args.pdp.or(file.pdp),
            private_hosts: if args.private_hosts.is_empty() {
                file.private_hosts
            } else {
                args.private_hosts
            },
            master_key,
            admin,
            operations: Operations::new(args.operations, file.operations)?,
        })
    }
}

/// Every variable of the environment that means something
const VARIABLES: &[&str] = &[
    "COUNTERSIGN_ADMIN_PASSWORD",
    "COUNTERSIGN_ADMIN_REALM",
    "COUNTERSIGN_ADMIN_TOKEN_FILE",
    "COUNTERSIGN_ADMIN_URL",
    "COUNTERSIGN_ADMIN_USERNAME",
    "COUNTERSIGN_AUDIT_DECISIONS",
    "COUNTERSIGN_AUDIT_KEEP",
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_DATABASE",
    "COUNTERSIGN_IMPORT",
    "COUNTERSIGN_LIMIT_ADDRESS",
    "COUNTERSIGN_LIMIT_CLIENT",
    "COUNTERSIGN_LIMIT_FAILURES",
    "COUNTERSIGN_LISTEN",
    "COUNTERSIGN_LOG",
    "COUNTERSIGN_LOG_FORMAT",
    "COUNTERSIGN_MASTER_KEY",
    "COUNTERSIGN_MASTER_KEY_FILE",
    "COUNTERSIGN_METRICS",
    "COUNTERSIGN_PDP",
    "COUNTERSIGN_PRIVATE_HOSTS",
    "COUNTERSIGN_PUBLIC_URL",
    "COUNTERSIGN_SCRIPTS",
    "COUNTERSIGN_SCRIPTS_FOLDER",
    "COUNTERSIGN_TLS_CERT",
    "COUNTERSIGN_TLS_KEY",
    "COUNTERSIGN_TRUSTED_PROXIES",
];

/// Refuses variables that look like ours and mean nothing: a mistyped one would be ignored without a word
pub fn check_variables(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    for name in names.filter(|name| name.starts_with("COUNTERSIGN_")) {
        if !VARIABLES.contains(&name.as_str()) {
            let nearest = VARIABLES.iter().min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            return Err(ConfigError::Variable { name, nearest: nearest.copied().unwrap_or_default() });
        }
    }
    Ok(())
}

fn database_file(url: &str) -> Result<PathBuf, ConfigError> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(Path::new(path.strip_prefix("//").unwrap_or(path)).to_owned()),
        _ => Err(ConfigError::Database),
    }
}

/// Scheme and host, perhaps a path, nothing behind it
fn checked_url(url: &str) -> Result<&str, ConfigError> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let clean = !url.contains(['?', '#', '@', ' ', '\\', '"']) && url.is_ascii();
    if host.is_empty() || !clean { Err(ConfigError::PublicUrl) } else { Ok(url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_over_the_file_and_the_file_over_the_default() {
        let file: FileConfig =
            FileConfig::parse("listen = \"127.0.0.1:1\"\ndatabase = \"sqlite:a.db\"\n", "t.toml").unwrap();
        let args = ServeArgs { listen: Some("127.0.0.1:2".to_owned()), ..ServeArgs::default() };
        let config = Config::new(args, file).unwrap();
        assert_eq!(config.listen, "127.0.0.1:2");
        assert_eq!(config.database, Path::new("a.db"));
        assert_eq!(config.master_key, MasterKeySource::Beside);
        let config = Config::new(ServeArgs::default(), FileConfig::default()).unwrap();
        assert_eq!(
            (config.listen.as_str(), config.database.as_path()),
            (LISTEN, Path::new("countersign.db"))
        );
    }

    #[test]
    fn a_public_url_has_a_host_and_nothing_behind_its_path() {
        assert_eq!(checked_url("https://as.example/auth/").unwrap(), "https://as.example/auth");
        for url in ["as.example", "ftp://x", "https://", "https://a?b", "https://a#b", "https://u@h"] {
            assert!(checked_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_sqlite_is_served() {
        assert!(database_file("postgres://x").is_err());
        assert_eq!(database_file("sqlite:/var/lib/x.db").unwrap(), Path::new("/var/lib/x.db"));
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest_one() {
        let names = |name: &str| [name.to_owned(), "PATH".to_owned()].into_iter();
        assert_eq!(check_variables(names("COUNTERSIGN_LISTEN")), Ok(()));
        let error = check_variables(names("COUNTERSIGN_DATABSE")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown variable COUNTERSIGN_DATABSE; did you mean COUNTERSIGN_DATABASE?"
        );
    }

    #[test]
    fn a_folder_of_scripts_that_nobody_runs_is_refused() {
        let folder = Some(PathBuf::from("policies"));
        let args = ServeArgs { scripts_folder: folder.clone(), ..ServeArgs::default() };
        assert_eq!(Config::new(args.clone(), FileConfig::default()).unwrap_err(), ConfigError::ScriptsOff);
        let file = FileConfig::parse("scripts = true", "c.toml").unwrap();
        assert_eq!(Config::new(args, file).unwrap().scripts_folder, folder);
    }

    #[test]
    fn half_an_administrator_is_refused() {
        let args = ServeArgs { admin_username: Some("admin".to_owned()), ..ServeArgs::default() };
        assert_eq!(Config::new(args, FileConfig::default()).unwrap_err(), ConfigError::HalfAdmin);
    }
}
