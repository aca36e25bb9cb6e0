//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod operations;

pub use self::operations::{LogFormat, OperationArgs};
use crate::admin::AdminArgs;

/// User-managed access (UMA 2.0): an owner decides who may use what is hers, and every guard obeys
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    after_help = "Examples:
  countersign serve
      Listens on http://localhost:8080, keeps everything in countersign.db
  countersign serve --import realm.json --import users.json
      Imports realms in Keycloak's form at the first start
  countersign serve --listen 0.0.0.0:8080 --public-url https://as.example --database sqlite:/var/lib/countersign.db
      Serves others, behind a proxy that ends TLS
  countersign admin realm list
      Shows the realms of the server on this machine"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve
    Serve(Box<ServeArgs>),
    /// Import realms in Keycloak's form; one that is there already is left alone
    Import {
        /// Realm files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where everything is kept
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Say what an import would do and what would have no effect, and change nothing
    CheckImport {
        /// Realm files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Export a realm in Keycloak's form
    Export {
        /// Name of the realm
        realm: String,
        /// Where people go: into the same file, into one of their own beside it, or nowhere
        #[arg(long, value_enum, default_value_t = Users::Same)]
        users: Users,
        /// The private keys of the realm too: tokens that it signed stay good where it is imported
        #[arg(long)]
        secrets: bool,
        /// File to write, for its owner's eyes only [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Where everything is kept
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Administer a running server
    Admin(Box<AdminArgs>),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Compile a decision component to machine code, so that the server starts faster
    Precompile {
        /// Component (WebAssembly)
        input: PathBuf,
        /// Machine code for this version of the server
        output: PathBuf,
    },
}

/// Where the people of an export go
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Users {
    /// Into the same file
    Same,
    /// Into a file of their own
    Separate,
    /// Nowhere
    Skip,
}

/// Where everything is kept, as for `serve`
#[derive(Debug, Default, Clone, Args)]
pub struct StoreArgs {
    /// Configuration file [default: countersign.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: Option<PathBuf>,
    /// The database [default: sqlite:countersign.db]
    #[arg(long, value_name = "sqlite:FILE", env = "COUNTERSIGN_DATABASE")]
    pub database: Option<String>,
    /// File with the key that secrets are stored under [default: the one beside the database]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
}

/// Flags of `serve`, each with a variable behind it
#[derive(Debug, Default, Clone, Args)]
#[command(after_help = "A flag goes over its variable, a variable over countersign.toml.

Variables without a flag:
  COUNTERSIGN_MASTER_KEY        the master key itself: 32 bytes in base64
  COUNTERSIGN_ADMIN_USERNAME    first administrator, made at the first start
  COUNTERSIGN_ADMIN_PASSWORD
  COUNTERSIGN_LOG               what to log, for example `info` or `countersign=debug`")]
pub struct ServeArgs {
    /// Configuration file [default: countersign.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address and port; `localhost:PORT` means both loopback addresses; port 0 takes a free one
    /// [default: localhost:8080]
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_LISTEN")]
    pub listen: Option<String>,
    /// Where everything is kept [default: sqlite:countersign.db]
    #[arg(long, value_name = "sqlite:FILE", env = "COUNTERSIGN_DATABASE")]
    pub database: Option<String>,
    /// Realm in Keycloak's form, imported if the database does not have it yet; may come more than once
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_IMPORT", value_delimiter = ',')]
    pub import: Vec<PathBuf>,
    /// Base of all URLs as others see it, for example `https://as.example`
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Decision component in the place of the built-in one
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_PDP")]
    pub pdp: Option<PathBuf>,
    /// Run policies that are JavaScript [default: they deny]
    #[arg(long, env = "COUNTERSIGN_SCRIPTS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub scripts: Option<bool>,
    /// Folder of scripts that policies of type `script-FILE` name
    #[arg(long, value_name = "FOLDER", env = "COUNTERSIGN_SCRIPTS_FOLDER")]
    pub scripts_folder: Option<PathBuf>,
    /// File with the key that secrets are stored under [default: made beside the database]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// Host, with its port, from which clients' key sets may be fetched though it is private or has no TLS; others have to
    /// be public and https; may come more than once
    #[arg(
        long = "private-host",
        value_name = "HOST",
        env = "COUNTERSIGN_PRIVATE_HOSTS",
        value_delimiter = ','
    )]
    pub private_hosts: Vec<String>,
    /// TLS, proxies, limits, what is measured and what is written down
    #[command(flatten)]
    pub operations: OperationArgs,
    /// From the environment only: a command line can be read by others
    #[arg(skip)]
    pub master_key: Option<String>,
    /// From the environment only
    #[arg(skip)]
    pub admin_username: Option<String>,
    /// From the environment only
    #[arg(skip)]
    pub admin_password: Option<String>,
}

impl ServeArgs {
    /// Adds what only the environment says
    #[must_use]
    pub fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        self.master_key = set("COUNTERSIGN_MASTER_KEY");
        self.admin_username = set("COUNTERSIGN_ADMIN_USERNAME");
        self.admin_password = set("COUNTERSIGN_ADMIN_PASSWORD");
        self
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn files_to_import_may_come_more_than_once() {
        let cli = Cli::parse_from(["countersign", "serve", "--import", "a.json", "--import", "b.json"]);
        let Command::Serve(args) = cli.command else { panic!("serve was asked for") };
        assert_eq!(args.import.len(), 2);
    }
}
