//! The command line of `countersign admin`.

mod audit;
mod authz;
mod identity;

use clap::{Args, Subcommand};

pub(super) use self::{
    audit::{Audit, AuditWhich},
    authz::{PermissionType, PolicyType, Resource, Rule, Scope, Share, Why},
    identity::{Client, Keys, Realm, Role, Session, User},
};

/// Administer realms, people, clients and what is shared
#[derive(Debug, Args)]
#[command(after_help = "Who administers:
  COUNTERSIGN_ADMIN_USERNAME and COUNTERSIGN_ADMIN_PASSWORD, or a prompt; the account is one of realm `master`
  COUNTERSIGN_ADMIN_TOKEN_FILE  file with an access token instead

Examples:
  countersign admin realm list
  countersign admin --realm photoz user create alice email=alice@example.org
  countersign admin --realm photoz user password alice
  countersign admin --realm photoz client create album-app --public --redirect-uri 'https://app.example/*'
  countersign admin --realm photoz policy create album-api user owners users=alice,bob
  countersign admin --realm photoz permission create album-api resource albums resources=Album policies=owners
  countersign admin --realm photoz audit tail --event decision.denied
  countersign admin --realm photoz why bob Album view --server album-api

Lists in KEY=VALUE are separated by commas; anything else may be JSON.")]
pub struct AdminArgs {
    /// Server, by http:// or https://
    #[arg(
        long,
        value_name = "URL",
        env = "COUNTERSIGN_ADMIN_URL",
        default_value = "http://localhost:8080",
        global = true
    )]
    pub url: String,
    /// File with certificates of authorities to trust besides those of this system (PEM)
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ADMIN_CA_FILE", global = true)]
    pub ca_file: Option<std::path::PathBuf>,
    /// Realm to administer
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_ADMIN_REALM", global = true)]
    pub realm: Option<String>,
    /// Print the server's answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to administer
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Realms and their settings
    #[command(subcommand)]
    Realm(Realm),
    /// People
    #[command(subcommand)]
    User(User),
    /// Clients and their secrets
    #[command(subcommand)]
    Client(Client),
    /// Roles of the realm or of a client
    #[command(subcommand)]
    Role(Role),
    /// Sign-ins
    #[command(subcommand)]
    Session(Session),
    /// Keys that tokens are signed with
    #[command(subcommand)]
    Keys(Keys),
    /// Resources of a resource server
    #[command(subcommand)]
    Resource(Resource),
    /// Scopes of a resource server
    #[command(subcommand)]
    Scope(Scope),
    /// Policies of a resource server
    #[command(subcommand)]
    Policy(Rule<PolicyType>),
    /// Permissions of a resource server
    #[command(subcommand)]
    Permission(Rule<PermissionType>),
    /// What owners share
    #[command(subcommand)]
    Share(Share),
    /// Why somebody may, or may not
    Why(Why),
    /// What was changed and decided
    #[command(subcommand)]
    Audit(Audit),
}

/// Members as KEY=VALUE
#[derive(Debug, Clone, Default, Args)]
pub struct Pairs {
    /// Members, for example `enabled=false` or `attributes.locale=de`
    #[arg(value_name = "KEY=VALUE")]
    pub members: Vec<String>,
}
