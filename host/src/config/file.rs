//! `countersign.toml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::FileOperations;

/// The file that is read if it is there
const NAME: &str = "countersign.toml";

/// Every key of the file
const KEYS: &[&str] = &[
    "audit.decisions",
    "audit.keep",
    "database",
    "import",
    "limit.address",
    "limit.client",
    "limit.failures",
    "listen",
    "master_key_file",
    "metrics",
    "pdp",
    "private_hosts",
    "public_url",
    "scripts",
    "scripts_folder",
    "tls_cert",
    "tls_key",
    "trusted_proxies",
];

/// Tables of the file
const TABLES: [&str; 2] = ["audit", "limit"];

/// Why the configuration is refused
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read
    #[error("{file}: {reason}")]
    File {
        /// The file
        file: String,
        /// What is wrong
        reason: String,
    },
    /// No key has this name
    #[error("{file}: unknown key `{key}`; did you mean `{nearest}`?")]
    Unknown {
        /// The file
        file: String,
        /// As written
        key: String,
        /// The known one most like it
        nearest: &'static str,
    },
    /// No variable has this name
    #[error("unknown variable {name}; did you mean {nearest}?")]
    Variable {
        /// As set
        name: String,
        /// The known one most like it
        nearest: &'static str,
    },
    /// The value is of the wrong kind
    #[error("{file}: key `{key}` must be {wanted}")]
    Value {
        /// The file
        file: String,
        /// The key
        key: &'static str,
        /// What it takes
        wanted: &'static str,
    },
    /// Not a database that is served
    #[error("--database must be sqlite:FILE")]
    Database,
    /// Not a URL
    #[error("--public-url must be http:// or https:// with a host, without query and fragment")]
    PublicUrl,
    /// Listening for others without a public URL
    #[error(
        "listening on {0}, which others can reach, needs --public-url: tokens are good only under one known \
         issuer"
    )]
    NoPublicUrl(String),
    /// A certificate without its key, or the other way round
    #[error("--tls-cert and --tls-key go together")]
    HalfTls,
    /// A flag of those who run the server
    #[error("--{flag}: {reason}")]
    Operation {
        /// The flag; the key of the file is spelt alike
        flag: &'static str,
        /// What is wrong with it
        reason: String,
    },
    /// Two master keys
    #[error("give either --master-key-file or COUNTERSIGN_MASTER_KEY, not both")]
    TwoMasterKeys,
    /// Scripts that nobody would run
    #[error("a folder of scripts needs `scripts = true` (--scripts)")]
    ScriptsOff,
    /// A user name without a password, or the other way round
    #[error("COUNTERSIGN_ADMIN_USERNAME and COUNTERSIGN_ADMIN_PASSWORD go together")]
    HalfAdmin,
}

/// What a file says
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileConfig {
    /// `listen`
    pub listen: Option<String>,
    /// `database`
    pub database: Option<String>,
    /// `import`
    pub import: Vec<PathBuf>,
    /// `public_url`
    pub public_url: Option<String>,
    /// `private_hosts`
    pub private_hosts: Vec<String>,
    /// `pdp`
    pub pdp: Option<PathBuf>,
    /// `scripts`
    pub scripts: Option<bool>,
    /// `scripts_folder`
    pub scripts_folder: Option<PathBuf>,
    /// `master_key_file`
    pub master_key_file: Option<PathBuf>,
    /// What those who run the server configure
    pub operations: FileOperations,
}

impl FileConfig {
    /// Reads the file that was named, or [`NAME`] if that is there
    pub fn read(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(NAME));
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(error) => Err(ConfigError::File { file, reason: error.to_string() }),
        }
    }

    /// Reads a text; `file` is for messages
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| ConfigError::File {
            file: file.to_owned(),
            reason: error.message().to_owned(),
        })?;
        let mut config = Self::default();
        for (key, value) in flat(table) {
            let Some(known) = KEYS.iter().find(|known| **known == key) else {
                let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, &key));
                let nearest = nearest.copied().unwrap_or_default();
                return Err(ConfigError::Unknown { file: file.to_owned(), key, nearest });
            };
            let wrong = |wanted| ConfigError::Value { file: file.to_owned(), key: known, wanted };
            let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong("a text"));
            match *known {
                "listen" => config.listen = Some(text()?),
                "database" => config.database = Some(text()?),
                "public_url" => config.public_url = Some(text()?),
                "pdp" => config.pdp = Some(text()?.into()),
                "master_key_file" => config.master_key_file = Some(text()?.into()),
                "tls_cert" => config.operations.tls_cert = Some(text()?.into()),
                "tls_key" => config.operations.tls_key = Some(text()?.into()),
                "metrics" => config.operations.metrics = Some(text()?),
                "audit.decisions" => config.operations.audit_decisions = Some(text()?),
                "audit.keep" => {
                    let days = value.as_integer().ok_or_else(|| wrong("a number of days"))?;
                    config.operations.audit_keep = Some(days.to_string());
                }
                "limit.address" => config.operations.limit_address = Some(text()?),
                "limit.client" => config.operations.limit_client = Some(text()?),
                "limit.failures" => config.operations.limit_failures = Some(text()?),
                "scripts_folder" => config.scripts_folder = Some(text()?.into()),
                "scripts" => {
                    config.scripts = Some(value.as_bool().ok_or_else(|| wrong("true or false"))?);
                }
                "private_hosts" => {
                    config.private_hosts = texts(&value).ok_or_else(|| wrong("a list of hosts"))?;
                }
                "trusted_proxies" => {
                    config.operations.trusted_proxies =
                        texts(&value).ok_or_else(|| wrong("a list of networks"))?;
                }
                _ => {
                    let files = texts(&value).ok_or_else(|| wrong("a list of files"))?;
                    config.import = files.into_iter().map(PathBuf::from).collect();
                }
            }
        }
        Ok(config)
    }
}

/// Keys of the tables with the name of their table before them
fn flat(table: toml::Table) -> Vec<(String, toml::Value)> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value.as_table().filter(|_| TABLES.contains(&key.as_str())) {
            Some(inner) => {
                keys.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone())));
            }
            None => keys.push((key, value)),
        }
    }
    keys
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = FileConfig::parse("databse = \"sqlite:x\"", "c.toml").unwrap_err();
        assert_eq!(error.to_string(), "c.toml: unknown key `databse`; did you mean `database`?");
    }

    #[test]
    fn a_value_of_another_kind_is_refused_by_name() {
        let error = FileConfig::parse("import = \"x.json\"", "c.toml").unwrap_err();
        assert_eq!(error.to_string(), "c.toml: key `import` must be a list of files");
        let config = FileConfig::parse("import = [\"a.json\", \"b.json\"]", "c.toml").unwrap();
        assert_eq!(config.import.len(), 2);
    }

    #[test]
    fn keys_of_a_table_are_known_by_both_names() {
        let file = FileConfig::parse("audit.keep = 7\n[limit]\nclient = \"5/s\"\n", "c.toml").unwrap();
        assert_eq!(file.operations.audit_keep.as_deref(), Some("7"));
        assert_eq!(file.operations.limit_client.as_deref(), Some("5/s"));
        let error = FileConfig::parse("[audit]\nkept = 7\n", "c.toml").unwrap_err();
        assert_eq!(error.to_string(), "c.toml: unknown key `audit.kept`; did you mean `audit.keep`?");
        let error = FileConfig::parse("audit = 7\n", "c.toml").unwrap_err();
        assert!(error.to_string().contains("unknown key `audit`"), "{error}");
    }
}
